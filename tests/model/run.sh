#!/usr/bin/env bash
# run.sh - checks the models: every order in which their threads can run.
#
#     run.sh [WORD...]       checks whose name contains one of the words
#     run.sh --trace WORD    the steps that lead to what such a check finds
#
# model -> spin -> pan.c -> pan, which visits every state -> one line a check
#
# "ok" means that nothing was found in any of so many states, "found" that a
# seeded fault was, and for the reason that it should be. Anything else fails.
# The last line is the sum. docs/model.md explains the properties.

set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
export OUT="$PWD/${BUILD:-build}/model" MODELS="$PWD/tests/model"

# name | model | how | macros [| what spin says of the fault | in words]
#
# how: states (assertions, and no thread stuck at the end), cycles (nobody turns
# in circles: nothing here goes on for ever), or the name of a formula.
CHECKS='
pipeline: two threads in each pool|pipeline|states|RECV_POOL=2 WORK_POOL=2 SEND_POOL=2 STOP_WHEN_QUIET
pipeline: a stop at any moment|pipeline|states|CONNS=2
pipeline: stop_seconds pass at any moment|pipeline|states|CONNS=1 PARTS=2 PIECES=2 EXPIRIES=1 IMPATIENT
pipeline: a slot is used again|pipeline|states|SLOTS=1 EXPIRIES=1
pipeline: more connections than slots|pipeline|states|CONNS=3 SLOTS=2 STOP_WHEN_QUIET
pipeline: requests in pieces|pipeline|states|PARTS=2 PIECES=2 RECV_POOL=2 STOP_WHEN_QUIET
pipeline: requests behind one another|pipeline|states|CONNS=1 PARTS=2 PIECES=4 EXPIRIES=1
pipeline: clients that leave or do not read|pipeline|states|CONNS=1 PARTS=2 PIECES=2 EXPIRIES=1 LEAVE SHORT_WRITES
pipeline: too much is waiting|pipeline|states|QUEUE_MAX=1 STOP_WHEN_QUIET
pipeline: shortcut|pipeline|states|SHORTCUT STOP_WHEN_QUIET RECV_POOL=2 WORK_POOL=2
pipeline: nobody turns in circles|pipeline|cycles|PARTS=2 SLOTS=1 EXPIRIES=1
pipeline: every request is answered|pipeline|answered|NO_STOP PARTS=2 PIECES=2
pipeline: a stop ends|pipeline|ends|CONNS=1 PARTS=2 PIECES=2 EXPIRIES=1
fault: ONESHOT is missing|pipeline|cycles|CONNS=1 PARTS=2 PIECES=2 FAULT_ONESHOT_MISSING|non-progress cycle|turns in circles
fault: the generation is not compared|pipeline|states|SLOTS=1 EXPIRIES=1 FAULT_GENERATION_NOT_COMPARED|(c==i)|one is taken for another
fault: a task is not posted|pipeline|states|FAULT_POST_LOST STOP_WHEN_QUIET|.asked|a request is lost
fault: posted before it is put|pipeline|states|CONNS=1 FAULT_POST_BEFORE_PUT|ended|a thread ends too soon
fault: next is read after handing on|pipeline|states|PARTS=2 PIECES=2 STOP_WHEN_QUIET FAULT_NEXT_READ_LATE|.holder|touched by who does not own it
fault: watched before it is listed|pipeline|states|CONNS=1 STOP_WHEN_QUIET FAULT_WATCHED_BEFORE_LISTED|.asked|a request is lost
fault: taken from the list after the unlock|pipeline|states|CONNS=1 EXPIRIES=1 FAULT_TAKEN_AFTER_UNLOCK|.listed|taken twice
fault: the stop is seen without the lock|pipeline|states|CONNS=1 FAULT_STOP_SEEN_UNLOCKED|.got>0|somebody idle is listed
fault: stopping is read before the count|pipeline|states|CONNS=1 EXPIRIES=1 FAULT_STOPPING_READ_EARLY|(count>0)|nobody tells the master
fault: the acceptor is not joined first|pipeline|states|CONNS=1 FAULT_ACCEPTOR_NOT_JOINED|.owed|closed without an answer
fault: closed without a word|pipeline|states|CONNS=1 PIECES=2 SHORT_WRITES FAULT_CLOSED_WITHOUT_A_WORD|.owed|closed without an answer
fault: told for ever|pipeline|cycles|PARTS=2 SLOTS=1 EXPIRIES=1 FAULT_GONE_NOT_READ|non-progress cycle|turns in circles
fault: the poller is not woken|pipeline|states|CONNS=1 FAULT_POLLER_NOT_WOKEN|invalid end state|a stop does not end
fault: one post too few at the end|pipeline|states|CONNS=1 WORK_POOL=2 FAULT_SHUT_ONE_TOO_FEW|invalid end state|a stop does not end
'

# Prints the macros as options.
options()
{
    local macro
    for macro in $1; do printf -- '-D%s ' "$macro"; done
}

# build NAME MODEL HOW MACROS: the directory of the check, with pan made in it.
build()
{
    local dir=$OUT/${1//[^a-zA-Z0-9]/-} how="-DSAFETY"
    rm -rf "$dir" && mkdir -p "$dir" && cd "$dir" || return 1
    case $3 in
    states) ;;
    cycles) how=-DNP ;;
    *) how= ;;
    esac
    # Not optimized: compiling would take longer than it saves.
    # shellcheck disable=SC2046,SC2086 # several options
    spin $(options "$4") -a "$MODELS/$2.pml" >spin.log 2>&1 &&
        gcc -w $how ${SEARCH:-} -DCOLLAPSE -DMEMLIM=3000 -o pan pan.c >gcc.log 2>&1
}

# check ROW: one line, "ok ...", "found ..." or "FAIL ...".
check()
{
    local name model how macros expected words said
    IFS='|' read -r name model how macros expected words <<<"$1"
    build "$name" "$model" "$how" "$macros" || {
        echo "FAIL $name: does not compile, see $PWD"
        return
    }
    case $how in
    states) set -- ;;
    cycles) set -- -l ;;
    *) set -- -a -E -N "$how" ;;
    esac
    ./pan "$@" -m100000 -w22 -n >pan.log 2>&1
    said=$(sed -n 's/^pan:1: \(.*\) (at depth.*/\1/p' pan.log | head -n 1)
    if [ -n "$said" ] && [ -n "$expected" ] &&
        [[ $said == *"$expected"* ]]; then
        echo "found  $name: $words"
    elif [ -n "$said" ]; then
        echo "FAIL $name: $said"
    elif ! grep -q 'errors: 0' pan.log || grep -qE 'not completed|too small' pan.log; then
        echo "FAIL $name: the search is not complete, see $PWD/pan.log"
    elif [ -n "$expected" ]; then
        echo "FAIL $name: not found"
    else
        echo "ok     $name: $(sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p' \
            pan.log | tail -n 1) states"
    fi
}

# wanted WORD...: rows of the table whose name contains a word; none: all.
wanted()
{
    local row word
    while read -r row; do
        [ -n "$row" ] || continue
        [ $# -gt 0 ] || echo "$row"
        for word; do
            case ${row%%|*} in *"$word"*)
                echo "$row"
                break
                ;;
            esac
        done
    done <<<"$CHECKS"
}

# The steps that lead there, as few as can be: process, line, what it does.
trace()
{
    local name model how macros row
    row=$(wanted "$1" | head -n 1)
    IFS='|' read -r name model how macros _ <<<"$row"
    [ -n "$name" ] || { echo "trace: no check is called so" >&2; exit 2; }
    [ "$how" != states ] || SEARCH=-DBFS
    check "$row"
    cd "$OUT/${name//[^a-zA-Z0-9]/-}" && [ -e "$model.pml.trail" ] || exit 1
    # shellcheck disable=SC2046
    spin $(options "$macros") -t -p -k "$model.pml.trail" "$MODELS/$model.pml" |
        sed -n "s/.*proc *[0-9]* (:*\([a-z_]*\):*:1) [^ ]*\/\([^ ]*\) (state [0-9]*)\t\[\(.*\)\]$/\1\t\2\t\3/p
            s/.*START OF CYCLE.*/(from here on again and again)/p" |
        grep -vE $'\t(assert.*|else|break|goto.*|\\(?1\\)?|\\(run .*|\\(*i[<=> ].*)$' |
        expand -t 22,48
}

command -v spin >/dev/null ||
    { echo "model: no spin; get it by: make setup" >&2; exit 1; }
if [ "${1:-}" = --trace ]; then
    trace "${2:?--trace needs a word}"
    exit
fi
mkdir -p "$OUT"
export -f check build options
# shellcheck disable=SC2016 # $0 is the row
wanted "$@" | xargs -r -d '\n' -P "${JOBS:-$(nproc)}" -n 1 \
    bash -c 'check "$0"' | tee "$OUT/all.log"
passed=$(grep -cE '^(ok|found) ' "$OUT/all.log")
failed=$(grep -cvE '^(ok|found) ' "$OUT/all.log")
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
