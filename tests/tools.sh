#!/bin/sh
# tools.sh - what this machine has and lacks of the tools in the Makefile.
#
#     TOOLS=... tools.sh doctor|setup GROUP...
#
# TOOLS is the Makefile's list: lines of "group check package what for". A check
# is a command, a <header.h>, or a /file; "fuzzer" asks whether clang links one.
# doctor says what is found; setup installs what is missing.

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

lines=$(printf '%s\n' "$TOOLS" | sed 's/^[[:space:]]*//' | grep .)
missing=
while read -r group check package purpose; do
    case $groups in *" $group "*) ;; *) continue ;; esac
    state=found
    if ! found "$check"; then
        state=MISSING
        case " $missing " in
        *" $package "*) ;;
        *) missing="$missing $package" ;;
        esac
    fi
    if [ "$action" = doctor ]; then
        printf '%-8s %-6s %-15s %s' $state "$group" "$check" "$purpose"
        [ $state = found ] || printf ' (apt-get install %s)' "$package"
        echo
    fi
done <<END
$lines
END
missing=${missing# }

if [ -z "$missing" ]; then
    [ "$action" = setup ] || echo "Everything is here."
    exit 0
fi
if [ "$action" = doctor ]; then
    echo "To get what is missing: make setup (tests: make setup test; bench:"
    echo "make setup-bench), or as root: apt-get install $missing"
    exit 1
fi

lack()
{
    echo "setup: $1; as root: apt-get update && apt-get install $missing" >&2
    exit 1
}

command -v apt-get >/dev/null || lack "no apt-get here, and missing is $missing"
root=
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || lack "missing is $missing, and no sudo"
    root=sudo
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
    lack "apt-get could not install $missing"
fi
