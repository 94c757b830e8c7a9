#!/usr/bin/env bash
# bench.sh [quick] - what does a request cost? `make bench` builds and runs it.
#
# The cost of a server is the CPU time of all its processes (user and system,
# from /proc/PID/stat), divided by the requests that it answered with 2xx. Not
# the requests per second: client and server share this machine, and what the
# client takes is missing to a cheap server first. The servers take turns
# within each round, and what is compared is always two numbers of one round.
#
# That does not make a busy machine fit for measuring: what a request costs
# depends on how many are ready when the server gets its turn, and not for all
# servers alike. So the script waits until other programs are quiet, repeats a
# measurement in which they were not, and writes down what they took. Its
# patience has an end (WAIT); then it measures what there is.
#
# What we expect, written down before the run (EXPECTED below):
#   - a file of 1 KiB: each stage from 2 on costs less than nginx
#   - 100 KiB and 1 MiB: no stage costs more than 1.1 times nginx
#   - a download of 1 GiB does not make a server grow
#   - SELECT by primary key over /db/NAME/query: no fewer requests for each
#     second of CPU than node with fastify and better-sqlite3; by the client
#     libraries' protocol, whose answers are longer, at least 2/3 of node's
#   - an INSERT that is on disk when it is answered: no fewer than node
#   - an idle connection takes less than 1 KiB of the process's memory
#
# Knobs (environment): ROUNDS=5, SECONDS_EACH=3, WAIT=300 (seconds, altogether),
# QUIET=10 (percent of the processors that others may take), TESTS and SERVERS
# (names, to run fewer), VARIANTS (more servers, see variants()), OUT (where the
# results go), PORT (the first of a dozen to try), BUILD. "quick" is one round
# of one second: it shows that all works, its numbers are worth little.
#
# Writes to OUT: cost.csv, memory.csv, mixed.csv (mixed.sh), machine.txt, cost.svg, report.md (the
# tables, and which expectations were met), rounds.csv (every measurement).
# All that it starts it stops, by process id.

set -euo pipefail
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../../.." && pwd)
cd "$top"
BUILD=${BUILD:-build}
case $BUILD in /*) ;; *) BUILD=$top/$BUILD ;; esac # nginx wants whole paths
OUT=${OUT:-$BUILD/cost}
case $OUT in /*) ;; *) OUT=$top/$OUT ;; esac
PORT=${PORT:-7810}
case $#:${1-} in
0:) ;;
1:quick) ROUNDS=1 SECONDS_EACH=1 WAIT=0 ;;
*)
    echo "usage: bench.sh [quick]" >&2
    exit 2
    ;;
esac
ROUNDS=${ROUNDS:-5}
SECONDS_EACH=${SECONDS_EACH:-3}
WAIT=${WAIT:-300}
QUIET=${QUIET:-10}
IDLE=1000 # fits into stage 2, which can hold FD_SETSIZE

# test|connections|what (a path, or a kind of requests.lua)|compared with|title
TESTS_KNOWN='
1k-64|64|/1k.txt|nginx|file of 1 KiB, 64 connections
1k-512|512|/1k.txt|nginx|file of 1 KiB, 512 connections
100k|64|/100k.bin|nginx|file of 100 KiB, 64 connections
1m|64|/1m.bin|nginx|file of 1 MiB, 64 connections
select|64|select|node|SELECT by key, /query
pipeline|64|pipeline|node|SELECT by key, /v2/pipeline
insert|64|insert|node|durable INSERT, /v2/pipeline
'

# test|most that a stage may cost, relative to what it is compared with|in words
EXPECTED='
1k-64|1|each stage costs less than nginx
1k-512|1|each stage costs less than nginx
100k|1.1|no stage costs more than 1.1 times nginx
1m|1.1|no stage costs more than 1.1 times nginx
select|1|at least as many requests for a second of CPU as node
pipeline|1.5|at least 2/3 of the requests for a second of CPU of node
insert|1|at least as many requests for a second of CPU as node
download|1024|1 GiB goes out, and the process grows by less than 1 MiB
idle|1024|an idle connection takes less than 1 KiB of memory
'

# name|binary|arguments: every stage that is built, but the first, which serves
# one client at a time. A stage can be measured several times with different
# settings: add a line here, or give lines in VARIANTS.
variants()
{
    local binary
    for binary in "$BUILD"/fivefold-[2-9]; do
        [ -x "$binary" ] && echo "stage${binary##*-}|$binary|"
    done
    if [ -x "$BUILD/fivefold-4" ]; then
        echo "stage4-full|$BUILD/fivefold-4|--set pool.pipeline=full"
    fi
    printf '%s\n' "${VARIANTS-}"
}

# ---------------------------------------------------------------- processes

work=
declare -A pid_of=() port_of=() args_of=() binary_of=()
last_port=$((PORT - 1))

say() { echo "bench: $*" >&2; }

fail()
{
    say "$*"
    exit 1
}

# A process and all below it.
tree() # PID
{
    local pid=$1 child
    echo "$pid"
    # One that ends meanwhile has no children.
    for child in $(cat "/proc/$pid/task/"*/children 2>/dev/null || true); do
        tree "$child"
    done
}

stop() # NAME
{
    local pid=${pid_of[$1]-} pids tries=100 one
    [ -n "$pid" ] || return 0
    pids=$(tree "$pid")
    kill -TERM "$pid" 2>/dev/null || true
    while kill -0 "$pid" 2>/dev/null && [ $((tries--)) -gt 0 ]; do
        sleep 0.05
    done
    if kill -0 "$pid" 2>/dev/null; then
        for one in $pids; do
            kill -KILL "$one" 2>/dev/null || true
        done
    fi
    wait "$pid" 2>/dev/null || true
    unset "pid_of[$1]"
}

finish()
{
    local name
    for name in "${!pid_of[@]}"; do
        stop "$name"
    done
    [ -z "$work" ] || rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

free_port()
{
    last_port=$((last_port + 1))
    while (exec 3<>"/dev/tcp/127.0.0.1/$last_port") 2>/dev/null; do
        last_port=$((last_port + 1))
    done
}

write_nginx() # PORT DIRECTORY
{
    cat <<END
daemon off;
$([ "$(id -u)" != 0 ] || echo 'user root root;')
worker_processes 1;
worker_rlimit_nofile 8192;
pid $2/nginx.pid;
error_log stderr error;
events { worker_connections 4096; }
http {
    access_log off;
    sendfile on;
    keepalive_timeout 600s;
    keepalive_requests 1000000000;
    types { text/plain txt; }
    default_type application/octet-stream;
    client_body_temp_path $2/body;
    proxy_temp_path $2/proxy;
    fastcgi_temp_path $2/fastcgi;
    uwsgi_temp_path $2/uwsgi;
    scgi_temp_path $2/scgi;
    server {
        listen 127.0.0.1:$1 backlog=511;
        root $work/root;
    }
}
END
}

write_lighttpd() # PORT
{
    cat <<END
server.document-root = "$work/root"
server.bind = "127.0.0.1"
server.port = $1
server.max-fds = 8192
server.max-connections = 4096
server.max-keep-alive-idle = 600
server.max-keep-alive-requests = 65535
server.network-backend = "sendfile"
mimetype.assign = ( ".txt" => "text/plain", "" => "application/octet-stream" )
END
}

# Each server has databases of its own, all alike when the benchmark starts.
databases() # NAME
{
    rm -rf "$work/db-$1"
    mkdir "$work/db-$1"
    cp "$work/bench.db" "$work/db-$1/bench.db"
}

# Starts NAME and waits until it answers. 1 if it does not.
start() # NAME
{
    local name=$1 port directory tries=200
    free_port
    port=$last_port
    directory=$work/run-$name
    mkdir -p "$directory"
    port_of[$name]=$port
    case $name in
    floor)
        "$BUILD/docs/questions/cost/floor" "$port" 2>"$directory/log" &
        ;;
    nginx)
        write_nginx "$port" "$directory" >"$directory/conf"
        nginx -e stderr -p "$directory" -c "$directory/conf" \
            >"$directory/log" 2>&1 &
        ;;
    lighttpd)
        write_lighttpd "$port" >"$directory/conf"
        lighttpd -D -f "$directory/conf" >"$directory/log" 2>&1 &
        ;;
    node)
        databases node
        node "$here/node_server.mjs" "$port" "$work/db-node/bench.db" \
            >"$directory/log" 2>&1 &
        ;;
    *)
        databases "$name"
        # shellcheck disable=SC2086 # several words
        "${binary_of[$name]}" --listen "127.0.0.1:$port" --root "$work/root" \
            --db "$work/db-$name" --rule 'allow * /db/' \
            --set connection.keepalive_requests=4294967295 \
            ${args_of[$name]} >"$directory/log" 2>&1 &
        ;;
    esac
    pid_of[$name]=$!
    while ! curl -s -o /dev/null --max-time 5 "http://127.0.0.1:$port/"; do
        if ! kill -0 "${pid_of[$name]}" 2>/dev/null || [ $((tries--)) = 0 ]; then
            stop "$name"
            say "$name does not start: $(tail -n 1 "$directory/log")"
            return 1
        fi
        sleep 0.05
    done
}

# The clock ticks of CPU that servers have taken, all their threads and processes.
ticks() # NAME...
{
    local name pid
    for name; do
        for pid in $(tree "${pid_of[$name]}"); do
            # What is before the last ")" may be anything: it holds the name.
            sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null || true
        done
    done | awk '{ sum += $12 + $13 } END { print sum + 0 }'
}

# Sets all (the machine's ticks, idle ones too), ours (of this script and of the
# children that it has waited for, so of wrk) and others (of neither this script
# nor a server).
look_around()
{
    local busy
    read -r all busy < <(awk '/^cpu / {
        busy = $2 + $3 + $4 + $7 + $8 + $9; print busy + $5 + $6, busy }' /proc/stat)
    ours=$(sed 's/.*) //' /proc/$$/stat |
        awk '{ print $12 + $13 + $14 + $15 }')
    others=$((busy - ours - $(ticks "${!pid_of[@]}")))
}

# Sets share: the percentage that others took since ALL and OTHERS.
others_since() # ALL OTHERS
{
    local all ours others
    look_around
    share=$(((others - $2) * 100 / (all > $1 ? all - $1 : 1)))
    [ $share -ge 0 ] || share=0 # ticks are coarse
}

wait_for_quiet()
{
    local all ours others share since=$SECONDS
    while [ $((SECONDS - since)) -lt "$WAIT" ]; do
        look_around
        sleep 0.3
        others_since "$all" "$others"
        [ "$share" -gt "$QUIET" ] || break
    done
    WAIT=$((WAIT - (SECONDS - since)))
}

# A sum over a server's processes, in KiB. FILE is one of /proc/PID.
memory() # NAME FILE FIELD
{
    local pid
    for pid in $(tree "${pid_of[$1]}"); do
        cat "/proc/$pid/$2" 2>/dev/null || true
    done | awk -v field="$3:" '$1 == field { sum += $2 } END { print sum + 0 }'
}

# ------------------------------------------------------------------- tests

servers_of() # TEST
{
    case $1 in
    1k-*) echo "floor lighttpd nginx $stages" ;;
    100k | 1m | download | idle) echo "lighttpd nginx $stages" ;;
    *) echo "node $stages" ;;
    esac
}

chosen() # NAME LIST: is it asked for (an empty list is all)?
{
    case " ${2:-$1} " in *" $1 "*) ;; *) return 1 ;; esac
}

url() # SERVER WHAT
{
    case $2 in
    /*) echo "http://127.0.0.1:${port_of[$1]}$2" ;;
    *) echo "http://127.0.0.1:${port_of[$1]}/" ;;
    esac
}

kind() # SERVER WHAT
{
    case $1:$2 in
    *:/*) echo get ;;
    node:insert) echo node-insert ;;
    node:*) echo node-select ;;
    *) echo "$2" ;;
    esac
}

# An answer that is wrong can be cheap: is it the right one?
answers() # SERVER WHAT
{
    local base=http://127.0.0.1:${port_of[$1]} curl got
    curl='curl -sS --fail --max-time 10'
    json='Content-Type: application/json'
    case $1:$2 in
    *:/*)
        [ "$($curl "$base$2" | wc -c)" = "$(wc -c <"$work/root$2")" ]
        return
        ;;
    node:insert)
        got=$($curl "$base/item" -H "$json" \
            -d '{"name":"item 7","price":7.5}')
        [ "$got" = '{"id":1}' ]
        return
        ;;
    node:*) got=$($curl "$base/item/7") ;;
    *:select)
        got=$($curl "$base/db/bench/query?sql=SELECT+id,name,price+FROM+item+WHERE+id=:id&id=7")
        ;;
    *:pipeline)
        got=$($curl "$base/db/bench/v2/pipeline" -H "$json" -d '{"requests":[{"type":"execute","stmt":
            {"sql":"SELECT id,name,price FROM item WHERE id=?",
            "args":[{"type":"integer","value":"7"}]}},{"type":"close"}]}')
        ;;
    *:insert)
        got=$($curl "$base/db/bench/v2/pipeline" -H "$json" -d '{"requests":[{"type":"execute","stmt":
            {"sql":"INSERT INTO added (name, price) VALUES (?, ?)",
            "args":[{"type":"text","value":"item 7"},{"type":"float","value":7.5}]}},
            {"type":"close"}]}')
        case $got in *'"last_insert_rowid":"1"'*) return 0 ;; *) return 1 ;; esac
        ;;
    esac
    case $got in *'item 7'*10.5*) ;; *) return 1 ;; esac
}

# Sets requests (that were answered 2xx) and failed.
load() # SERVER CONNECTIONS WHAT SECONDS
{
    local word complete status broken
    word=$(timeout --foreground $(($4 + 20)) \
        wrk -t1 -c"$2" -d"$4s" --timeout 10s -s "$here/requests.lua" \
        "$(url "$1" "$3")" -- "$(kind "$1" "$3")" 2>&1 | grep '^counted') ||
        fail "wrk did not finish against $1"
    read -r _ complete status broken _ <<<"$word"
    requests=$((complete - status))
    failed=$((status + broken))
}

measure() # TEST ROUND SERVER CONNECTIONS WHAT
{
    local before after requests failed seconds all ours others share since
    local client
    while :; do
        wait_for_quiet
        since=$SECONDS
        look_around
        before=$(ticks "$3")
        client=$(cut -d ' ' -f 16,17 /proc/$$/stat)
        load "$3" "$4" "$5" "$SECONDS_EACH"
        client="$(cut -d ' ' -f 16,17 /proc/$$/stat) $client"
        after=$(ticks "$3")
        others_since "$all" "$others"
        if [ "$1" = insert ]; then
            acknowledged[$3]=$((${acknowledged[$3]} + requests))
        fi
        if [ "$share" -le "$QUIET" ] || [ "$WAIT" -le 0 ]; then
            break
        fi
        WAIT=$((WAIT - (SECONDS - since)))
        say "$1, round $2 of $ROUNDS: $3: others took $share %, once more"
    done
    [ "$requests" -gt 0 ] || fail "$1: $3 answered nothing"
    [ "$failed" = 0 ] || say "$1: $3: $failed requests failed"
    seconds=$(awk "BEGIN { print ($after - $before) / $hertz }")
    client=$(awk "{ print (\$1 + \$2 - \$3 - \$4) / $hertz }" <<<"$client")
    echo "$1,$2,$3,$4,$requests,$seconds,$failed,$share,$client" >>"$OUT/rounds.csv"
    say "$1, round $2 of $ROUNDS: $3 $(awk \
        "BEGIN { printf \"%.2f\", $seconds * 1e6 / $requests }") us a request" \
        "($requests requests; wrk took $client s, others $share %)"
}

# Every insert that was acknowledged must be there.
count_inserted() # SERVER
{
    local rows
    rows=$(sqlite3 "$work/db-$1/bench.db" 'SELECT count(*) FROM added')
    [ "$rows" -ge "${acknowledged[$1]}" ] ||
        fail "insert: $1 acknowledged ${acknowledged[$1]}, but has $rows"
    say "insert: $1 acknowledged ${acknowledged[$1]} and has $rows"
}

cost() # TEST CONNECTIONS WHAT
{
    local name round i list=()
    for name in $(servers_of "$1"); do
        [ -n "${pid_of[$name]-}" ] || continue
        answers "$name" "$3" || fail "$1: $name gives a wrong answer"
        acknowledged[$name]=1
        list+=("$name")
    done
    # Not counted: caches fill, node compiles what is hot.
    for name in "${list[@]}"; do
        load "$name" "$2" "$3" 1
        acknowledged[$name]=$((${acknowledged[$name]} + requests))
    done
    for ((round = 1; round <= ROUNDS; round++)); do
        # Each round starts with another one, so that none has a fixed place.
        for ((i = 0; i < ${#list[@]}; i++)); do
            measure "$1" "$round" "${list[(i + round - 1) % ${#list[@]}]}" \
                "$2" "$3"
        done
    done
    if [ "$1" = insert ]; then
        for name in "${list[@]}"; do
            count_inserted "$name"
        done
    fi
}

# Memory is measured with servers that have done nothing else before.
fresh() # SERVER
{
    stop "$1"
    start "$1" || fail "$1 does not start again"
    curl -sS --fail -o /dev/null "http://127.0.0.1:${port_of[$1]}/1k.txt"
}

download() # SERVER
{
    local before after size
    fresh "$1"
    before=$(memory "$1" status VmHWM)
    size=$(curl -sS --fail --max-time 120 "$(url "$1" /1g.bin)" | wc -c)
    after=$(memory "$1" status VmHWM)
    [ "$size" = 1073741824 ] || fail "download: $1 sent $size bytes"
    echo "download,$1,1,$before,$after," >>"$OUT/memory.csv"
    say "download of 1 GiB: $1 had $before KiB at most before, $after after"
}

idle() # SERVER
{
    local before after opener word=
    fresh "$1"
    # From smaps_rollup, which counts pages; the sum in status is approximate.
    before=$(memory "$1" smaps_rollup Rss)
    coproc OPENER {
        exec "$BUILD/docs/questions/cost/idle" "${port_of[$1]}" $IDLE
    }
    opener=$OPENER_PID
    # shellcheck disable=SC2153 # coproc sets it
    read -r -t 30 word <&"${OPENER[0]}" || true
    after=$(memory "$1" smaps_rollup Rss)
    kill "$opener" 2>/dev/null || true
    wait "$opener" 2>/dev/null || true
    [ "$word" = idle ] || fail "idle: $1 does not hold $IDLE connections"
    echo "idle,$1,$IDLE,$before,$after,$(((after - before) * 1024 / IDLE))" \
        >>"$OUT/memory.csv"
    say "idle: $1 takes $(((after - before) * 1024 / IDLE)) bytes a connection"
}

# shellcheck source=docs/questions/cost/mixed.sh
. "$here/mixed.sh"

# -------------------------------------------------------------------- main

# The first line, whatever the exit status: wrk's is 1.
version() { { "$@" 2>&1 || true; } | sed -n 1p; }

machine()
{
    echo "date        $(date -u +%Y-%m-%d)"
    echo "processor  $(sed -n 's/^model name[^:]*://p;T;q' /proc/cpuinfo)"
    echo "cores       $(getconf _NPROCESSORS_ONLN)"
    echo "memory      $(awk '/MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' \
        /proc/meminfo)"
    echo "kernel      $(uname -srm)"
    echo "databases   on $(stat -f -c %T "$work")"
    echo "compiler    $(version "${CC:-cc}" --version)"
    echo "fivefold    $(version "$BUILD/fivefold-2" --version), with SQLite" \
        "$(version sqlite3 --version | cut -d ' ' -f 1)"
    ! command -v nginx >/dev/null || version nginx -v
    ! command -v lighttpd >/dev/null || version lighttpd -v
    [ -z "$node_versions" ] || echo "node $(node --version), $node_versions"
    version wrk -v
    echo "rounds      $ROUNDS of $SECONDS_EACH s, servers in turn"
    echo "load        $(cut -d ' ' -f 1-3 /proc/loadavg) before the run"
}

for tool in wrk curl sqlite3; do
    command -v $tool >/dev/null || fail "no $tool; get it by: make setup-bench"
done
for number in "$ROUNDS" "$SECONDS_EACH" "$PORT" "1$WAIT" "1$QUIET"; do
    case $number in
    '' | *[!0-9]* | 0*)
        say "ROUNDS, SECONDS_EACH and PORT are numbers from 1 on, WAIT and" \
            "QUIET from 0 on"
        exit 2
        ;;
    esac
done
hertz=$(getconf CLK_TCK)
declare -A acknowledged=()
# wrk and servers need a descriptor for each of 512 connections.
ulimit -Sn 8192 2>/dev/null || ulimit -Sn "$(ulimit -Hn)"

mkdir -p "$OUT" "$BUILD"
# On the same disk as the build, as /tmp may be memory, where fsync is free.
work=$(mktemp -d "$BUILD/cost-work.XXXXXX")
mkdir "$work/root"
head -c 1024 /dev/zero | tr '\0' x >"$work/root/1k.txt"
head -c 102400 /dev/urandom >"$work/root/100k.bin"
head -c 1048576 /dev/urandom >"$work/root/1m.bin"
truncate -s 1G "$work/root/1g.bin"
sqlite3 "$work/bench.db" >/dev/null <<'END'
PRAGMA journal_mode = WAL;
CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT, price REAL);
CREATE TABLE added (id INTEGER PRIMARY KEY, name TEXT, price REAL);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
INSERT INTO item SELECT i, 'item ' || i, i * 1.5 FROM n;
END

stages=
while IFS='|' read -r name binary arguments; do
    [ -n "$name" ] || continue
    binary_of[$name]=$binary args_of[$name]=$arguments
    stages="$stages $name"
done < <(variants)
[ -n "$stages" ] || fail "no stage is built; make first"

for name in ${TESTS-}; do
    chosen "$name" "$(cut -d '|' -f 1 <<<"$TESTS_KNOWN" | xargs) mixed download idle" ||
        { say "TESTS: there is no \"$name\""; exit 2; }
done
for name in ${SERVERS-}; do
    chosen "$name" "floor lighttpd nginx node$stages" ||
        { say "SERVERS: there is no \"$name\""; exit 2; }
done

node_versions=
if command -v node >/dev/null; then
    node_versions=$(node "$here/node_server.mjs" - versions 2>/dev/null) || true
fi
for name in floor lighttpd nginx node $stages; do
    chosen "$name" "${SERVERS-}" || continue
    case $name in
    lighttpd | nginx)
        if ! command -v "$name" >/dev/null; then
            say "no $name (make setup-bench gets it): its rows are left out"
            continue
        fi
        ;;
    node)
        if [ -z "$node_versions" ]; then
            say "no node with fastify and better-sqlite3 (make setup-bench" \
                "gets them): its rows are left out"
            continue
        fi
        ;;
    esac
    start "$name" || say "$name: its rows are left out"
done

machine >"$OUT/machine.txt"
cat "$OUT/machine.txt" >&2
: >"$OUT/rounds.csv"
echo "test,server,connections,before_kib,after_kib,bytes_per_connection" \
    >"$OUT/memory.csv"
while IFS='|' read -r test connections what _ title; do
    [ -n "$test" ] || continue
    chosen "$test" "${TESTS-}" || continue
    say "$test: $title"
    cost "$test" "$connections" "$what"
done <<<"$TESTS_KNOWN"
if chosen mixed "${TESTS-}"; then
    mixed
fi
for test in download idle; do
    chosen $test "${TESTS-}" || continue
    for name in $(servers_of $test); do
        [ -z "${pid_of[$name]-}" ] || $test "$name"
    done
done

TESTS_KNOWN=$TESTS_KNOWN EXPECTED=$EXPECTED awk -f "$here/report.awk" \
    -v cost="$OUT/cost.csv" -v plot="$work/plot" -v report="$OUT/report.md" \
    "$OUT/rounds.csv" "$OUT/memory.csv"
awk -F, '{ sum += $8; if ($8 > most) most = $8 }
    END { if (NR) printf "others      took %.1f %% of the processors meanwhile" \
        " (mean; at most %d %%)\n", sum / NR, most }' "$OUT/rounds.csv" |
    tee -a "$OUT/machine.txt" >&2
if ! command -v gnuplot >/dev/null; then
    say "no gnuplot (make setup-bench gets it): no picture"
elif [ -s "$work/plot" ]; then
    gnuplot -e "data = '$work/plot'; out = '$OUT/cost.svg'" "$here/plot.gp"
fi
cat "$OUT/report.md"
say "results are in ${OUT#"$top"/}"
