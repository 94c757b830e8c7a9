#!/usr/bin/env bash
# units.sh - runs each unit test in BUILD alone, so that one that crashes does
# not hide the others.
#
#     units.sh [BUILD [WRAP]]     WRAP: a command before each, as valgrind
cd "$(dirname "$0")/.." || exit 2
status=0
for source in tests/unit/*/test_*.c; do
    test=${1:-build}/${source%.c}
    echo "== $test"
    # shellcheck disable=SC2086 # a command with its options
    ${2-} "$test" || { echo "FAILED  ] $test: status $?"; status=1; }
done
exit $status
