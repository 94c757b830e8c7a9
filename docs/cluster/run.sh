#!/bin/sh
# run.sh DIR SERVER LISTEN - starts what generate.sh has written to DIR, here:
# the instances, then the proxy; says what to try. Ctrl-C stops all of it.

set -eu
directory=$1 server=$2 listen=$3
base=http://$listen
pids=''

# SIGTERM, once, to each: what is under way is finished. They are in sessions of
# their own, so that Ctrl-C does not reach them before.
stop()
{
    trap '' HUP INT TERM
    for pid in $pids; do
        kill "$pid" 2>/dev/null || :
    done
    for pid in $pids; do
        wait "$pid" 2>/dev/null || :
    done
    rm -f "$directory"/instance-*/pid
}

# An instance is there once it says so.
start() # NUMBER
{
    ready=$directory/instance-$1/ready
    rm -f "$ready"
    mkfifo "$ready"
    setsid "$server" -c "$directory/instance-$1/fivefold.ini" --ready-fd 3 \
        3>"$ready" >/dev/null &
    pids="$pids $!"
    echo "$!" >"$directory/instance-$1/pid"
    started=''
    read -r started <"$ready" || :
    rm -f "$ready"
    # What is wrong it has said itself.
    [ -n "$started" ] || { stop; exit 2; }
}

command -v haproxy >/dev/null ||
    { echo "cluster: no haproxy; get it by: make setup cluster" >&2; exit 1; }
trap 'stop; exit 0' HUP INT TERM
count=$(grep -c '^backend instance-' "$directory/haproxy.cfg")
number=0
while [ $number -lt "$count" ]; do
    number=$((number + 1))
    start $number
done
setsid haproxy -db -f "$directory/haproxy.cfg" &
proxy=$!
pids="$proxy $pids"

# It does not say when it is ready. Whoever else has the port knows no /-/1/.
tries=100
until curl -s --max-time 5 "$base/-/" | grep -q '/-/1/'; do
    tries=$((tries - 1))
    if [ $tries = 0 ] || ! kill -0 "$proxy" 2>/dev/null; then
        echo "cluster: the proxy does not answer on $listen; another port is" \
            "chosen by: make cluster PORT=N" >&2
        stop
        exit 2
    fi
    sleep 0.1
done

token=$(cat "$directory/token")
cat <<END

  Open     $base/            the book, from any instance
           $base/db/         the databases of all instances
           $base/-/1/        what instance 1 is doing, live; /-/2/ ...
  Try      T='Authorization: Bearer $token'
           curl -X PUT -d '' -H "\$T" $base/db/notes/
           curl -H "\$T" $base/db/notes/v2/pipeline -d '{"requests":[
             {"type":"execute","stmt":{"sql":"CREATE TABLE note (text)"}}]}'
           curl -i $base/db/notes/      (X-Instance says whose it is)
  Break    kill -9 \$(cat $directory/instance-1/pid)
           curl -i $base/db/sample/
           $server -c $directory/instance-1/fivefold.ini
  Move     docs/cluster/move.sh $directory notes 1
  Stop     Ctrl-C

END
status=0
wait "$proxy" 2>/dev/null || status=$?
stop
exit $status
