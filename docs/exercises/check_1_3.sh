#!/bin/bash
# check_1_3.sh [SERVER] - is exercise 1.3 solved? (build/fivefold-1)
#
# An idle server must make no system call, and SIGTERM must end it at once,
# status 0, however often one tries. As shipped it fails the first: the tick
# wakes it five times a second. Exit status 0: solved, 1: not yet, 2: the check
# itself cannot run. Needs strace.

server=${1:-build/fivefold-1}
command -v strace >/dev/null || { echo "check: no strace" >&2; exit 2; }
[ -x "$server" ] || { echo "check: no $server; run make" >&2; exit 2; }
scratch=$(mktemp -d) || exit 2
pid=
trap '[ -z "$pid" ] || { kill -KILL "$pid"; wait "$pid"; } 2>/dev/null
rm -rf "$scratch"' EXIT

start() {
    rm -f "$scratch/ready"
    mkfifo "$scratch/ready"
    "$server" --listen 127.0.0.1:0 --root "$scratch" --ready-fd 9 \
        9>"$scratch/ready" >/dev/null &
    pid=$!
    read -r ready <"$scratch/ready"
    [ -n "$ready" ] || { echo "check: the server does not start" >&2; exit 2; }
}

# Gives its status; 124 when it is still there after five seconds.
stop() {
    kill -TERM "$pid"
    timeout 5 tail --pid="$pid" -s 0.02 -f /dev/null || return 124
    wait "$pid"
    status=$?
    pid=
    return $status
}

# 1. Two seconds of idleness. What the tracer shows of the call that it found
# the server in, and of the one that it left it in, does not count.
start
timeout 2 strace -p "$pid" -o "$scratch/calls" 2>/dev/null
[ -s "$scratch/calls" ] || { echo "check: strace may not attach" >&2; exit 2; }
calls=$(grep -c ' = ' "$scratch/calls")
if [ "$calls" -gt 0 ]; then
    echo "BAD   an idle server makes no system call: $calls in 2 s, such as"
    grep -m 1 ' = ' "$scratch/calls" | cut -c 1-70 | sed 's/^/      /'
    exit 1
fi
echo "GOOD  an idle server makes no system call"

# 2. It still serves, also after a pause.
if ! timeout 5 curl -s -o /dev/null "http://127.0.0.1:${ready#R}/"; then
    echo "BAD   it serves after a pause"
    exit 1
fi
echo "GOOD  it serves after a pause"
stop || { echo "BAD   SIGTERM while idle: status $?, not 0"; exit 1; }

# 3. SIGTERM at any moment: right after the start, before it may have come to
# sleep, a hundred times. One that is slept through takes five seconds.
for i in $(seq 100); do
    start
    stop
    status=$?
    if [ "$status" -ne 0 ]; then
        echo "BAD   SIGTERM ends it at once: status $status, try $i of 100"
        exit 1
    fi
done
echo "GOOD  SIGTERM ends it at once, 100 times of 100"
