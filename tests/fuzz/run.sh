#!/usr/bin/env bash
# run.sh - each fuzz_NAME.c for FUZZ_SECONDS (20): built by clang with the
# sanitizers, started from corpus/NAME. What it finds goes to build/fuzz/; an
# input worth keeping is copied to the corpus by hand.
#
#     run.sh [NAME...]

set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
seconds=${FUZZ_SECONDS:-20}
out=build/fuzz
passed=0 failed=0
mkdir -p $out

# The library with coverage counters; main.c has the server's main.
make -s -j2 BUILD=$out/lib CC=clang OPT="-O1 -g" \
    SANITIZE=fuzzer-no-link,address,undefined libs || exit 1

[ $# -gt 0 ] || set -- $(ls tests/fuzz/fuzz_*.c | sed 's/.*fuzz_//;s/\.c$//')
for name; do
    echo "== $name"
    clang -std=c11 -D_GNU_SOURCE -O1 -g -Icommon \
        -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
        -o $out/$name tests/fuzz/fuzz_$name.c \
        -Wl,--start-group $out/lib/lib*.a -Wl,--end-group \
        -lsqlite3 -ljansson -linih -lcrypt -pthread || {
        failed=$((failed + 1))
        continue
    }
    mkdir -p $out/found/$name
    known=()
    [ -d tests/fuzz/corpus/$name ] && known=(tests/fuzz/corpus/$name)
    dict=()
    [ -f tests/fuzz/$name.dict ] && dict=(-dict=tests/fuzz/$name.dict)
    if $out/$name -max_total_time="$seconds" -timeout=10 -print_final_stats=1 \
        -artifact_prefix=$out/$name- "${dict[@]}" $out/found/$name \
        "${known[@]}" >$out/$name.log 2>&1; then
        passed=$((passed + 1))
        grep -E 'number_of_executed_units|new_units_added' $out/$name.log
    else
        failed=$((failed + 1))
        grep -aE 'ERROR|SUMMARY|runtime error|Test unit' $out/$name.log
        echo "all of it: $out/$name.log"
    fi
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]
