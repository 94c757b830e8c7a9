#!/usr/bin/env bash
# check.sh [EX...] - are the graders right? (all)
#
#   working copy in BUILD/exercises -> grade: 0 points -> solution applied
#     -> grade: full points, no warning -> solution taken back -> next
#
# As shipped an exercise has to get nothing, or doing nothing would be worth
# something; with its solution everything, or it cannot be solved. One copy
# serves all, so that only what a patch touches is compiled.

cd "$(dirname "$0")/../.." || exit 2
top=$PWD
BUILD=${BUILD:-build}
MAKE=${MAKE:-make}
copy=$BUILD/exercises
log=$top/$BUILD/exercises.log
export BUILD=build MAKE

# The same sources and objects, times kept, so that make sees nothing to do.
prepare() {
    rm -rf "$copy"
    mkdir -p "$copy/docs" "$copy/build/docs" "$copy/tests"
    cp -a Makefile common stage?_* "$copy/"
    cp -a docs/exercises docs/docs.mk "$copy/docs/"
    cp -a tests/tools.sh tests/tools.txt tests/broken "$copy/tests/"
    cp -a "$1"/common "$1"/stage?_* "$1"/lib*.a "$1"/fivefold-? \
        "$copy/build/"
    : >"$log"
}

# The copy lies inside a repository that it is no part of.
apply() {
    GIT_CEILING_DIRECTORIES=$(dirname "$PWD") git apply "$@" >>"$log" 2>&1
}

# graded EX POINTS: does it get as many?
graded() {
    docs/exercises/grade.sh "$1" >last.log 2>&1
    cat last.log >>"$log"
    grep -qx "points: $2/10" last.log
}

fault() { # EX WHAT
    echo "FAIL    $1: $2"
    sed 's/^/        /' last.log
    failed=$((failed + 1))
}

prepare "${copy%/exercises}"
cd "$copy" || exit 2
passed=0 failed=0
if [ $# -eq 0 ]; then
    for grader in docs/exercises/graders/*.sh; do
        set -- "$@" "$(basename "$grader" .sh)"
    done
fi
for ex; do
    solution=docs/exercises/solutions/$ex.patch
    echo "=== $ex" | tee last.log >>"$log"
    if ! graded "$ex" 0; then
        fault "$ex" "as shipped it should get 0 points"
    elif ! apply "$solution"; then
        fault "$ex" "the solution does not apply"
    else
        if graded "$ex" 10; then
            echo "OK      $ex"
            passed=$((passed + 1))
        else
            fault "$ex" "with its solution it should get 10 points"
        fi
        apply -R "$solution"
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
