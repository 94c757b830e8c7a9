#!/usr/bin/env bash
# foreign.sh BINARY - headless Chromium opens a page of another origin, which
# tries to write to a server that lets everybody write: nothing may come of it.
#
# A name of the page's own that leads to the server, an origin that is allowed,
# a page of the server's own and one that was uploaded are tried as well.

set -uo pipefail
binary=$(realpath "$1") || exit 2
cd "$(dirname "$0")" || exit 2
# shellcheck source=lib.sh
. ./lib.sh
find_chromium
mkdir -p "$home/foreign" "$home/root" "$home/up"
cp foreign.html "$home/foreign/"
cp foreign.html "$home/root/own.html"
cp foreign.html "$home/up/"

# The stranger's own server.
start_server "$binary" --listen 127.0.0.1:0 --root "$home/foreign" \
    --set server.names=evil.example --set connection.turn_seconds=1
foreign_pid=$server_pid foreign_port=$port
leave_both()
{
    [ -z "$foreign_pid" ] || kill -9 "$foreign_pid" 2>/dev/null
    leave
}
trap leave_both EXIT
evil=http://evil.example:$foreign_port

# Ours, as it is each time: one empty database, one file to delete.
serve() # ARGS...
{
    rm -rf "$home/db"
    mkdir "$home/db"
    printf 'keep\n' >"$home/root/keep.txt"
    rm -f "$home/root/made.txt"
    start_server "$binary" --listen 127.0.0.1:0 --root "$home/root" --db "$home/db" \
        --rule 'allow * /' --set connection.turn_seconds=1 \
        --set 'files up.prefix=/up/' --set "files up.root=$home/up" \
        --set 'files up.content_security_policy=sandbox allow-scripts allow-forms' "$@"
    base=http://127.0.0.1:$port
    curl -sS --max-time 10 -X PUT -d '' "$base/db/one/"
}

# The browser knows four names, and all lead here.
browse() # URL
{
    dom=$(run_chromium --disable-site-isolation-trials \
        --disable-features=IsolateOrigins,site-per-process \
        --host-resolver-rules='MAP evil.example 127.0.0.1, MAP rebound.example 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost' \
        --virtual-time-budget=8000 --dump-dom "$1")
}

written() # the tables that are there
{
    curl -sS --max-time 10 -G "$base/db/one/query" -d format=csv \
        --data-urlencode "sql=SELECT name FROM sqlite_schema ORDER BY name" |
        tr -d '\r' | sed 1d | tr '\n' ' '
}

refusals() # so far
{
    curl -sS --max-time 10 "$base/-/metrics" | sed -n 's/^fivefold_answers_total{class="4xx"} //p'
}

unharmed() # WHO URL
{
    local before
    before=$(refusals)
    browse "$2"
    has "$1 has tried it all" "<title>all tried" "$dom"
    ok "what $1 sends comes, and is refused" test $(($(refusals) - before)) -ge 9
    is "$1 has made no table" "" "$(written)"
    is "$1 has deleted no file" keep "$(curl -sS --max-time 10 "$base/keep.txt")"
    ok "$1 has made no file" test ! -e "$home/root/made.txt"
    ok "$1 has made no database" test ! -e "$home/db/made.db"
}

serve
unharmed "a foreign page" \
    "$evil/foreign.html?to=$base"
has "a foreign page can read nothing" "read: TypeError" "$dom"
unharmed "a page of another port" \
    "http://127.0.0.1:$foreign_port/foreign.html?to=$base"
unharmed "a page of another name of this machine" \
    "http://127.0.0.1:$foreign_port/foreign.html?to=http://localhost:$port"
unharmed "an uploaded page in a sandbox" \
    "$base/up/foreign.html?to=$base"
browse "http://rebound.example:$port/own.html?to=http://rebound.example:$port"
has "a name that leads here is not answered" "421 Misdirected Request" "$dom"
has "and is told what to set" "Set names in [server]" "$dom"
browse "$base/own.html?to=$base"
has "a page of our own has tried it all" "<title>all tried" "$dom"
is "a page of our own writes JSON, and nothing else" "by_json " "$(written)"
has "a page of our own reads" "read: 200" "$dom"
ok "a page of our own makes a file" test -e "$home/root/made.txt"
ok "a page of our own deletes one" test ! -e "$home/root/keep.txt"
ok "a page of our own makes a database" test -e "$home/db/made.db"
stop_server "the server"

serve --set "sqlite.cors=$evil"
browse "$evil/foreign.html?to=$base"
is "a page of the origin that is allowed writes JSON, and nothing else" "by_json " "$(written)"
has "a page of the origin that is allowed reads" "read: 200" "$dom"
has "a page of the origin that is allowed makes a database" "database: 201" "$dom"
is "and has deleted no file" keep "$(curl -sS --max-time 10 "$base/keep.txt")"
stop_server "the server with an origin"

serve --set 'sqlite.cors=*'
browse "$evil/foreign.html?to=$base"
is "where all origins are allowed it still takes JSON" "by_json " "$(written)"
has "where all origins are allowed a page reads" "read: 200" "$dom"
stop_server "the server with all origins"

server_pid=$foreign_pid foreign_pid=
stop_server "the foreign server"
finish
