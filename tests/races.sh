#!/usr/bin/env bash
# races.sh helgrind|drd [FILTER...] - valgrind's two detectors of data races look
# on while many clients work, with each of the two pipelines; make races builds
# what it needs. What they say that is not so: races.supp.
#
# They see what TSan does not: how locks, semaphores and threads are used, and
# the libraries too, none of which is built for TSan.

set -uo pipefail
cd "$(dirname "$0")/.." || exit 2
build=${BUILD:-build}
tool=${1:?} stages=${STAGES:-4}
shift
# Much at once, of all kinds; then what is done by few threads but by turns.
[ $# != 0 ] || set -- "churn leaves" "SIGTERM while many" "share a mutex" \
    "busy worker" "left alone expires" "rereads rules" "are among its figures"
# Several of each, so that each lock has somebody who wants it.
full="--set pool.pipeline=full --set pool.accept_mutex=on \
--set pool.acceptors=2 --set pool.recv=2 --set pool.work=3 --set pool.send=2"
watcher="valgrind -q --tool=$tool --error-exitcode=99 \
--child-silent-after-fork=yes --fair-sched=yes --suppressions=tests/races.supp"
status=0
for options in "$full" "--set pool.pipeline=shortcut"; do
    echo "== $tool, $options"
    SLOW=${SLOW:-20} OPTIONS=$options WRAP=$watcher \
        "$build/tests/behaviour/suite" --servers "$build/races" \
        --stages "$stages" "$@" || status=1
done
exit $status
