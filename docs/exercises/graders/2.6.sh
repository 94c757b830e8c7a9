# 2.6 ** Room for one more
#
# Four connections are allowed and four are open. The fifth client gets the
# place of the one that has been idle longest, and of nobody else.

build 2 stage2_select/server.c
# shellcheck disable=SC2154 # connect sets a, b, c and d

is_alive() { # DESCRIPTOR
    ask "$1" /hello 2>/dev/null
    [ "$(hear_answer "$1" 2)" = 200 ]
}

newcomer_is_served() {
    connect a && connect b && connect c && connect d
    # From now on b has been idle longest. The clock of the deadlines moves in
    # steps of a few ms, and within one step all are equally old.
    is_alive "$b" && sleep 0.05 && is_alive "$c" && is_alive "$d" &&
        is_alive "$a" || cannot "four clients are not served"
    same "200 for the fifth" "$(get /hello) for the fifth"
}
oldest_had_to_go() {
    local gone=''
    is_alive "$a" || gone+=" a"
    is_alive "$b" || gone+=" b"
    is_alive "$c" || gone+=" c"
    is_alive "$d" || gone+=" d"
    same "closed: b" "closed:$gone"
}
# a, c, d and one more send half a request each: nobody is idle then. The
# kernel knows what the server has not read yet.
busy_ones_stay() {
    local client
    connect b
    for client in "$a" "$b" "$c" "$d"; do
        printf 'GET /hello HTTP/1.1\r\n' >&"$client"
    done 2>/dev/null # one may be gone
    within 3 nothing_unread || cannot "the server does not read"
    same "503 for the next" "$(get /hello) for the next"
}
nothing_unread() {
    ! awk -v port=":$(printf %04X "$port")" '$2 ~ port "$" && $4 == "01" &&
        $5 !~ /:00000000$/ { found = 1 } END { exit !found }' /proc/net/tcp
}
busy_ones_are_served() {
    local client heard=''
    for client in "$a" "$b" "$c" "$d"; do
        printf 'Host: x\r\n\r\n' >&"$client"
        heard+=" $(hear_answer "$client")"
    done 2>/dev/null
    same " 200 200 200 200" "$heard"
}

serve 2 --set server.connections_max=4
echo hello >"$scratch/root/hello"
check 4 "a newcomer is served when another is idle" newcomer_is_served
check 3 "the one that had been idle longest had to go" oldest_had_to_go
keep 1 "nobody who is busy has to go" busy_ones_stay
keep 1 "who was busy gets his answer" busy_ones_are_served
keep 1 "SIGTERM ends it, status 0" stops_well
