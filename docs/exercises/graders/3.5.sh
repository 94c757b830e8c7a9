# 3.5 ** Questions before downloads
#
# The server is stopped while a download gets room to go on and questions
# arrive, on connections accepted before it and after it. When it goes on, all
# are ready in one turn, and strace shows who was served when.

build 3 stage3_poll/server.c
# shellcheck disable=SC2154 # connect sets q1, q2, download, q3 and q4

# The server's descriptors, in the order of accept.
accepted() { grep -oE 'accept4\(.*= [0-9]+$' "$tracing" | sed 's/.*= //'; }

open_clients() {
    local name
    for name in q1 q2 download q3 q4; do
        connect $name
        ask "${!name}" /hello
        [ "$(hear_answer "${!name}")" = 200 ] || cannot "it does not serve"
    done
    theirs=$(accepted | sed -n 3p)
}

is_quiet() {
    local before
    before=$(wc -l <"$tracing")
    sleep 0.1
    [ "$before" = "$(wc -l <"$tracing")" ]
}
is_stopped() { grep -qi '^State:.t' "/proc/$pid/status"; }

download_comes_last() {
    local question
    open_clients
    ask "$download" /large
    within 5 is_quiet || cannot "a download does not come to a halt"
    kill -STOP "$pid"
    within 5 is_stopped || cannot "the server cannot be stopped"
    timeout 0.3 cat <&"$download" >/dev/null # all that is on its way
    for question in "$q1" "$q2" "$q3" "$q4"; do ask "$question" /hello; done
    calls_mark
    kill -CONT "$pid"
    for question in "$q1" "$q2" "$q3" "$q4"; do
        expected="200 for each" came=$(hear_answer "$question")
        [ "$came" = 200 ] || return 1
    done
    within 5 is_quiet
    # When each was first read from or written to.
    came=$(calls_since | grep -oE '(recvfrom|sendfile|sendmsg)\([0-9]+' |
        sed 's/.*(//' | awk -v theirs="$theirs" '!seen[$0]++ {
            printf "%s ", $0 == theirs ? "download" : "question" }')
    expected="question question question question download "
    [ "$came" = "$expected" ]
}
download_is_whole() {
    same "67108864 zeros" "$(curl -s -m 20 "http://127.0.0.1:$port/large" |
        tr -cd '\0' | wc -c) zeros"
}

tracing=$scratch/calls
mkdir -p "$scratch/root"
truncate -s 64M "$scratch/root/large"
echo hello >"$scratch/root/hello"
of=accept4,recvfrom,sendmsg,sendfile serve 3
check 7 "questions are served before a download" download_comes_last
hang_up download
keep 2 "a download is whole" download_is_whole
keep 1 "SIGTERM ends it, status 0" stops_well
