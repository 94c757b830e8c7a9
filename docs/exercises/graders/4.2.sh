# 4.2 * Without ONESHOT
#
# The predictions are compared with what a copy of stage 4 does from which the
# flag has been taken.

build 4 stage4_epoll_pools/poll_list.c
need sqlite3

mutant() {
    changed_copy 4 sed -i 's/ *| *EPOLLONESHOT//' stage4_epoll_pools/poll_list.c
    BUILD=$copy/build
    mkdir "$scratch/db"
    sqlite3 "$scratch/db/x.db" "CREATE TABLE t(a);"
    serve 4 --db "$scratch/db"
    echo hello >"$scratch/root/hello"
}

# compare KEY IS: with the answer.
compare() {
    answered "$1" || return 1
    expected="what the server did"
    [ "$came" = "$2" ]
}
is_answered() { # DESCRIPTOR
    local status
    status=$(hear_answer "$1")
    hang_up "$2"
    [ "$status" = 200 ] && echo yes || echo no
}

small() {
    local client
    connect client
    ask "$client" /hello
    hear_answer "$client" >/dev/null
    ask "$client" /hello
    is=$(is_answered "$client" client)
}
bytes() {
    local client head=$'GET /hello HTTP/1.1\r\nHost: x\r\n\r\n' i
    connect client
    for ((i = 0; i < ${#head}; i++)); do printf '%s' "${head:i:1}" >&"$client"; done
    is=$(is_answered "$client" client)
}

slow='/db/x/query?sql=WITH+RECURSIVE+c(x)+AS+(SELECT+1+UNION+ALL+SELECT+x%2B1+FROM+c)+SELECT+count(*)+FROM+c'
stats() { curl -s -m 5 "http://127.0.0.1:$port/-/stats"; }
# The members of recv_poll_list whose number grows by more than 500.
counted() {
    stats | sed 's/.*"poll_lists":\[{\([^}]*\)}.*/\1/' | tr ',' '\n' | tr -d '"'
}
# Beside the request that asks.
is_processed() { stats | grep -q '"BEING_PROCESSED":2'; }
counters_grown() {
    counters=$(join -t : <(sort <<<"$before") <(counted | sort) |
        awk -F : '$3 - $2 > 500 { print $1 }')
    [ -n "$counters" ]
}
wakes() {
    local client
    before=$(counted) is=endless counters=''
    connect client
    ask "$client" "$slow"
    # Else both may be taken in one.
    within 5 is_processed || cannot "the slow query does not begin"
    ask "$client" /hello
    within 3 counters_grown || is=never
    hang_up client
}

[ -z "$(answer small)$(answer bytes)$(answer wakes)$(answer counter)" ] || {
    mutant
    small && small=$is
    bytes && bytes=$is
    wakes && wakes=$is
}
check 2 "small requests" compare small "$small"
check 2 "a head byte by byte" compare bytes "$bytes"
check 3 "how often the poller wakes" compare wakes "$wakes"
check 3 "what counts it" compare counter "$counters"
