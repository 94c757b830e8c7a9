#!/bin/sh
# setup_node.sh - fetches fastify and better-sqlite3 for the cost benchmark.
#
# better-sqlite3 is built here, from its source against the headers that
# came with node: its ready-made binary would come from somewhere else, and not
# for every node. Without it make bench leaves node's rows out. Exit status 0
# when both can be loaded.

cd "$(dirname "$0")" || exit 2

loads()
{
    node -e 'new (require("better-sqlite3"))(":memory:"); require("fastify")' \
        2>/dev/null
}

lack()
{
    echo "setup: the benchmark's node server is left out: $1" >&2
    exit 1
}

command -v npm >/dev/null || lack "no npm"
stamp=node_modules/.package-lock.json
if [ -e $stamp ] && [ -z "$(find package-lock.json -newer $stamp)" ] && loads
then
    exit 0
fi

headers=
for place in "$(dirname "$(command -v node)")/../include/node" \
    /usr/include/node; do
    if [ -e "$place/node.h" ]; then
        headers=$place
        break
    fi
done
[ -n "$headers" ] || lack "no headers of node (libnode-dev)"
for tool in c++ make python3; do
    command -v $tool >/dev/null || lack "no $tool to build better-sqlite3"
done

log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
echo "setup: fetching the benchmark's node server"
npm ci --ignore-scripts --no-audit --no-fund >"$log" 2>&1 || {
    tail -n 3 "$log" >&2
    lack "npm ci failed (is there a network?)"
}
echo "setup: building better-sqlite3 (two minutes)"
# node-gyp wants the directory above include/node.
npm_config_nodedir=$(cd "$headers/../.." && pwd)
export npm_config_nodedir npm_config_build_from_source=true
npm --prefix node_modules/better-sqlite3 run build-release >"$log" 2>&1 || {
    tail -n 3 "$log" >&2
    lack "better-sqlite3 could not be built"
}
touch $stamp
loads || lack "what was built cannot be loaded"
