# 1.4 *** A process for each client
#
# A silent client holds nobody up, each client is a process, and nothing is left
# behind: no descriptor, no zombie, no process after the end.

build 1 stage1_blocking/server.c

children() { cat "/proc/$pid/task/$pid/children" 2>/dev/null; }
count_children() { children | wc -w; }
zombies() {
    local child count=0
    for child in $(children); do
        grep -qs '^State:.*Z' "/proc/$child/status" && count=$((count + 1))
    done
    echo $count
}

silence_hurts_nobody() {
    connect first
    connect second
    same "200 while two others say nothing" "$(get /hello -m 2) while two others say nothing"
}
two_children() { came="$(count_children) for 2 clients"; [ "$came" = "$expected" ]; }
one_each() {
    expected="2 for 2 clients"
    within 3 two_children
}
descriptors_stay() {
    local before i
    before=$(descriptors)
    for i in $(seq 40); do get /hello; done >/dev/null
    same "$before open in the parent" "$(descriptors) open in the parent"
}
zombies_are() { came="$(zombies) zombies"; [ "$came" = "$expected" ]; }
no_zombies() { # after the 40 requests
    expected="0 zombies"
    within 3 zombies_are
}
# A child that kept the parent's pipe of signals would tell the parent of its own.
one_ends_alone() {
    local child
    child=$(children | cut -d ' ' -f 1)
    kill -TERM "$child"
    expected="1 child, and 200 from the parent"
    within 5 one_child || return 1
    came="1 child, and $(get /hello) from the parent"
    [ "$came" = "$expected" ]
}
one_child() { came="$(count_children) children"; [ "$came" = "1 children" ]; }
# A silent client is still there.
all_end() {
    local left='' child all
    all=$(children)
    stops_well || return 1
    for child in $all; do
        [ -e "/proc/$child" ] && left+=" $child"
    done
    expected="no child is left" came="left:$left"
    [ -z "$left" ]
}

serve 1 --set connection.turn_seconds=60
[ -e "/proc/$pid/task/$pid/children" ] || cannot "this kernel does not list children"
echo hello >"$scratch/root/hello"
check 4 "a silent client holds nobody up" silence_hurts_nobody
keep 1 "each client has a process" one_each
keep 1 "the parent keeps no descriptor of a client's" descriptors_stay
keep 2 "who has ended is no zombie" no_zombies
keep 1 "SIGTERM to a child ends that one" one_ends_alone
keep 1 "SIGTERM to the parent ends all of them, status 0" all_end
