#!/bin/sh
# check_refs.sh - do the book's references still hold?
#
# The book points into the code with `file.c:/pattern/`, never with a line
# number. The pattern is a basic regular expression, as in grep and vi, and
# must match exactly one line of the file: no match means that the code moved
# on, two mean that the reader is sent to the wrong place. Links from page to
# page are checked too.
#
# Run from anywhere: docs/check_refs.sh [FILE.md ...]. Prints one line for each
# fault, `page:line: what`. Exit status 0 when all hold, 1 when one does not.

cd "$(dirname "$0")/.." || exit 2
if [ $# -eq 0 ]; then
    set -- README.md $(find docs tests stage[0-9]_* \
        -name node_modules -prune -o -name '*.md' -print 2>/dev/null | sort)
fi
faults=$(mktemp) || exit 2
trap 'rm -f "$faults"' EXIT

fault() {
    printf '%s\n' "$1" | tee -a "$faults"
}

for page; do
    [ -f "$page" ] || { fault "$page: no such page"; continue; }
    # Code references.
    grep -noE '`[A-Za-z0-9_./-]+:/[^`]+/`' "$page" |
    while IFS= read -r hit; do
        line=${hit%%:*}
        ref=${hit#*:\`}
        ref=${ref%\`}
        file=${ref%%:/*}
        pattern=${ref#*:/}
        pattern=${pattern%/}
        if [ ! -f "$file" ]; then
            fault "$page:$line: no file $file"
            continue
        fi
        n=$(grep -c -e "$pattern" "$file")
        [ "$n" -eq 1 ] ||
            fault "$page:$line: $n lines of $file match /$pattern/"
    done
    # Links: ](path) and ](path#part), not http://, not #part alone.
    grep -noE '\]\([^)#: ]+(#[^)]*)?\)' "$page" |
    while IFS= read -r hit; do
        line=${hit%%:*}
        link=${hit#*\](}
        link=${link%)}
        link=${link%%#*}
        [ -e "$(dirname "$page")/$link" ] ||
            fault "$page:$line: no page or file $link"
    done
done

[ -s "$faults" ] && exit 1
echo "references and links of $# pages hold"
