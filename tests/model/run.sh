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
# in circles: nothing here goes on for ever), or the name of a formula; of one
# that begins with fair_, if no thread that can go on waits for ever.
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
strand: two workers, two fronts|strand|states|FRONTS=2 KEYS=1 STOP_WHEN_QUIET
strand: three workers|strand|states|WORKERS=3 CHAIN=3 STOP_WHEN_QUIET
strand: a stop at any moment|strand|states|TASKS=3 ONLY_WRITES
strand: keys take turns|strand|states|TURNS STOP_WHEN_QUIET
strand: nobody waits behind something slow|strand|states|WORKERS=4 KEYS=1 WAKE_TASKS=8 ONLY_READS SLOW STOP_WHEN_QUIET
strand: posts that come late|strand|states|TASKS=2 LATE_POSTS
strand: writers move on, and are grouped|strand|states|DATABASE KEYS=1 TASKS=4 ONLY_WRITES STOP_WHEN_QUIET
strand: readers and writers, of whom one may wait|strand|states|DATABASE KEYS=1 KEY_MAX=1 STOP_WHEN_QUIET
strand: transactions that think|strand|states|DATABASE KEYS=1 TRANSACTIONS ONLY_WRITES STOP_WHEN_QUIET
strand: writers that have waited too long|strand|states|DATABASE KEYS=1 WORKERS=1 TRANSACTIONS ONLY_WRITES TICKS=2 STOP_WHEN_QUIET
strand: another process has the lock|strand|states|DATABASE KEYS=1 TASKS=2 ANOTHER_PROCESS TICKS=1 STOP_WHEN_QUIET
strand: a stop while a transaction thinks|strand|states|DATABASE KEYS=1 TASKS=2 TRANSACTIONS ONLY_WRITES
strand: nobody turns in circles|strand|cycles|DATABASE KEYS=1 TASKS=2 TRANSACTIONS STOP_WHEN_QUIET
strand: nor while all is slow|strand|cycles|KEYS=1 ONLY_READS WORKERS=2 SLOW STOP_WHEN_QUIET
strand: a key that is asked for all the time|strand|fair_answered|TASKS=2 ENDLESS NO_STOP STOP_WHEN_QUIET
inbox: a front is told while it sleeps|inbox|states|
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
fault: freed after the unlock|strand|states|TASKS=2 STOP_WHEN_QUIET FAULT_FREED_AFTER_UNLOCK|.count==0|a task is lost with its strand
fault: freed while it is listed|strand|states|DATABASE KEYS=1 WORKERS=1 TRANSACTIONS ONLY_WRITES TICKS=2 STOP_WHEN_QUIET FAULT_FREED_WHILE_LISTED|.used|used after it was freed
fault: a ready strand is not looked at again|strand|states|DATABASE KEYS=1 WORKERS=1 TRANSACTIONS ONLY_WRITES TICKS=1 STOP_WHEN_QUIET FAULT_NOT_LOOKED_AT_AGAIN|told|a worker at a key that is held
fault: holds do not nest|strand|states|DATABASE KEYS=1 WORKERS=1 TRANSACTIONS ONLY_WRITES TICKS=1 STOP_WHEN_QUIET FAULT_HOLDS_DO_NOT_NEST|told|a worker at a key that is held
fault: who finishes leaves it as it is|strand|states|TASKS=2 STOP_WHEN_QUIET FAULT_LEFT_AS_IT_IS|.at==3|a task is lost
fault: two at one key|strand|states|TASKS=2 ONLY_WRITES STOP_WHEN_QUIET FAULT_TWO_AT_ONE_KEY|inside|two at one key
fault: put back behind the others|strand|states|DATABASE KEYS=1 TASKS=4 ONLY_WRITES STOP_WHEN_QUIET FAULT_PUT_BACK_BEHIND|done_number|out of order
fault: one of a group is done again|strand|states|DATABASE KEYS=1 ONLY_WRITES STOP_WHEN_QUIET FAULT_ONE_IS_DONE_AGAIN|.at==2|done twice
fault: answered after it has moved on|strand|states|DATABASE KEYS=1 TASKS=2 STOP_WHEN_QUIET FAULT_ANSWERED_AFTER_MOVE|.at==2|touched by who does not have it
fault: a worker sleeps before it is counted|strand|states|TASKS=2 STOP_WHEN_QUIET FAULT_SLEEPS_UNCOUNTED|.at==3|a task is lost
fault: a master sleeps before it is counted|strand|states|DATABASE KEYS=1 TASKS=2 ANOTHER_PROCESS STOP_WHEN_QUIET FAULT_MASTER_SLEEPS_UNCOUNTED|.at==3|a task is lost
fault: only who adds tells the master|strand|states|WORKERS=4 TASKS=2 KEYS=1 WAKE_TASKS=8 ONLY_READS SLOW STOP_WHEN_QUIET FAULT_ONLY_WHO_ADDS_TELLS|ready_count|waits behind something slow
fault: the master looks and can do nothing|strand|cycles|KEYS=1 WORKERS=1 TASKS=2 SLOW STOP_WHEN_QUIET FAULT_LOOKS_AND_CAN_DO_NOTHING|non-progress cycle|turns in circles
fault: a busy key goes first|strand|states|TURNS STOP_WHEN_QUIET FAULT_BUSY_KEY_GOES_FIRST|.passed|two turns in one round
fault: and for ever|strand|fair_answered|TASKS=2 WORKERS=1 ENDLESS NO_STOP STOP_WHEN_QUIET FAULT_BUSY_KEY_GOES_FIRST|acceptance cycle|a key starves
fault: woken before stopping is set|strand|states|TASKS=1 FAULT_WOKEN_BEFORE_TOLD|invalid end state|a stop does not end
fault: one worker is not woken|strand|states|TASKS=1 FAULT_ONE_IS_NOT_WOKEN|invalid end state|a stop does not end
fault: looked before it is put|inbox|states|FAULT_LOOKED_BEFORE_PUT|taken==put|a connection is lost
fault: looked before it is asleep|inbox|states|FAULT_LOOKED_BEFORE_ASLEEP|taken==put|a connection is lost
fault: the stop does not wake a front|inbox|states|FAULT_STOP_DOES_NOT_WAKE|seen|a stop does not end
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
    fair_*) set -- -a -f -E -N "$how" ;;
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
    { echo "model: no spin; get it by: make setup-all" >&2; exit 1; }
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
