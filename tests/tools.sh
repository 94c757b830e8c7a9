#!/bin/sh
# tools.sh - what this machine has and lacks of the tools that the jobs need.
#
#     tools.sh doctor|setup|hint GROUP...
#
# The list is in tools.txt beside it. doctor says what is found; setup installs what is missing; hint is for a
# command that has failed: one line if that may be because something is missing.
# doctor's status is 1 only if the server cannot be built or run; hint's always.

set -u
action=$1
shift
groups=" $* "

found()
{
    case $1 in
    fuzzer)
        command -v clang >/dev/null &&
            [ -e "$(clang -print-file-name=libclang_rt.fuzzer-"$(uname -m)".a)" ]
        ;;
    \<*)
        header=${1#<}
        for place in /usr/include /usr/local/include /usr/include/*-linux-gnu*; do
            [ -e "$place/${header%>}" ] && return 0
        done
        return 1
        ;;
    /*) [ -e "$1" ] ;;
    *) command -v "$1" >/dev/null ;;
    esac
}

lines=$(grep -v '^#' "$(dirname "$0")/tools.txt" | grep .)
missing=
essential=0
while read -r group check package purpose; do
    case $groups in *" $group "*) ;; *) continue ;; esac
    state=found
    if ! found "$check"; then
        state=MISSING
        case $group in build | run) essential=1 ;; esac
        case " $missing " in
        *" $package "*) ;;
        *) missing="$missing $package" ;;
        esac
    fi
    if [ "$action" = doctor ]; then
        printf '%-8s %-7s %-15s %s' $state "$group" "$check" "$purpose"
        [ $state = found ] || printf ' (apt-get install %s)' "$package"
        echo
    fi
done <<END
$lines
END
missing=${missing# }

install="apt-get update && apt-get install $missing"

case $action in
hint)
    [ -z "$missing" ] ||
        echo "missing here: $missing; make setup-all gets it, or as root: $install" >&2
    exit 1
    ;;
doctor)
    if [ -z "$missing" ]; then
        echo "Everything is here."
        exit 0
    fi
    echo
    echo "To get it: make setup run (to serve), make setup test, make setup-all"
    echo "(for make test-all), make setup-bench (to measure); or as root:"
    echo "$install"
    exit $essential
    ;;
esac
[ -n "$missing" ] || exit 0

lack()
{
    echo "setup: $1; as root: $install" >&2
    exit 1
}

command -v apt-get >/dev/null ||
    { echo "setup: no apt-get here; missing is $missing, by Debian's names" >&2; exit 1; }
root=
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || lack "no sudo here"
    # sudo drops the variable, and a question of debconf would go unseen.
    root="sudo env DEBIAN_FRONTEND=noninteractive"
fi
echo "setup: installing $missing"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# Without the update a fresh machine knows no package at all. It may fail for
# one source and still be enough.
$root apt-get -q update >"$log" 2>&1 || true
# shellcheck disable=SC2086 # a list of packages
if ! $root apt-get -q install -y --no-install-recommends $missing \
    >>"$log" 2>&1; then
    tail -n 5 "$log" >&2
    lack "apt-get failed"
fi
