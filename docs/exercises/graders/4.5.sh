# 4.5 *** Fair to databases
#
# This script holds x's lock, and five clients want to write there: four workers
# could all wait with them. Who asks y must be answered meanwhile. No time is
# measured: the lock is let go when y has its answer, or has given up.

build 4 stage4_epoll_pools/*.c
need sqlite3

lock() {
    echo "BEGIN IMMEDIATE; SELECT 'held';" >&"${HOLDER[1]}"
    read -r -t 10 _ <&"${HOLDER[0]}" || cannot "sqlite3 does not get the lock"
}
unlock() { echo "COMMIT;" >&"${HOLDER[1]}"; }

insert='{"requests":[{"type":"execute","stmt":{"sql":"INSERT INTO t VALUES(1)"}}]}'
processed() {
    curl -s -m 5 "http://127.0.0.1:$port/-/stats" |
        sed 's/.*"BEING_PROCESSED":\([0-9]*\).*/\1/'
}
# One more is the request that asks.
are_under_way() { [ "$(processed)" -gt "$under_way" ]; }

# start N: so many clients that write to x; each adds a line to finished.
start() {
    local i
    : >"$scratch/finished"
    under_way=$1 clients=()
    for i in $(seq "$1"); do
        echo "x $(get /db/x/v2/pipeline -m 30 -H 'Content-Type: application/json' -d "$insert")" \
            >>"$scratch/finished" &
        clients+=($!)
    done
    within 10 are_under_way || cannot "writers do not begin"
}
count_finished() { grep -c 'x 200' "$scratch/finished"; }

others_are_answered() {
    lock
    start 5
    same "200 from y" "$(get '/db/y/query?sql=SELECT+1' -m 3) from y"
}
none_is_lost() {
    unlock
    wait "${clients[@]}"
    same "5 of 5 have written" "$(count_finished) of 5 have written"
}
a_stop_waits() {
    lock
    start 4
    kill -TERM "$pid"
    unlock
    wait "${clients[@]}"
    ended 10
    same "4 answered, status 0" "$(count_finished) answered, status $status"
}

mkdir "$scratch/db"
sqlite3 "$scratch/db/x.db" "PRAGMA journal_mode=WAL; CREATE TABLE t(a);" >/dev/null
sqlite3 "$scratch/db/y.db" "CREATE TABLE t(a);"
coproc HOLDER { exec sqlite3 "$scratch/db/x.db" 2>"$scratch/holder"; }
serve 4 --db "$scratch/db" --rule 'allow * /db/' --set sqlite.busy_ms=30000 --set pool.work=4
check 5 "another database is answered while five wait for x" others_are_answered
keep 2 "each of the five has its answer" none_is_lost
keep 3 "a stop under load loses nobody" a_stop_waits
