#!/usr/bin/env bash
# run.sh [--servers DIR] [--stages "1 2 3"] - real clients against the servers:
# curl, the JavaScript libraries, what these once sent, a browser, and a browser
# that shows the page of a stranger.
#
# One line for each client and stage, with what went wrong below it. The last
# line is `N passed, M failed`.

set -uo pipefail
cd "$(dirname "$0")" || exit 2
top=$(cd ../.. && pwd)
servers=$top/build stages=
while [ $# -gt 0 ]; do
    case $1 in
    --servers) servers=$(realpath "${2:?}") ;;
    --stages) stages=${2:?} ;;
    *)
        echo "usage: run.sh [--servers DIR] [--stages \"1 2 3\"]" >&2
        exit 2
        ;;
    esac
    shift 2
done
if [ -z "$stages" ]; then
    for server in "$servers"/fivefold-[1-9]; do
        [ -x "$server" ] && stages="$stages ${server##*-}"
    done
fi
[ -n "$stages" ] || { echo "interop: no servers in $servers; make them first" >&2; exit 2; }

passed=0 failed=0

group() # STAGE NAME COMMAND...
{
    local stage=$1 name=$2 said status p f start=$SECONDS
    shift 2
    said=$(timeout 150 "$@" "$servers/fivefold-$stage" 2>&1 </dev/null)
    status=$?
    read -r p f < <(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' <<<"$said" | tail -n 1)
    p=${p:-0} f=${f:-0}
    # A script that ended before its sum has failed, whatever it counted.
    [ $status != 0 ] && [ "$f" = 0 ] && f=1
    passed=$((passed + p)) failed=$((failed + f))
    printf 'stage %s  %-24s %4d passed, %d failed, %3d s\n' "$stage" "$name" "$p" "$f" $((SECONDS - start))
    [ "$f" = 0 ] || grep -v '^ok ' <<<"$said"
}

for stage in $stages; do
    group "$stage" curl ./curl.sh
    group "$stage" @libsql/client node client_libsql.mjs
    group "$stage" @tursodatabase/serverless node client_turso.mjs
    group "$stage" "builders and mappers" node client_tools.mjs
    group "$stage" captures node captures.mjs
    group "$stage" browser ./browser.sh
    group "$stage" "foreign pages" ./foreign.sh
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]
