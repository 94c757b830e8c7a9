#!/usr/bin/env bash
# browser.sh BINARY [PICTURES] - headless Chromium against a server: the book, a
# listing, a database's pages, the server's own figures as they move.
#
# A page's text is looked for in the DOM that is left when its scripts have run.
# With PICTURES, a directory, a picture of each page is put there.

set -uo pipefail
binary=$(realpath "$1") || exit 2
pictures=${2:+$(realpath "$2")}
cd "$(dirname "$0")" || exit 2
# shellcheck source=lib.sh
. ./lib.sh
find_chromium

root=$home/root db=$home/db
mkdir -p "$root/book" "$root/shelf/inner" "$db"
"$top/docs/site.sh" "$root/book" >"$home/site.log" 2>&1 || cat "$home/site.log"
printf 'one\n' >"$root/shelf/one & only <b>.txt"
printf 'two\n' >"$root/shelf/žlutý.txt"
"$top/docs/sample/make_sample.sh" "$db/sample.db" >"$home/sample.log" 2>&1 || cat "$home/sample.log"

start_server "$binary" --listen 127.0.0.1:0 --root "$root" --db "$db" \
    --set files.listing=on --set connection.turn_seconds=1
base=http://127.0.0.1:$port

# The browser talks to our server alone, and to nobody else.
browse() # ARGS...
{
    run_chromium --host-resolver-rules='MAP * ~NOTFOUND , EXCLUDE 127.0.0.1' "$@"
}

page() # NAME PATH
{
    dom=$(browse --virtual-time-budget=3000 --dump-dom "$base$2")
    [ -n "$dom" ] || { fail "$1 opens" "$(tail -n 3 "$home/browser.log")"; return; }
    [ -z "$pictures" ] || browse --window-size=1100,900 --virtual-time-budget=3000 \
        --screenshot="$pictures/$1.png" "$base$2" >/dev/null
}

page book /book/
has "the book's first page" '<h1>Fivefold' "$dom"
has "the book's navigation" 'sql.html' "$dom"

page sql /book/docs/sql.html
has "a page of the book" 'Databases over HTTP' "$dom"

page listing /shelf/
has "a listing names its files, escaped" 'one &amp; only &lt;b&gt;.txt' "$dom"
has "a listing has names with accents" 'žlutý.txt' "$dom"
has "a listing names directories" 'inner/' "$dom"

page text '/shelf/%C5%BElut%C3%BD.txt'
has "a text is shown as text" 'two' "$dom"

page missing /nothing
has "an error is shown" '404' "$dom"

page databases /db/
has "the databases" '>sample<' "$dom"

page database /db/sample/
has "a database's tables" 'zone_country' "$dom"
has "a box for queries" '<textarea' "$dom"

page query '/db/sample/query?format=html&sql=SELECT+code,+name,+NULL+AS+none+FROM+country+WHERE+code+IN+(%27NP%27,%27CI%27)+ORDER+BY+code'
has "a query's result" 'Nepal' "$dom"
# As the sample spells it, which is made from this system's own list.
name=$(sqlite3 "$db/sample.db" "SELECT name FROM country WHERE code = 'CI'")
has "a query's result in Unicode" "$name" "$dom"

page error '/db/sample/query?format=html&sql=SELEC'
has "a query's error" 'syntax error' "$dom"

page figures /-/
has "the server's figures" 'requests/s' "$dom"
has "the server's connections by state" '<td class="">WAITING_FOR_HEAD</td>' "$dom"
has "the server's threads" 'master<div class="cells"><div class="cell' "$dom"
if [ "${binary##*-}" -ge 5 ]; then
    for place in front static_file_server sqlite_database; do
        has "$place, where connections wait" "<div class=\"place\">$place<b" "$dom"
    done
    has "the threads of a module" '<div class="cells"><div class="cell' "${dom#*>sqlite_database<}"
elif [ "${binary##*-}" -ge 4 ]; then
    for place in recv_poll_list recv_task_queue work_task_queue send_task_queue send_poll_list; do
        has "$place, where connections wait" "<div class=\"place\">$place<b" "$dom"
    done
    has "the threads of a pool" '<div class="cells"><div class="cell' "${dom#*>work_task_queue<}"
else
    has "no queues" '<div id="pipeline"></div>' "$dom"
fi

# Beside clients that keep asking: does what is drawn move?
if [ "${binary##*-}" -ge 4 ]; then
    # Stage 5 has no poll lists: its fronts are loops of their own.
    poller_at_work=
    [ "${binary##*-}" != 4 ] ||
        poller_at_work='recv_poll_list<b class="">[0-9,]+</b><div class="bar"[^>]*></div>[0-9.,]*[1-9]'
    threads_at_work='<div class="cell (on|some)"'
    touch "$home/asking"
    while [ -e "$home/asking" ]; do
        curl -s -o "$home/got" "$base/shelf/one%20&%20only%20%3Cb%3E.txt?[1-50]" \
            "$base/db/sample/query?sql=SELECT+[1-20]"
    done >"$home/load.log" 2>&1 &
    load=$!
    # Between two looks the page may let so little time go by that nothing came.
    for _ in {1..20}; do
        page load /-/
        grep -Eq "$poller_at_work" <<<"$dom" && grep -Eq "$threads_at_work" <<<"$dom" && break
    done
    rm "$home/asking"
    wait "$load"
    ok "the line of requests has points" grep -Eq 'points="[0-9. ,]+,[0-9.]+ [0-9.]+,' <<<"$dom"
    ok "requests come" grep -Eq 'id="rate">[0-9,.]*[1-9][0-9,.]* requests/s' <<<"$dom"
    [ -z "$poller_at_work" ] || ok "a poller takes connections" \
        grep -Eq "$poller_at_work" <<<"$dom"
    ok "threads are seen at work" grep -Eq "$threads_at_work" <<<"$dom"
fi

stop_server "the server"
finish
