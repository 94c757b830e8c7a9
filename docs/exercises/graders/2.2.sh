# 2.2 * Descriptors at the door
#
# The predictions are compared with what happens here: silent clients at a
# server, once with an access log and once with few descriptors.

build 2 stage2_select/server.c

# crowd N: sets in, how many clients have a descriptor at the server, and what
# the crowd has to say.
crowd() {
    local before
    before=$(descriptors)
    coproc CROWD { "$BUILD/docs/exercises/crowd" "$port" "$1"; }
    read -r -t 20 told _ cut _ <&"${CROWD[0]}" || cannot "no crowd: try $BUILD/docs/exercises/crowd"
    in=$(($(descriptors) - before))
    kill "$CROWD_PID"
    wait "$CROWD_PID"
    stop
} 2>/dev/null

with_log() {
    answered in_with_log || return 1
    serve 2 --set server.access_log="$scratch/log"
    crowd 1100
    expected="what was counted with 1100 clients"
    [ "$came" = "$in" ]
}
with_64() {
    answered in_with_64 || return 1
    open_limit=64 serve 2
    crowd 100
    expected="what was counted with 100 clients"
    [ "$came" = "$in" ]
}
they_see() {
    answered they_see || return 1
    local seen=silence
    open_limit=64 serve 2
    crowd 100
    [ "$told" = 0 ] || seen=503
    [ "$cut" = 0 ] || seen=reset
    expected="what the clients saw"
    [ "$came" = "$seen" ]
}

helper crowd
check 4 "let in, with an access log" with_log
check 4 "let in, with 64 descriptors" with_64
check 2 "what the others see" they_see
