# 1.2 * How long is the queue?
#
# The predictions are compared with what the kernel says of ten clients of a
# server that is held by another.

build 1 stage1_blocking/server.c

# Prints the two queues and the state of every socket of IPv4 whose local (2) or
# remote (3) end is the server's port.
sockets() { # COLUMN
    awk -v column="$1" -v port=":$(printf %04X "$port")" \
        '$column ~ port "$" { print $4, $5 }' /proc/net/tcp
}
in_queue() { printf '%d' "0x$(sockets 2 | sed -n 's/^0A .*://p')"; } # 0A: listens
knocking() { sockets 3 | grep -c '^02 '; } # 02: SYN-SENT
all_have_called() { [ "$(sockets 3 | grep -cE '^0[12] ')" = 11 ]; }
held() { [ "$(in_queue)" = 0 ]; }

# ten BACKLOG: sets queued, and seen by those who do not fit.
ten() {
    local i clients=()
    serve 1 --set "server.backlog=$1" --set connection.turn_seconds=60
    connect holder
    within 5 held || cannot "the server takes no client"
    for i in $(seq 10); do
        # shellcheck disable=SC2016
        timeout 20 bash -c 'exec 3<>/dev/tcp/127.0.0.1/$1 && sleep 20' - "$port" \
            2>>"$scratch/refused" &
        clients+=($!)
    done
    : >>"$scratch/refused"
    seen=open
    if ! within 5 all_have_called; then
        [ -s "$scratch/refused" ] || cannot "ten clients do not come"
        seen=refused
    fi
    queued=$(in_queue)
    [ "$(knocking)" = 0 ] || seen=silence
    { kill "${clients[@]}" && wait "${clients[@]}"; } 2>/dev/null
    hang_up holder
    stop
}

fits() { # KEY BACKLOG
    answered "$1" || return 1
    ten "$2"
    expected="what the kernel shows for the listening socket"
    [ "$came" = "$queued" ]
}
they_see() {
    answered they_see || return 1
    ten 2
    expected="what those saw who did not fit"
    [ "$came" = "$seen" ]
}

check 4 "in the queue, with a backlog of 2" fits queue_with_2 2
check 3 "in the queue, with a backlog of 5" fits queue_with_5 5
check 3 "what the others see" they_see
