#!/bin/sh
# diff.sh FROM TO - what one stage changes against another, as a unified diff.
#
# A file that only one side has is shown whole. Where a role has moved to a file
# of another name, that file is compared with the one that had the role before.
# COMMENTS=no leaves out comments, COLOR=always paints.
cd "$(dirname "$0")/.." || exit 2
from=$(echo stage"${1-}"_*) to=$(echo stage"${2-}"_*)
[ -d "$from" ] && [ -d "$to" ] || {
    echo "diff: no such stage; say make diff FROM=2 TO=3 (here are" stage?_* ")" >&2
    exit 2
}
[ "$from" != "$to" ] || {
    echo "diff: $from is the same stage; say make diff FROM=2 TO=3" >&2
    exit 2
}
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT

# The file of a stage that has the loop over its connections.
loop()
{
    for name in front.c pipeline.c server.c; do
        [ -e "$1/$name" ] && { echo "$name"; return; }
    done
}

# C without its comments, and without the blank lines that they leave.
plain()
{
    if [ "${COMMENTS-}" != no ]; then
        cat "$1"
        return
    fi
    awk '
        {
            line = $0
            if (comment) { if (!sub(/^.*\*\//, "", line)) next; comment = 0 }
            gsub(/\/\*([^*]|\*+[^*\/])*\*+\//, "", line)
            if (sub(/\/\*.*$/, "", line)) comment = 1
            sub(/[ \t]+$/, "", line)
            if (line == "" && ($0 != "" || blank)) next
            blank = line == ""
            print line
        }
    ' "$1"
}

# put STAGE NAME SIDE AS: a file, as it is to be compared.
put()
{
    [ -e "$1/$2" ] || return
    mkdir -p "$work/$3"
    plain "$1/$2" >"$work/$3/$4"
}

for stage in "$from" "$to"; do
    side=$([ "$stage" = "$from" ] && echo a || echo b)
    for file in "$stage"/*.[ch]; do
        name=${file##*/}
        as=$name
        # The loops of both are compared; the other server.c is a file alone.
        if [ "$(loop "$from")" != "$(loop "$to")" ]; then
            case $name in
            "$(loop "$stage")") as=0.c ;; # before all others
            esac
        fi
        put "$stage" "$name" $side "$as"
    done
done
cd "$work" || exit 2
# Heads bold, removed lines red, added ones green, places cyan.
paint()
{
    [ "${COLOR-}" = always ] || { cat; return; }
    e=$(printf '\033')
    sed "/^---\|^+++/{s/.*/$e[1m&$e[0m/;b;}; s/^-.*/$e[31m&$e[0m/
         s/^+.*/$e[32m&$e[0m/; s/^@@.*@@/$e[36m&$e[0m/"
}

TZ=UTC0 diff -ruN a b |
    sed "/^diff -/d
         s#^\(--- \|+++ \).*\t1970-.*#\1/dev/null#
         s#^--- a/0.c#--- $from/$(loop "$OLDPWD/$from")#
         s#^+++ b/0.c#+++ $to/$(loop "$OLDPWD/$to")#
         s#^--- a/#--- $from/#; s#^+++ b/#+++ $to/#
         /^\(---\|+++\) /s#\t.*##" | paint
