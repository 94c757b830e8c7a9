#!/usr/bin/env bash
# curl.sh BINARY - curl against a server: the lines that the documentation
# shows, then files, ranges, conditions, uploads, queries.

set -uo pipefail
binary=$(realpath "$1") || exit 2
cd "$(dirname "$0")" || exit 2
# shellcheck source=lib.sh
. ./lib.sh
root=$home/root db=$home/db
mkdir -p "$root/docs/pictures" "$root/up" "$db"
cd "$home" || exit 2

get() { curl -sS --max-time 20 "$@"; }
status() { get -o /dev/null -w '%{http_code}' "$@"; }
header() # NAME CURL...
{
    local name=$1
    shift
    get -o /dev/null -D - "$@" | tr -d '\r' | sed -n "s/^$name: //Ip" | tail -n 1
}
digest() { sha256sum | cut -d ' ' -f 1; }

# A file of 20 MB in which no two blocks are equal.
seq 1 2700000 | head -c 20000000 >"$root/large.txt"
printf 'hello\n' >"$root/small.txt"
printf '<title>home</title>\n' >"$root/index.html"
printf 'page\n' >"$root/docs/žlutý page+1.txt"
: >"$root/empty.txt"
seq 1 20000 >"$root/packed.txt"
gzip -9k "$root/packed.txt"
large=$(digest <"$root/large.txt")
sample=yes
"$top/docs/sample/make_sample.sh" "$db/sample.db" >/dev/null 2>&1 || sample=

# One connection a call, so turns (stage 1) do not come into it; a short turn
# makes sure.
serve()
{
    start_server "$binary" --root "$root" --db "$db" --set files.listing=on \
        --set connection.turn_seconds=1 --rule 'allow * /up' --rule 'allow * /db' "$@"
}
serve --listen 127.0.0.1:0
base=http://127.0.0.1:$port

# The documentation's own lines. Each starts with curl and may go on after \;
# those with a prompt belong to experiments and are not taken.
documented()
{
    cat "$top"/README.md "$top"/docs/sql.md "$top"/docs/http.md \
        "$top"/docs/operations.md "$top"/docs/sample/README.md 2>/dev/null |
        sed -e ':a' -e '/\\$/{N;s/\\\n */ /;ba' -e '}' |
        sed -n 's/^ *\(curl .*\)/\1/p' | grep -F "http://127.0.0.1:8080" | sort -u
}
if [ -n "$sample" ]; then
    count=0
    # Made before it is used, whatever the order of lines.
    get -X PUT -d '' "$base/db/notes/"
    while read -r line; do
        count=$((count + 1))
        line=${line//http:\/\/127.0.0.1:8080/$base}
        ok "documented: ${line//$base/}" bash -c "curl() { command curl -sS --fail --max-time 20 \"\$@\"; }
            $line"
    done < <(documented)
    ok "the documentation shows lines for curl" test "$count" -ge 5
else
    echo "# no sample database here, so the documentation's lines are left out"
fi

# Files.
is "a file" hello "$(get "$base/small.txt")"
is "an empty file" 0 "$(get "$base/empty.txt" | wc -c)"
is "the index of /" "<title>home</title>" "$(get "$base/")"
is "20 MB come whole" "$large" "$(get "$base/large.txt" | digest)"
is "20 MB to a slow reader" "$large" "$(get --limit-rate 40M "$base/large.txt" | digest)"
is "HTTP/1.0" "$large" "$(get --http1.0 "$base/large.txt" | digest)"
is "HTTP/1.0 without keep-alive is closed" close "$(header connection --http1.0 "$base/small.txt")"
is "HEAD tells the length" 20000000 "$(header content-length --head "$base/large.txt")"
is "HEAD has no body" 0 "$(get -X HEAD --max-time 5 --head "$base/small.txt" -o /dev/null -w '%{size_download}')"
is "two files on one connection" "1 0" \
    "$(get "$base/small.txt" "$base/empty.txt" -w '%{num_connects} ' -o /dev/null -o /dev/null | sed 's/ $//')"
is "a listing for people" text/html "$(header content-type -H 'Accept: text/html' "$base/docs/" | cut -d ';' -f 1)"
has "a listing for programs" 'žlutý page+1.txt' "$(get -H 'Accept: application/json' "$base/docs/")"
is "a name with blanks, plus and accents" page "$(get "$base/docs/%C5%BElut%C3%BD%20page+1.txt")"
is "a directory without its slash leads there" "$base/docs/" "$(get -o /dev/null -w '%{redirect_url}' "$base/docs")"
is "--location follows" 200 "$(status -L "$base/docs")"
is "no such file" 404 "$(status "$base/nothing")"
is "--path-as-is with dots stays inside" 4 "$(status --path-as-is "$base/../../../../etc/hostname" | cut -c 1)"

# Ranges.
is "--range from the start" hel "$(get -r 0-2 "$base/small.txt")"
is "--range the last bytes" lo "$(get -r -3 "$base/small.txt")"
is "--range from a byte on" "$(tail -c +10000001 "$root/large.txt" | digest)" "$(get -r 10000000- "$base/large.txt" | digest)"
is "--range is 206" 206 "$(status -r 0-0 "$base/small.txt")"
is "--range past the end is 416" 416 "$(status -r 100- "$base/small.txt")"
has "--range of several parts" "content-range: bytes 4-4/6" \
    "$(get -r 0-0,4-4 "$base/small.txt" | tr 'A-Z' 'a-z')"
head -c 12345678 "$root/large.txt" >part
ok "--continue-at - goes on" get -C - -o part "$base/large.txt"
is "--continue-at - made the file whole" "$large" "$(digest <part)"

# Conditions.
ok "--etag-save" get --etag-save etag -o first "$base/small.txt"
is "--etag-compare is 304" 304 "$(status --etag-compare etag "$base/small.txt")"
printf 'changed\n' >"$root/small.txt"
is "--etag-compare after a change is 200" 200 "$(status --etag-compare etag "$base/small.txt")"
is "--time-cond of its own time is 304" 304 "$(status -z "$root/small.txt" "$base/small.txt")"
is "--time-cond of long ago is 200" 200 "$(status -z '1 Jan 2001' "$base/small.txt")"
# Not of the small file: stage 5 may answer as it was a second ago.
ok "--remote-time" get -R -o timed "$base/large.txt"
is "--remote-time takes over Last-Modified" "$(stat -c %Y "$root/large.txt")" "$(stat -c %Y timed)"

# Codings.
is "--compressed gets the file beside it" gzip "$(header content-encoding --compressed "$base/packed.txt")"
is "--compressed unpacks to the same" "$(digest <"$root/packed.txt")" "$(get --compressed "$base/packed.txt" | digest)"
is "without --compressed it comes plain" "$(digest <"$root/packed.txt")" "$(get "$base/packed.txt" | digest)"

# Uploads.
is "-T makes a file" 201 "$(status -T "$root/large.txt" "$base/up/new.txt")"
is "-T brought it whole" "$large" "$(digest <"$root/up/new.txt")"
is "-T replaces a file" 204 "$(status -T "$root/packed.txt" "$base/up/new.txt")"
is "-T - sends chunks" 201 "$(status -T - "$base/up/chunked.txt" <"$root/large.txt")"
is "-T - brought them whole" "$large" "$(get "$base/up/chunked.txt" | digest)"
is "-T of an empty file" 201 "$(status -T "$root/empty.txt" "$base/up/empty.txt")"
is "-T with Expect: 100-continue" 201 "$(status -H 'Expect: 100-continue' -T "$root/large.txt" "$base/up/expected.txt")"
is "-T where nobody may" 403 "$(status -T "$root/packed.txt" "$base/packed.txt")"
is "If-None-Match: * keeps what is there" 412 "$(status -H 'If-None-Match: *' -T "$root/packed.txt" "$base/up/new.txt")"
is "DELETE" 204 "$(status -X DELETE "$base/up/new.txt")"
is "after DELETE" 404 "$(status "$base/up/new.txt")"
is "POST to a file is 405" 405 "$(status -d x "$base/up/chunked.txt")"
is "OPTIONS" 204 "$(status -X OPTIONS "$base/small.txt")"

# Databases.
q() { get -G "$base/db/one/query" "$@"; }
is "PUT makes a database" 201 "$(status -X PUT -d '' "$base/db/one/")"
has "POST runs a script" '"type":"ok"' "$(get "$base/db/one/v2/pipeline" -H 'Content-Type: application/json' \
    -d '{"requests":[{"type":"sequence","sql":"CREATE TABLE t (n, s); INSERT INTO t VALUES (9007199254740993, '"'žlutý, \\\"x\\\"'"'), (NULL, '"''"')"}]}')"
has "GET /db/ names it" '"name":"one"' "$(get "$base/db/")"
has "GET /db/one/ describes it" '"name":"t"' "$(get "$base/db/one/")"
is "-G --data-urlencode asks" '{"columns":["n"],"rows":[[9007199254740993]]}' \
    "$(q --data-urlencode 'sql=SELECT n FROM t WHERE s = :s' --data-urlencode 's=žlutý, "x"' | tr -d '\n')"
is "a value is never SQL" '{"columns":["n"],"rows":[]}' \
    "$(q --data-urlencode 'sql=SELECT n FROM t WHERE s = ?' --data-urlencode "1='; DROP TABLE t --" | tr -d '\n')"
is "CSV by format" $'n,s\r\n9007199254740993,"žlutý, ""x"""\r\n,""\r' "$(q -d format=csv --data-urlencode 'sql=SELECT * FROM t')"
is "CSV by Accept" text/csv "$(header content-type -G "$base/db/one/query" -H 'Accept: text/csv' \
    --data-urlencode 'sql=SELECT * FROM t' | cut -d ';' -f 1)"
is "a query that writes is 403" 403 "$(status -G "$base/db/one/query" --data-urlencode 'sql=DELETE FROM t')"
is "a query that is wrong is 400" 400 "$(status -G "$base/db/one/query" -d sql=SELEC)"
has "a query of 100000 rows" '[100000]]' "$(q --data-urlencode \
    'sql=WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 100000) SELECT i FROM s' | tail -c 20)"
is "no such database is 404" 404 "$(status "$base/db/nothing/")"

# Figures.
has "/-/stats" '"answered"' "$(get "$base/-/stats")"
has "/-/metrics" '# TYPE ' "$(get "$base/-/metrics")"
is "/-/ is the page as it was written" "$(cat "$top/common/status/page.html")" "$(get "$base/-/")"
is "/-/ is a page" text/html "$(header content-type "$base/-/" | cut -d ';' -f 1)"

stop_server "the server"

# IPv6, where the machine has it.
if [ -s /proc/net/if_inet6 ]; then
    serve --listen '[::1]:0'
    is "IPv6" changed "$(get -g "http://[::1]:$port/small.txt")"
    is "IPv6: a redirect names the address" "http://[::1]:$port/docs/" \
        "$(get -g -o /dev/null -w '%{redirect_url}' "http://[::1]:$port/docs")"
    stop_server "the server on IPv6"
fi
finish
