#!/bin/sh
# check.sh - is each bug of this directory caught?
#
#   patch -> working copy in BUILD/broken -> make -> the named test must fail
#         -> patch taken back -> next
#
# A patch says in its first lines which test must fail ("catches: suite
# FILTER", "catches: durability FILTER", "catches: unit test_x" or "catches: cluster WORDS"), which variables
# make needs, and what the bug is. One copy serves all, so that only what a patch touches is compiled.
# Arguments: the patches to try; none: all, or with HALF=1, HALF=2 every other one.
set -u
cd "$(dirname "$0")/../.." || exit 1
top=$PWD
build=${BUILD:-build}
half=${HALF-} # 1 or 2: every other one, with a copy of its own
copy=$build/broken$half
seconds=60 # for one test; a server that hangs is caught by the suite's limits
log=$top/$build/broken$half.log

header() { sed -n "s/^# $1: //p" "$2" | head -n 1; }

# The same sources and objects, times kept, so that make sees nothing to do.
prepare() {
    mkdir -p "$build"
    make BUILD="$build" all "$build/tests/behaviour/suite" >"$log" 2>&1 || {
        echo "the tree itself does not build: see $log"
        exit 1
    }
    rm -rf "$copy"
    mkdir -p "$copy/build"
    cp -a Makefile common stage?_* tests "$copy/"
    mkdir "$copy/docs"
    cp -a docs/cluster "$copy/docs/"
    cp -a "$build"/common "$build"/stage?_* "$build"/tests \
        "$build"/libcommon.a "$build"/fivefold-? "$copy/build/"
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
        ! timeout "$seconds" build/tests/behaviour/suite --servers "$dir" \
            "$@" >>"$log" 2>&1
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
    *) return 2 ;;
    esac
}

prepare
cd "$copy" || exit 1
# What a suite leaves that was cut short goes with the copy.
mkdir -p tmp && export TMPDIR="$PWD/tmp"
missed=0
[ $# -gt 0 ] || set -- "$top"/tests/broken/*.patch
number=0
for patch in "$@"; do
    number=$((number + 1))
    [ -z "$half" ] || [ $((number % 2)) = $((half % 2)) ] || continue
    case $patch in /*) ;; *) patch=$top/$patch ;; esac
    name=$(basename "$patch" .patch)
    # Some compilers warn of a bug: that does not catch it.
    variables="WERROR= $(header make "$patch")"
    echo "=== $name" >>"$log"
    if ! apply "$patch"; then
        echo "STALE   $name: the patch does not apply"
        missed=$((missed + 1))
        continue
    fi
    fails "$(header catches "$patch")"
    case $? in
    0) echo "caught  $name" ;;
    1)
        echo "MISSED  $name"
        missed=$((missed + 1))
        ;;
    *)
        echo "BROKEN  $name: does not compile, see $log"
        missed=$((missed + 1))
        ;;
    esac
    apply -R "$patch"
done
[ "$missed" -eq 0 ] || echo "$missed not caught"
[ "$missed" -eq 0 ]
