#!/usr/bin/env bash
# races.sh helgrind|drd [FILTER...] - runs the server under one of valgrind's two
# detectors of data races, while many clients work: stage 4 with each of its two
# pipelines, stage 5 with several fronts. make races builds what it needs. False
# alarms are listed in races.supp.
#
# They see what TSan does not: how locks, semaphores and threads are used, and
# the libraries too, none of which is built for TSan.

set -uo pipefail
cd "$(dirname "$0")/.." || exit 2
build=${BUILD:-build}
tool=${1:?}
case $tool in
helgrind | drd) ;;
*)
    echo "races.sh: there are helgrind and drd, not $tool" >&2
    exit 2
    ;;
esac
shift
filter=("$@")
# Much at once, of all kinds; then what is done by few threads but by turns.
both=("churn leaves" "SIGTERM while many" "left alone expires" "rereads rules"
    "are among its figures")
# Several of each, so that each lock has somebody who wants it.
full="--set pool.pipeline=full --set pool.accept_mutex=on \
--set pool.acceptors=2 --set pool.recv=2 --set pool.work=3 --set pool.send=2"
watcher="valgrind -q --tool=$tool --error-exitcode=99 \
--child-silent-after-fork=yes --fair-sched=yes --suppressions=tests/races.supp"
status=0

# look STAGE OPTIONS FILTER...: those of the command line go before.
look()
{
    local stage=$1 options=$2
    shift 2
    [ ${#filter[@]} = 0 ] || set -- "${filter[@]}"
    echo "== $tool, stage $stage, $options"
    SLOW=${SLOW:-20} OPTIONS=$options WRAP=$watcher \
        "$build/tests/behaviour/suite" --servers "$build/races" \
        --stages "$stage" "$@" || status=1
}

for stage in ${STAGES:-4 5}; do
    case $stage in
    4)
        for options in "$full" "--set pool.pipeline=shortcut"; do
            look 4 "$options" "${both[@]}" "share a mutex" "busy worker"
        done
        ;;
    5)
        look 5 "--set pool.fronts=3" "${both[@]}" "committed together" \
            "lets waiting writers go on" "has waited long enough" \
            "copy loses no visit" "wait for a transaction" "gets no stale event"
        ;;
    esac
done
exit $status
