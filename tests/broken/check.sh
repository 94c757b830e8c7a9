#!/bin/sh
# check.sh - is each bug of this directory caught?
#
#   patch -> working copy in BUILD/broken -> make -> the named test must fail
#         -> patch taken back -> next
#
# A patch says in its first lines which test must fail ("catches: suite
# FILTER", "catches: durability FILTER", "catches: unit ROOM/test_x", "catches:
# cluster WORDS", "catches: layers WORDS" or "catches: stages WORDS", where WORDS
# are in the line that says so), which variables make needs, and what the bug is. Two lanes
# take the patches in turn, each with a copy of its own that serves for all it
# takes, so that only what a patch touches is compiled. With "alone: why" a bug
# that shows in how fast something is, or in what it takes of the processor, has
# both to itself at the end.
# Arguments: the patches to try; none: all.
set -u
cd "$(dirname "$0")/../.." || exit 1
top=$PWD
build=${BUILD:-build}
copies=$top/$build/broken
seconds=60 # for one test; a server that hangs is caught by the suite's limits
log=$copies/log

header() { sed -n "s/^# $1: //p" "$2" | head -n 1; }

# The tree as it is, built.
prepare() {
    rm -rf "$copies"
    mkdir -p "$copies/taken"
    make BUILD="$build" all "$build/tests/behaviour/suite" >"$log" 2>&1 || {
        echo "the tree itself does not build: see $log"
        exit 1
    }
}

# The same sources and objects, times kept, so that make sees nothing to do.
copy_to() {
    mkdir -p "$1/build" "$1/docs"
    cp -a Makefile common stage?_* tests "$1/"
    cp -a docs/cluster "$1/docs/"
    cp -a "$build"/common "$build"/stage?_* "$build"/tests \
        "$build"/lib*.a "$build"/fivefold-? "$1/build/"
}

# The copy lies inside a repository that it is no part of.
apply() { GIT_CEILING_DIRECTORIES=$top/$build git apply "$@" >>"$log" 2>&1; }

# The words of a "catches" line, quotes respected: $1 suite, unit, ...,
# then arguments (of cluster: words of the check). Succeeds if the test fails.
fails() {
    eval "set -- $1"
    kind=$1
    shift
    case $kind in
    suite)
        stage=$(echo "$*" | sed -n 's/.*--stages \([0-9]\).*/\1/p')
        # Objects of a sanitizer are not to be mixed with the others.
        dir=$(echo "$variables" | sed -n 's/.*BUILD=\([^ ]*\).*/\1/p')
        dir=${dir:-build}
        make $variables "$dir/fivefold-$stage" >>"$log" 2>&1 || return 2
        timeout "$seconds" build/tests/behaviour/suite --servers "$dir" \
            "$@" >>"$log" 2>&1
        case $? in
        0) return 1 ;;
        2) return 3 ;; # the words are in no test's name
        esac
        ;;
    durability)
        make $variables "build/fivefold-$(echo "$*" | sed -n 's/.*--stage \([0-9]\).*/\1/p')" \
            build/tests/durability/durability build/tests/durability/faults.so >>"$log" 2>&1 || return 2
        ! timeout "$seconds" build/tests/durability/durability "$@" >>"$log" 2>&1
        ;;
    unit)
        make $variables "build/tests/unit/$1" >>"$log" 2>&1 || return 2
        ! timeout "$seconds" "build/tests/unit/$1" >>"$log" 2>&1
        ;;
    cluster)
        command -v haproxy >>"$log" || return 2
        make $variables tests/interop/node_modules/.package-lock.json >>"$log" 2>&1 || return 2
        timeout "$seconds" make -s $variables check-cluster >"$log.cluster" 2>&1
        cat "$log.cluster" >>"$log"
        grep -q "^not ok .*$1" "$log.cluster"
        ;;
    layers | stages)
        "$top/tests/$kind.sh" . >"$log.$kind"
        complained=$?
        cat "$log.$kind" >>"$log"
        [ "$complained" != 0 ] && grep -q "$1" "$log.$kind"
        ;;
    *) return 3 ;;
    esac
}

# Prints what became of the patch.
try() {
    name=$(basename "$1" .patch)
    # Some compilers warn of a bug: that does not catch it.
    variables="WERROR= $(header make "$1")"
    echo "=== $name" >>"$log"
    if ! apply "$1"; then
        echo "STALE   $name: the patch does not apply"
        return
    fi
    fails "$(header catches "$1")"
    status=$?
    apply -R "$1"
    case $status in
    0) echo "caught  $name" ;;
    1) echo "MISSED  $name" ;;
    3) echo "BROKEN  $name: there is no such test: $(header catches "$1")" ;;
    *) echo "BROKEN  $name: does not compile, see $log" ;;
    esac
}

# Tries those patches that the other lane has not taken. A build directory of
# its own is made once: what needs one waits for the first lane.
lane() {
    number=$1
    shift
    copy=$copies/$number
    log=$copies/log$number
    [ -d "$copy" ] || copy_to "$copy"
    cd "$copy" || exit 1
    # What a suite leaves that was cut short goes with the copy.
    mkdir -p tmp && export TMPDIR="$PWD/tmp"
    for patch in "$@"; do
        case $patch in /*) ;; *) patch=$top/$patch ;; esac
        case $number$(header make "$patch") in 2*BUILD=*) continue ;; esac
        mkdir "$copies/taken/$(basename "$patch")" 2>>"$log" || continue
        try "$patch" | tee -a "$copies/results"
    done
}

[ $# -gt 0 ] || set -- tests/broken/*.patch
for patch; do
    [ -f "$patch" ] || {
        echo "check.sh: there is no $patch" >&2
        exit 2
    }
done
prepare
lane 1 $(grep -L '^# alone: ' "$@") &
lane 2 $(grep -L '^# alone: ' "$@") &
wait
lane 1 $(grep -l '^# alone: ' "$@") &
wait
caught=$(grep -c '^caught' "$copies/results")
missed=$(grep -vc '^caught' "$copies/results")
echo "$caught passed, $missed failed"
[ "$missed" = 0 ]
