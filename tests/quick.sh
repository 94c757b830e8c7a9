#!/usr/bin/env bash
# quick.sh - what `make test` tests: what a change needs, in minutes.
#
# layers, stages 2 and 3 compared -> build, warnings are errors -> unit tests -> the seeded bugs apply
#   -> the table of cases on all stages
#   -> the life of each stage (start, limits, stop), all of them at the same time
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
export SLOW=${SLOW:-4} BUILD LOGS SUITE MAKE

# No step takes longer, even where a test hangs.
STEP_SECONDS=1500

# step NAME COMMAND...: says how long it took, and what failed.
step()
{
    local name=$1 log=$LOGS/quick-${1// /-}.log since=$SECONDS
    shift
    export -f build seeds lives
    if timeout -k 10 "$STEP_SECONDS" bash -c '"$@"' _ "$@" >"$log" 2>&1; then
        printf '%-22s passed, %3d s\n' "$name" $((SECONDS - since))
        grep -a '^skipped' "$log" | cut -c 1-160 | sed 's/^/    /'
        echo "$((SECONDS - since)) s" >"${log%.log}.time"
        return
    fi
    printf '%-22s FAILED, %3d s\n' "$name" $((SECONDS - since))
    grep -aE 'error:|warning:|FAILED  \] |^common/|^STALE|Error [0-9]' "$log" |
        sort -u | head -n 20 | sed 's/^/    /'
    [ "${PIPESTATUS[0]}" = 0 ] || head -n 10 "$log" | sed 's/^/    /'
    echo "    all of it: $log"
    failed=1
}

# A warning of an earlier build is still one, though nothing is compiled now.
build()
{
    "$MAKE" -s -j"$(nproc)" BUILD="$BUILD" WERROR=1 all units "$SUITE" ||
        return 1
    local warnings source status=0
    while read -r warnings; do
        source=${warnings#"$BUILD"/}
        [ -e "${source%.o.warnings}.c" ] || continue # it is gone
        cat "$warnings"
        status=1
    done < <(find "$BUILD"/common "$BUILD"/stage?_* "$BUILD"/tests/unit \
        "$BUILD"/tests/behaviour -name '*.warnings')
    return $status
}

# A copy of the tree may lie inside another repository, whose paths git would
# look for.
seeds()
{
    local patch status=0
    [ -e .git ] || export GIT_CEILING_DIRECTORIES=${PWD%/*}
    for patch in tests/broken/*.patch docs/exercises/solutions/*.patch; do
        git apply --check "$patch" || { echo "STALE $patch"; status=1; }
    done
    return $status
}

lives()
{
    local binary stage pids=() stages=() status=0
    for binary in "$BUILD"/fivefold-?; do
        stages+=("${binary##*-}")
    done
    for stage in "${stages[@]}"; do
        "$SUITE" --stages $stage --part life >"$LOGS/quick-life-$stage.log" 2>&1 &
        pids+=($!)
    done
    for stage in "${stages[@]}"; do
        wait "${pids[0]}" || status=1
        pids=("${pids[@]:1}")
        cat "$LOGS/quick-life-$stage.log"
    done
    return $status
}

step layers tests/layers.sh
step "stages side by side" tests/stages.sh
step build build
if [ "$failed" != 0 ]; then
    echo "make test: FAILED"
    exit 1
fi
step "unit tests" tests/units.sh "$BUILD"
step "seeds apply" seeds
step "all stages alike" "$SUITE" --part cases
step "life of each stage" lives
if [ "$failed" != 0 ]; then
    echo "make test: FAILED"
    exit 1
fi
# A tree that was edited meanwhile is another.
[ -z "$tree" ] || [ "$tree" != "$(tests/fingerprint.sh)" ] ||
    echo "$tree" >"$LOGS/quick.passed"
echo "make test: passed in $SECONDS s; make test-all tests the rest"
