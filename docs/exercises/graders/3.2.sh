# 3.2 * Count the calls
#
# The predictions are compared with what strace counts, for a hundred requests
# on one connection.

build 3 stage3_poll/server.c
tracing=$scratch/calls

# observe FILE [curl's options]: a hundred requests for it; sets each, the calls
# for one of them, and names, of the calls that come for each.
observe() {
    local path=$1 calls
    shift
    serve 3
    calls_mark
    curl -s -m 20 -o /dev/null "$@" "http://127.0.0.1:$port$path?[1-100]"
    within 5 has_gone
    calls=$(calls_since | grep -oE '^[0-9]+ +[a-z0-9_]+\(' | sed 's/.* //; s/(//')
    stop
    # A few more come with the connection, and now and then a tick.
    each=$((($(wc -l <<<"$calls") + 50) / 100))
    names=$(sort <<<"$calls" | uniq -c | awk '$1 > 50 { print $2 }')
}
has_gone() { [ "$(calls_since | grep -c 'recvfrom(.*= 0$')" = 1 ]; }
etag() {
    serve 3
    tag=$(curl -s -m 5 -I "http://127.0.0.1:$port/small" | sed -n 's/^ETag: //p' | tr -d '\r')
    stop
}

is_small() {
    answered small || return 1
    observe /small
    expected="what strace counts, divided by 100"
    [ "$came" = "$each" ]
}
is_not_modified() {
    answered not_modified || return 1
    etag
    observe /small -H "If-None-Match: $tag"
    expected="what strace counts, divided by 100"
    [ "$came" = "$each" ]
}
is_left_out() {
    answered left_out || return 1
    etag
    observe /small
    local of_small=$names
    observe /small -H "If-None-Match: $tag"
    expected="what only a 200 makes"
    [ "$came" = "$(comm -23 <(echo "$of_small") <(echo "$names"))" ]
}
is_large_by() {
    answered large_by || return 1
    observe /small
    local of_small=$names
    observe /large
    expected="what only the large file needs"
    [ "$came" = "$(comm -13 <(echo "$of_small") <(echo "$names"))" ]
}

mkdir -p "$scratch/root"
echo hello >"$scratch/root/small"
truncate -s 1M "$scratch/root/large"
check 4 "calls for a small file" is_small
check 2 "calls for a 304" is_not_modified
check 2 "the one that a 304 leaves out" is_left_out
check 2 "how a large file goes out" is_large_by
