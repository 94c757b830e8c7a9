# lib.sh - for curl.sh, browser.sh and foreign.sh: starts a server, counts checks.
#
# start_server BINARY ARGS... -> $port, $server_pid -> is, has, ok ... ->
# stop_server -> finish: "N passed, M failed"

passed=0 failed=0 server_pid= port=
home=$(mktemp -d "${TMPDIR:-/tmp}/fivefold-interop.XXXXXX")
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)

leave()
{
    [ -z "$server_pid" ] || kill -9 "$server_pid" 2>/dev/null
    rm -rf "$home"
}
trap leave EXIT

pass()
{
    passed=$((passed + 1))
    echo "ok $1"
}

fail() # NAME WHY
{
    failed=$((failed + 1))
    echo "not ok $1: ${2//$'\n'/ }"
}

is() # NAME WANTED GOT
{
    if [ "$3" = "$2" ]; then pass "$1"; else fail "$1" "${3:0:300} instead of ${2:0:300}"; fi
}

has() # NAME PART WHOLE
{
    case $3 in
    *"$2"*) pass "$1" ;;
    *) fail "$1" "no \"$2\" in: ${3:0:300}" ;;
    esac
}

ok() # NAME COMMAND...
{
    local name=$1 said status
    shift
    said=$("$@" 2>&1)
    status=$?
    if [ $status = 0 ]; then pass "$name"; else fail "$name" "status $status: ${said:0:300}"; fi
}

# Sets $chromium, or ends the test.
find_chromium()
{
    chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || {
        echo "not ok no chromium here; get it by: apt-get install chromium"
        echo "0 passed, 1 failed"
        exit 1
    }
}

# Which names lead where, the caller says.
run_chromium() # ARGS...
{
    timeout 60 "$chromium" --headless --no-sandbox --disable-gpu --disable-quic \
        --no-first-run --disable-background-networking --disable-component-update \
        --disable-sync --disable-extensions --disable-default-apps \
        --disable-dev-shm-usage --mute-audio --hide-scrollbars \
        --user-data-dir="$home/profile" "$@" 2>"$home/browser.log"
}

start_server() # BINARY ARGS...
{
    local binary=$1 pipe=$home/ready
    shift
    rm -f "$pipe"
    mkfifo "$pipe"
    "$binary" --ready-fd 3 "$@" 3>"$pipe" >"$home/said" &
    server_pid=$!
    port=
    read -r port <"$pipe"
    port=${port#R}
    [ -n "$port" ] || { echo "not ok the server starts"; exit 1; }
}

stop_server() # WHICH
{
    local status=0
    kill -TERM "$server_pid"
    wait "$server_pid" || status=$?
    server_pid=
    is "SIGTERM: $1 ends with status 0" 0 "$status"
}

finish()
{
    echo "$passed passed, $failed failed"
    [ $failed = 0 ]
}
