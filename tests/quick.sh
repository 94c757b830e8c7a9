#!/usr/bin/env bash
# quick.sh - what `make test` tests: what a change needs, in minutes.
#
# layers, stages side by side -> build, warnings are errors -> unit tests -> the seeded bugs apply
#   -> the table of cases on all stages -> the life of each stage, side by side
#
# All that a step said is in BUILD/logs/quick-STEP.log. BUILD/logs/quick.passed
# has the fingerprint of the last tree that passed, for run.sh.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2
BUILD=${BUILD:-build}
MAKE=${MAKE:-make}
LOGS=$BUILD/logs
SUITE=$BUILD/tests/behaviour/suite
mkdir -p "$LOGS"
rm -f "$LOGS/quick.passed"
tree=$(tests/fingerprint.sh)
failed=0
# Side by side they are slower; the limits only guard against hanging.
export SLOW=${SLOW:-4}

# step NAME COMMAND...: says how long it took, and what failed.
step()
{
    local name=$1 log=$LOGS/quick-${1// /-}.log since=$SECONDS
    shift
    if "$@" >"$log" 2>&1; then
        printf '%-22s passed, %3d s\n' "$name" $((SECONDS - since))
        return
    fi
    printf '%-22s FAILED, %3d s\n' "$name" $((SECONDS - since))
    grep -aE 'error:|warning:|FAILED  \] |^common/|^STALE|Error [0-9]' "$log" |
        sort -u | head -n 20 | sed 's/^/    /'
    echo "    all of it: $log"
    failed=1
}

units()
{
    local test status=0
    for test in "$BUILD"/tests/unit/*/test_*; do
        [ -x "$test" ] && [ -f "$test" ] || continue
        echo "== $test"
        "$test" || { echo "FAILED  ] $test"; status=1; }
    done
    return $status
}

# A copy of the tree may not be one of git's.
seeds()
{
    local patch status=0
    for patch in tests/broken/*.patch docs/exercises/solutions/*.patch; do
        git apply --check "$patch" || { echo "STALE $patch"; status=1; }
    done
    return $status
}

lives()
{
    local stage pids=() status=0
    for stage in 1 2 3 4 5; do
        "$SUITE" --stages $stage --part life >"$LOGS/quick-life-$stage.log" 2>&1 &
        pids+=($!)
    done
    for stage in 1 2 3 4 5; do
        wait "${pids[stage - 1]}" || status=1
        cat "$LOGS/quick-life-$stage.log"
    done
    return $status
}

step layers tests/layers.sh
step "stages side by side" tests/stages.sh
step build "$MAKE" -s -j"$(nproc)" BUILD="$BUILD" WERROR=1 all units "$SUITE"
if [ "$failed" != 0 ]; then
    echo "make test: FAILED"
    exit 1
fi
step "unit tests" units
step "seeds apply" seeds
step "all stages alike" "$SUITE" --part cases
step "life of each stage" lives
if [ "$failed" != 0 ]; then
    echo "make test: FAILED"
    exit 1
fi
# A tree that was edited meanwhile is another.
[ "$tree" != "$(tests/fingerprint.sh)" ] || echo "$tree" >"$LOGS/quick.passed"
echo "make test: passed in $SECONDS s; make test-all tests the rest"
