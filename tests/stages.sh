#!/bin/sh
# stages.sh - stages are read side by side: checks that what should be alike
# in them is.
#
#     stages.sh [DIR]     the tree in DIR, or this one
#
# 2 and 3: all but the head, the includes, the facts and what asks the kernel
# (struct watch, watch_*) is the same to the byte.
# 3 and 5: what has the same name in server.c and front.c stands in the same
# order.
# None includes a header that is private to a room. sqlite_group.c may include
# those of sql/: it runs the requests of many clients as one.
cd "${1:-$(dirname "$0")/..}" || exit 2
status=0
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT

# Without what may differ.
shared()
{
    awk '
        /^#include/ { head = 1; next }
        !head { next }
        /^const struct stage_facts/ { facts = 1 }
        /^\/\* What the kernel is asked/ { watch = 1 }
        /^struct stage \{/ { watch = 0 }
        watch && /^(static |int |void |bool )/ && !/watch_/
        !watch && !(facts && /\.(number|name) =/)
        facts && /^};/ { facts = 0 }
    ' "$1"
}

shared stage2_select/server.c >"$work/2"
shared stage3_poll/server.c >"$work/3"
[ "$(wc -l <"$work/3")" -gt 200 ] || {
    echo "tests/stages.sh: it does not find what stages 2 and 3 share"
    status=1
}
diff "$work/2" "$work/3" >"$work/diff" || {
    echo "stages 2 and 3 differ in more than watch_*, their head and their facts:"
    cat "$work/diff"
    status=1
}

functions()
{
    sed -n 's/^[a-z].*[ *]\([a-z_]*\)(.*[^;]$/\1/p' "$1"
}

functions stage3_poll/server.c >"$work/of3"
functions stage5_modules/front.c >"$work/of5"
grep -xFf "$work/of5" "$work/of3" >"$work/both3"
grep -xFf "$work/of3" "$work/of5" >"$work/both5"
[ "$(wc -l <"$work/both3")" -ge 8 ] || {
    echo "server.c of stage 3 and front.c of stage 5 share fewer than 8 names of functions:"
    cat "$work/both3"
    status=1
}
cmp -s "$work/both3" "$work/both5" || {
    echo "server.c of stage 3 and front.c of stage 5 have these in another order:"
    diff "$work/both3" "$work/both5"
    status=1
}
grep -nE '^[[:space:]]*#[[:space:]]*include "([a-z]+/[a-z_]*internal\.h|sql/)' stage?_*/*.[ch] |
    grep -vE '^stage5_modules/sqlite_(group|database)\.|"sql/sql\.h"' >"$work/private" && {
    echo "these include a header that is private to its room:"
    cat "$work/private"
    status=1
}
exit $status
