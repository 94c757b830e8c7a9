#!/usr/bin/env bash
# grade.sh [EX] - grades an exercise on the tree as it is; without EX lists
# those that can be graded. make grade EX=1.3 calls it.
#
#   graders/EX.sh: what is checked -> lib.sh: builds, starts servers, counts
#
# Exit status 0: full points, 1: not yet, 2: it cannot be graded here, and why.

cd "$(dirname "$0")/../.." || exit 2
here=docs/exercises

# The first line of a grader: "# 1.3 stars Title".
list() {
    local grader number stars title kind
    echo "Exercises that a program can grade: make grade EX=1.3"
    echo
    for grader in "$here"/graders/*.sh; do
        read -r _ number stars title < <(head -n 1 "$grader")
        kind="change the code"
        [ -e "$here/answers/$number" ] && kind="answer in $here/answers/$number"
        printf '  %s  %-5s %-32s %s\n' "$number" "$stars" "$title" "$kind"
    done
    echo
    echo "Each is expected to fail as shipped, with 0 points. The texts:"
    echo "$here/README.md; what the others ask for is not for a program to say."
}

EX=${1:-}
if [ -z "$EX" ]; then
    list
    exit 0
fi
if [ ! -f "$here/graders/$EX.sh" ]; then
    echo "grade: no grader for exercise $EX; make grade lists them" >&2
    exit 2
fi
# A change can make a server do anything: in the end all is over.
if [ -z "${GRADING:-}" ]; then
    export GRADING=1
    exec timeout -k 5 "${GRADE_SECONDS:-120}" "$here/grade.sh" "$EX"
fi
# shellcheck source=docs/exercises/lib.sh
. "$here/lib.sh"
grade_begin "$(sed -n '1s/^# //p' "$here/graders/$EX.sh")"
# shellcheck source=/dev/null
. "$here/graders/$EX.sh"
grade_end
