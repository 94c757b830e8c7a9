#!/bin/sh
# run.sh SERVER SITE DIRECTORY PORT - serves the book and the sample database,
# and says what to try. Ctrl-C stops it. NAMES: host names to be asked by, where
# a port of this machine is forwarded under another name.

set -eu
server=$1 site=$2 directory=$3 port=${4:-8080}
mkdir -p "$directory"
[ -f "$directory/sample.db" ] || docs/sample/make_sample.sh "$directory/sample.db"

# The words come once it listens; if the port is taken, its own line says so.
ready=$directory.ready
rm -f "$ready"
mkfifo "$ready"
"$server" --listen "127.0.0.1:$port" --root "$site" --db "$directory" \
    --set files.listing=on --set server.access_log=off \
    ${NAMES:+--set "server.names=$NAMES"} --ready-fd 3 \
    3>"$ready" &
pid=$!
# Ctrl-C reaches the server by itself; a second signal would end it at once.
trap : INT
trap 'kill "$pid" 2>/dev/null || :' TERM
started='' status=0
read -r started <"$ready" || true
rm -f "$ready"
if [ -z "$started" ]; then
    # What was wrong it has said itself, but in terms of its own options.
    wait "$pid" || status=$?
    [ $status != 2 ] || echo "run: another port is chosen by: make run PORT=N" >&2
    exit $status
fi
base=http://127.0.0.1:${started#R} # PORT=0 takes a free one
cat <<END

  Open     $base/            the book
           $base/db/sample/  a database to ask
           $base/-/          what the server is doing, live
  Try      curl $base/docs/pictures/ -H 'Accept: application/json'
           curl '$base/db/sample/query?sql=SELECT+name+FROM+country+LIMIT+3'
           curl $base/-/stats
  Stop     Ctrl-C

END
wait "$pid" || status=$?
# A signal ends wait early; the server may still be finishing.
if [ "$status" -gt 128 ]; then
    status=0
    wait "$pid" || status=$?
fi
exit "$status"
