#!/usr/bin/env bash
# run.sh - is what make install and make deb give right, and does it serve?
#
#     MAKE=make BUILD=build run.sh
#
# First what can be seen from files: man pages, units. Then a root that is thrown
# away: this machine's, with a layer in memory above it that takes all that is
# written; in namespaces of its own, with a systemd of its own (boot.sh). There
# inside.sh installs the package and uses it. Nothing of that is left here but
# for the package in BUILD.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
# shellcheck source=../interop/lib.sh
. tests/interop/lib.sh
MAKE=${MAKE:-make} BUILD=${BUILD:-build}
tree=$home/tree group= booted=

# Ends what was booted, by its first process, and gives its cgroup back.
throw_away()
{
    [ -z "$booted" ] || kill -KILL "$booted" 2>/dev/null
    [ -z "$booted" ] || wait "$booted" 2>/dev/null
    for try in $(seq 50); do
        [ -n "$group" ] && [ -d "$group" ] || break
        find "$group" -depth -type d -exec rmdir {} + 2>/dev/null
        [ ! -d "$group" ] || sleep 0.1
    done
    leave
}
trap throw_away EXIT

installed() # the files of the tree
{
    (cd "$tree" && find . ! -type d | sort)
}

check_tree()
{
    local page option
    ok "make install puts everything beneath DESTDIR" \
        "$MAKE" -s BUILD="$BUILD" DESTDIR="$tree" PREFIX=/usr install
    for page in man8/fivefold.8 man5/fivefold.ini.5; do
        is "mandoc finds nothing wrong in ${page#*/}" "" \
            "$(mandoc -Tlint -W warning "$tree/usr/share/man/$page" 2>&1)"
        is "nor does man in ${page#*/}" "" \
            "$(man --warnings -l "$tree/usr/share/man/$page" 2>&1 >/dev/null)"
        is "nothing is left to fill in in ${page#*/}" "" \
            "$(grep -o '@[a-z]*@' "$tree/usr/share/man/$page")"
    done
    page=$(MANWIDTH=80 man -l "$tree/usr/share/man/man8/fivefold.8" | col -bx)
    for option in $("$tree/usr/sbin/fivefold" --help |
        sed -n 's/^  \(-[-a-z]*\).*/\1/p'); do
        has "fivefold(8) has $option" "  $option" "$page"
    done
    # 0 is a process that may do nothing, 10 one that may do all.
    ok "the service is exposed to little: at most 1.5 of 10" \
        systemd-analyze security --offline=true --threshold=15 --no-pager \
        --root="$tree" fivefold.service
    has "a file that was there is kept" "mine" "$(
        echo mine >"$tree/etc/fivefold/fivefold.ini"
        "$MAKE" -s BUILD="$BUILD" DESTDIR="$tree" PREFIX=/usr install
        cat "$tree/etc/fivefold/fivefold.ini"
    )"
    "$MAKE" -s BUILD="$BUILD" DESTDIR="$tree" PREFIX=/usr uninstall >/dev/null
    is "make uninstall leaves the configuration only" \
        ./etc/fivefold/fivefold.ini "$(installed)"
}

# Why there can be no throw-away root here; nothing if there can.
hindrance()
{
    [ "$(id -u)" = 0 ] || { echo "not root"; return; }
    [ -x /lib/systemd/systemd ] || { echo "no systemd"; return; }
    unshare --mount --pid --fork sh -c \
        "mount -t tmpfs none '$home' && cd '$home' && mkdir a b c &&
        mount -t overlay -o lowerdir=/,upperdir=a,workdir=b none c" \
        2>/dev/null || { echo "no overlay file system may be mounted"; return; }
    [ -n "$(groups_root)" ] || echo "no cgroup may be made"
}

# Where cgroups of version 2 are.
groups_root()
{
    local where
    where=$(findmnt -n -o TARGET -t cgroup2 | head -n 1)
    [ -n "$where" ] && [ -w "$where/cgroup.procs" ] && echo "$where"
}

boot()
{
    local try
    group=$(groups_root)/fivefold-install-$$
    mkdir "$group" || return 1
    (
        echo "$BASHPID" >"$group/cgroup.procs"
        exec unshare --mount --pid --net --uts --ipc --cgroup --fork \
            --kill-child tests/install/boot.sh "$home" "$top/$BUILD"
    ) >"$home/boot.log" 2>&1 &
    booted=$!
    for try in $(seq 300); do
        kill -0 "$booted" 2>/dev/null || return 1
        inside systemctl is-active --quiet basic.target 2>/dev/null && return 0
        sleep 0.1
    done
    return 1
}

inside() # COMMAND...: in the throw-away root
{
    local first
    first=$(cat "/proc/$booted/task/$booted/children" 2>/dev/null)
    [ -n "${first%% *}" ] &&
        nsenter -t "${first%% *}" -m -p -n -u -i -C -r -w -- \
            env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 "$@"
}

check_tree
ok "make deb makes a package" "$MAKE" -s BUILD="$BUILD" deb
why=$(hindrance)
if [ -n "$why" ]; then
    echo "skipped: the installed package, as here $why"
elif boot; then
    inside bash /srv/install-check/inside.sh >"$home/inside.log" 2>&1
    sed '$d' "$home/inside.log" # its sum is part of ours
    read -r p _ f _ < <(tail -n 1 "$home/inside.log")
    if [ "${f:-x}" -ge 0 ] 2>/dev/null; then
        passed=$((passed + p)) failed=$((failed + f))
    else
        fail "the checks inside come to their end" "$(tail -n 3 "$home/inside.log")"
    fi
else
    fail "a systemd of its own boots" "$(tail -n 5 "$home/boot.log")"
fi
echo
finish
