#!/usr/bin/env bash
# run.sh - what `make test-all` tests: everything, in order, with its time.
# Each step's output goes to build/logs/. Goes on after a step that fails, so
# that one run tells all. The last line is the sum: N passed, 0 failed.
#
# What `make test` has passed on this very tree is counted and not run again.
#
#     run.sh [STEP...]    steps whose name contains one of the words

set -uo pipefail
cd "$(dirname "$0")/.." || exit 2
MAKE=${MAKE:-make}
LOGS=build/logs
mkdir -p "$LOGS"
passed=0 failed=0
failures= # printed again at the end

# name, build directory, how much slower it is, arguments for make.
VARIANTS=(
    "gcc build 2 CC=gcc"
    "ndebug build/ndebug 2 CC=gcc NDEBUG=1"
    "asan build/asan 5 CC=clang SANITIZE=address,undefined"
    "tsan build/tsan 10 CC=clang SANITIZE=thread"
)
# Stages with threads, and how else than by default they can be set.
THREADED=4,5
FULL="--set pool.pipeline=full --set pool.accept_mutex=on \
--set pool.acceptors=2 --set pool.recv=2 --set pool.send=2"
# Fair: valgrind runs one thread at a time, and without the option a thread that
# never waits can keep the others out for good. Without vgdb: its pipes
# cannot be removed by a server that has become another user.
MEMCHECK="valgrind -q --leak-check=full --error-exitcode=99 \
--child-silent-after-fork=yes --fair-sched=yes --vgdb=no"
# No step takes longer, even where a test hangs.
STEP_SECONDS=1500
# Lines that say what failed, other than cmocka's.
BAD='error:|warning:|^(ERROR:|FAIL|not ok|cut off|MISSED|STALE|BROKEN) |==[0-9]+=='

# Adds up what a step's tests said of themselves: cmocka's summary, node's, or
# our own "N passed, M failed". Prints "passed failed".
count()
{
    awk '
        /^\[  PASSED  \] [0-9]+ test/ { p += $4 }
        /^\[  FAILED  \] [0-9]+ test/ { f += $4 }
        /^(#|ℹ) pass [0-9]+$/ { p += $3 }
        /^(#|ℹ) fail [0-9]+$/ { f += $3 }
        /^[0-9]+ passed, [0-9]+ failed$/ { p += $1; f += $3 }
        END { print p + 0, f + 0 }' "$1"
}

wanted()
{
    local word
    [ ${#FILTER[@]} = 0 ] && return 0
    for word in "${FILTER[@]}"; do
        case $1 in *"$word"*) return 0 ;; esac
    done
    return 1
}

# taken NAME LOG...: counts a step that make test has done.
taken()
{
    local name=$1 p f
    shift
    wanted "$name" || return 0
    (cd "$LOGS" && cat "$@") >"$LOGS/${name// /-}.log"
    read -r p f < <(count "$LOGS/${name// /-}.log")
    [ "$p" != 0 ] || p=1
    passed=$((passed + p))
    printf '%-24s %5d passed, %d failed, by make test (%s)\n' "$name" "$p" \
        "$f" "$(cd "$LOGS" && cat "${@/%.log/.time}" | paste -sd + -)"
}

# start NAME COMMAND...: begins a step; finish NAME waits for it and says what
# came out. Two steps whose tests measure no time run side by side that way.
declare -A step_pid=() step_since=()
start()
{
    local name=$1
    shift
    wanted "$name" || return 0
    timeout -k 10 "$STEP_SECONDS" "$@" \
        >"$LOGS/${name// /-}.log" 2>&1 </dev/null &
    step_pid[$name]=$!
    step_since[$name]=$SECONDS
}

what_failed()
{
    {
        grep -a '^\[  FAILED  \] ' "$1" | grep -av 'test(s)' | sort -u
        grep -aE "$BAD" "$1" | grep -av '^\['
    } | head -n 20 | cut -c 1-160 | sed 's/^/    /'
}

# A step that says nothing countable counts as one.
finish()
{
    local name=$1 log p f status what
    [ -n "${step_pid[$name]-}" ] || return 0
    log="$LOGS/${name// /-}.log"
    printf '%-24s ' "$name"
    wait "${step_pid[$name]}"
    status=$?
    [ $status != 124 ] || echo "cut off after $STEP_SECONDS s" >>"$log"
    read -r p f < <(count "$log")
    # A crash or a leak has no line of its own in the sums.
    [ $status != 0 ] && [ "$f" = 0 ] && f=1
    [ $status = 0 ] && [ "$p" = 0 ] && [ "$f" = 0 ] && p=1
    passed=$((passed + p)) failed=$((failed + f))
    printf '%5d passed, %d failed, %4d s\n' "$p" "$f" \
        $((SECONDS - step_since[$name]))
    grep -a '^skipped' "$log" | cut -c 1-160 | sed 's/^/    /'
    if [ "$f" != 0 ]; then
        what=$(what_failed "$log")
        printf '%s\n    all of it: %s\n' "$what" "$log"
        failures+="$name"$'\n'"$what"$'\n'
    fi
}

step()
{
    start "$@"
    finish "$1"
}

FILTER=("$@")
same_tree=
tree=$(tests/fingerprint.sh)
[ -n "$tree" ] && [ -s "$LOGS/quick.passed" ] &&
    [ "$(cat "$LOGS/quick.passed")" = "$tree" ] && same_tree=1
if [ "$same_tree" ]; then
    taken layers quick-layers.log
    taken "stages side by side" quick-stages-side-by-side.log
else
    step layers tests/layers.sh
    step "stages side by side" tests/stages.sh
fi
step format "$MAKE" -s check-format
for variant in "${VARIANTS[@]}"; do
    read -r name dir slow args <<<"$variant"
    # shellcheck disable=SC2086 # args are words for make
    build=("$MAKE" -s -j2 BUILD="$dir" $args)
    suite=(env SLOW="${SLOW:-$slow}" "$dir/tests/behaviour/suite")
    # Two suites side by side: mostly they wait. Where there is one thread there
    # is no race.
    halves=(1,2,3 "$THREADED")
    [ "$name" != tsan ] || halves=(4 5)
    # A build without assertions needs its own run anyway: here every call that
    # the filter does not know ends the server, and so the test.
    options=
    [ "$name" != ndebug ] || options="--set server.seccomp=kill"
    # The others have one front in stage 5: no two threads meet in what fronts
    # share.
    [ "$name" != tsan ] || options="--set pool.fronts=3"
    if [ "$name$same_tree" = gcc1 ]; then
        step "gcc build" "${build[@]}" all units "$dir/tests/behaviour/suite"
        taken "gcc unit" quick-unit-tests.log
        taken "gcc stages" quick-all-stages-alike.log quick-life-of-each-stage.log
        step "gcc full pipeline" env OPTIONS="$FULL" "${suite[@]}" --stages 4
        continue
    fi
    step "$name build" "${build[@]}" all units "$dir/tests/behaviour/suite"
    step "$name unit" tests/units.sh "$dir"
    # Its limits are wide: it runs while the next variant is built and tried.
    if [ "$name" = asan ]; then
        start "$name behaviour" "${suite[@]}"
        continue
    fi
    start "$name stages ${halves[0]}" env OPTIONS="$options" "${suite[@]}" \
        --stages "${halves[0]}"
    step "$name stages ${halves[1]}" env OPTIONS="$options" "${suite[@]}" \
        --stages "${halves[1]}"
    case $name in gcc | tsan)
        step "$name full pipeline" env OPTIONS="$FULL" "${suite[@]}" \
            --stages 4
        ;;
    esac
    finish "$name stages ${halves[0]}"
done
finish "asan behaviour"
start "memcheck unit" tests/units.sh build "$MEMCHECK"
start "memcheck one thread" env SLOW=20 WRAP="$MEMCHECK" \
    build/tests/behaviour/suite --stages 1,2,3
step "memcheck threads" env SLOW=20 WRAP="$MEMCHECK" \
    build/tests/behaviour/suite --stages "$THREADED"
finish "memcheck unit"
finish "memcheck one thread"
step "races build" "$MAKE" -s -j2 BUILD=build/races CC=gcc OPT='-O1 -g' \
    ATOMICS=calls all
start helgrind env BUILD=build tests/races.sh helgrind
step drd env BUILD=build tests/races.sh drd
finish helgrind
step durability env SLOW="${SLOW:-2}" "$MAKE" -s durability
start fuzz tests/fuzz/run.sh
step interop "$MAKE" -s interop
step model "$MAKE" -s model
finish fuzz
start debian tests/debian.sh
step cluster "$MAKE" -s check-cluster
step install "$MAKE" -s install-check
step docs "$MAKE" -s docs
finish debian
# Alone: some bugs show in what a server takes of the processor.
step check-tests "$MAKE" -s check-tests
step check-exercises "$MAKE" -s check-exercises
echo "$SECONDS s in all"
[ $failed = 0 ] || printf 'What failed, once more:\n%s' "$failures"
[ $((passed + failed)) != 0 ] || echo "no step's name has one of these words: ${FILTER[*]}"
echo "$passed passed, $failed failed"
[ $failed = 0 ] && [ $passed != 0 ]
