#!/usr/bin/env bash
# site.sh OUT - the book as pages: README.md and docs/**/*.md become OUT/**.html.
#
# cmark-gfm does the text; links to .md become links to .html, pictures
# and sources that a page links to are copied. A relative link that leads nowhere
# is told with its page, and the build fails.

set -euo pipefail
[ $# = 1 ] || { echo "usage: site.sh OUT" >&2; exit 2; }
mkdir -p "$1"
out=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
command -v cmark-gfm >/dev/null ||
    { echo "docs: no cmark-gfm; get it by: make setup" >&2; exit 1; }

css='body{font:17px/1.55 system-ui,sans-serif;margin:0 auto;max-width:76em;
display:flex;gap:3em;padding:1.5em;color-scheme:light dark}
nav{flex:0 0 14em;font-size:.85em}nav ul{list-style:none;padding:0}
nav li{margin:.25em 0}nav b{display:block;margin-top:1em}
main{min-width:0;max-width:48em}img{max-width:100%;background:#fff}
pre{overflow:auto;padding:.8em 1em;background:#8882;font-size:.82em}
code{font-family:ui-monospace,monospace}:not(pre)>code{overflow-wrap:anywhere}
table{border-collapse:collapse;display:block;overflow:auto}
td,th{border:1px solid #8886;padding:.25em .6em;text-align:left}
th:empty{padding:0;border-bottom:0}
@media(max-width:50em){body{flex-direction:column-reverse;padding:1em;gap:1em}
main{max-width:100%}nav{flex:none}}'

# The part of the book that a page belongs to; the digit is its place.
part()
{
    case $1 in
    README.md) echo 0 ;;
    docs/chapter* | docs/common.md | docs/exercises/*) echo "1 The book" ;;
    stage*) echo "2 The stages" ;;
    docs/http.md | docs/at_once.md | docs/sql.md | docs/operations.md | docs/durability.md | docs/cluster.md | docs/sample/*)
        echo "3 Reference" ;;
    docs/questions/*) echo "4 Questions" ;;
    *) echo "5 Teaching, notes" ;;
    esac
}

# README.md is the front page; the others stand where they stand in the source.
pages=$(
    {
        echo README.md
        find docs stage?_* tests -name node_modules -prune -o -name '*.md' -print
    } | while read -r page; do
        echo "$(part "$page" | cut -c 1) $page"
    done | LC_ALL=C sort | cut -d ' ' -f 2
)

target()
{
    case $1 in
    README.md) echo index.html ;;
    *) echo "${1%.md}.html" ;;
    esac
}

title()
{
    sed -n 's/^# *//p;T;q' "$1" | head -n 1 | tr -d '`' | sed 's/&/\&amp;/g;s/</\&lt;/g'
}

# The way from a page's directory back to the top: "../" for each.
up()
{
    dirname "$1" | sed 's/^\.$//;s#[^/]\{1,\}/\{0,1\}#../#g'
}

navigation() # PAGE
{
    local back page part last=0
    back=$(up "$1")
    echo "<nav><ul>"
    for page in $pages; do
        part=$(part "$page")
        if [ "$part" != "$last" ]; then
            echo "<li><b>${part#? }</b></li>"
            last=$part
        fi
        echo "<li><a href=\"$back$(target "$page")\">$(title "$page")</a></li>"
    done
    echo "</ul></nav>"
}

for page in $pages; do
    file=$out/$(target "$page")
    mkdir -p "$(dirname "$file")"
    back=$(up "$page")
    {
        echo "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">"
        echo "<meta name=\"viewport\" content=\"width=device-width\">"
        echo "<link rel=\"icon\" href=\"data:,\">"
        echo "<title>$(title "$page")</title><style>$css</style></head><body>"
        navigation "$page"
        echo "<main>"
        # A relative link has no scheme and does not start with / or #.
        cmark-gfm --unsafe -e table -e strikethrough -e autolink "$page" |
            sed -E -e "s~href=\"((\.\./)*)README\.md(#[^\"]*)?\"~href=\"\1@README@\3\"~g" \
                -e 's~href="([^":#]+)\.md(#[^"]*)?"~href="\1.html\2"~g' |
            if [ -z "$back" ] || [ "$(dirname "$page")" = . ]; then
                sed 's~@README@~index.html~g'
            else
                # ../ as often as the page is deep is the front page.
                sed -e "s~href=\"$back@README@~href=\"${back}index.html~g" \
                    -e 's~@README@~README.html~g'
            fi
        echo "</main></body></html>"
    } >"$file"
done

# What pages point at and is no page: pictures, sources, scripts.
fault=0
for page in $pages; do
    file=$out/$(target "$page")
    directory=$(dirname "$page")
    { grep -oE '(href|src)="[^"]+"' "$file" || true; } | sed 's/^[a-z]*="//;s/"$//' |
        grep -vE '^([a-z]+:|/|#)' | sed 's/[?#].*//' | sort -u |
        while read -r link; do
            [ -e "$out/$directory/$link" ] && continue
            if [ -e "$directory/$link" ]; then
                mkdir -p "$(dirname "$out/$directory/$link")"
                cp -r "$directory/$link" "$out/$directory/$link"
            else
                echo "$page: no such file: ${link/%.html/.md}" >&2
                exit 1
            fi
        done || fault=1
done
find docs -name '*.svg' -o -name '*.png' | while read -r picture; do
    mkdir -p "$out/$(dirname "$picture")"
    cp "$picture" "$out/$picture"
done
[ $fault = 0 ] || { echo "docs: broken links" >&2; exit 1; }
echo "docs: $(echo "$pages" | wc -w) pages in $1"
