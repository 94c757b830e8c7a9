# mixed.sh - part of bench.sh: how long a small answer takes while others
# download large ones.
#
# Eight clients fetch 1 MiB without a pause; meanwhile 32 fetch 1 KiB, and it is
# their latency that is written down. Both loads come from wrk, so the numbers
# contain what wrk itself waits for the processor: compare within a round only.
#
# Expected beforehand: no stage with threads has a longer 99th percentile than
# nginx. shellcheck shell=bash

# Sets p50 and p99, in microseconds.
latencies() # SERVER SECONDS
{
    local heavy out
    wrk -t1 -c8 -d"$(($2 + 1))s" "$(url "$1" /1m.bin)" >/dev/null 2>&1 &
    heavy=$!
    out=$(wrk -t1 -c32 -d"$2s" --latency "$(url "$1" /1k.txt)")
    wait "$heavy" || true
    read -r p50 p99 < <(awk '
        function us(t) { return t ~ /us$/ ? t + 0 : t ~ /ms$/ ? t * 1e3 : t * 1e6 }
        $1 == "50%" { a = us($2) }
        $1 == "99%" { print a, us($2) }' <<<"$out")
}

mixed()
{
    local name round p50 p99 list=()
    for name in lighttpd nginx $stages; do
        [ -z "${pid_of[$name]-}" ] || list+=("$name")
    done
    echo "server,round,p50_us,p99_us" >"$OUT/mixed.csv"
    for ((round = 1; round <= ROUNDS; round++)); do
        for name in "${list[@]}"; do
            wait_for_quiet
            latencies "$name" "$SECONDS_EACH"
            echo "$name,$round,$p50,$p99" >>"$OUT/mixed.csv"
            say "mixed, round $round of $ROUNDS: $name 1 KiB in $p50 us (median)," \
                "$p99 us (99 %)"
        done
    done
}
