# 5.1 ** A third module
#
# What it answers; then many clients at once. That two workers are at one NAME
# is wrong, but costs a number once in a million requests: so tasks are made
# slow, by wrong passwords, and the trace tells which ran side by side.

file=stage5_modules/module_uuid.c
build 5 stage5_modules/server.c $file

# Of the password of a user: to check one against it takes some ms.
# shellcheck disable=SC2016
hash='$6$rounds=20000$fivefold$x14wGHrCpsk3Ya6XB0Lb68JXdi.bpowbenFzYfF81i3I3nNkco5AP17P.4EQiDy9jei7NvxBcMgIfc4pmbUUL1'

take() { curl -s -m 5 "http://127.0.0.1:$port/uuid/$1"; }
put() { get "/uuid/$1" -X PUT --data-binary "$2"; }

counts() { # more NAMEs than any table of 256 has places
    curl -s -m 5 "http://127.0.0.1:$port/uuid/n[1-300]" >"$scratch/ones"
    same "1 2 3 of one NAME, 300 times 1 of 300" \
        "$(take a) $(take a) $(take a) of one NAME, $(grep -cx 1 "$scratch/ones") times 1 of 300"
}
can_be_set() {
    same "204 400 41 42" "$(put a 41) $(put a many) $(take a) $(take a)"
}
each_once() {
    local i clients=()
    for i in $(seq 20); do
        curl -s -m 20 "http://127.0.0.1:$port/uuid/crowd?[1-50]" \
            >"$scratch/crowd$i" &
        clients+=($!)
    done
    wait "${clients[@]}"
    came="$(sort -un "$scratch"/crowd* | wc -l) numbers"
    expected="1000 numbers, from 1 to 1000"
    sort -n "$scratch"/crowd* | cmp -s - <(seq 1000)
}

# A front asks first, and may not: it would count beside a worker.
workers_did_it() {
    local taken
    taken=$(curl -s -m 5 "http://127.0.0.1:$port/-/stats" | sed 's/"threads".*//' |
        grep -oE '"name":"[^"]*uuid[^"]*","waiting":[0-9]*,"taken":[0-9]*' | grep -oE '[0-9]+$')
    expected="1000 tasks or more in a queue with uuid in its name"
    came="${taken:-no such queue}"
    [ "${taken:-0}" -ge 1000 ]
}

# side_by_side NAMES: sets pairs to how many of 16 slow tasks, one for each of
# the URL that curl makes of NAMES, began while another was under way.
side_by_side() {
    serve 5 --rule 'allow * /uuid/' --trace "$scratch/trace" \
        --set users.htpasswd="$scratch/users" \
        --set limits.password_percent=100
    curl -s -Z --parallel-immediate -m 20 -u a:wrong -o /dev/null \
        -w '%{http_code}\n' "http://127.0.0.1:$port/uuid/$1" \
        >"$scratch/refused" 2>/dev/null
    stop
    [ "$(grep -cx 401 "$scratch/refused")" = 16 ] ||
        cannot "wrong passwords are not answered 401"
    pairs=$(sed -n '/"name":"work"/s/.*"ts":\([0-9.]*\),"dur":\([0-9.]*\).*/\1 \2/p' \
        "$scratch/trace" | sort -n |
        awk '$1 < end { n++ } $1 + $2 > end { end = $1 + $2 } END { print n + 0 }')
}
one_at_a_time() {
    side_by_side 'one?[1-16]'
    same "0 of 16 tasks began in the middle of another" \
        "$pairs of 16 tasks began in the middle of another"
}
names_do_not_wait() {
    side_by_side 'n[1-16]'
    expected="some of 16 tasks begin in the middle of another"
    came="$pairs"
    [ "$pairs" -gt 0 ]
}
is_short() {
    local lines locks
    lines=$(wc -l <"$file")
    locks=$(grep -m 1 -oE 'pthread_[a-z]*lock|sem_[a-z]*|_?[Aa]tomic[a-z_]*|__(sync|atomic)_[a-z_]*' "$file")
    expected="fewer than 100 lines in $file, no lock, no atomic"
    came="$lines lines${locks:+, and $locks}"
    [ "$lines" -lt 100 ] && [ -z "$locks" ]
}

echo "a:$hash" >"$scratch/users"
serve 5 --rule 'allow * /uuid/'
check 2 "the next number, from 1, for each NAME" counts
keep 1 "a PUT sets it, if it is a number" can_be_set
keep 1 "a thousand requests of twenty clients: each number once" each_once
keep 1 "none of them answered by a front" workers_did_it
keep 1 "SIGTERM ends it, status 0" stops_well
keep 2 "one at a time at one NAME" one_at_a_time
keep 1 "two NAMEs do not wait for each other" names_do_not_wait
keep 1 "short, and without a lock" is_short
