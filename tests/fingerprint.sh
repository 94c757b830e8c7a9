#!/bin/sh
# fingerprint.sh - one line that tells this tree from any other, and this way to
# build it: a hash of every file that git tracks, or would, and of CC and the
# options that change what is tested.
#
# make test writes it to a file when it has passed, so that make test-all does
# not test the same tree twice. Where git lists no files it prints nothing: then
# everything is tested.
cd "$(dirname "$0")/.." || exit 2
files=$(git ls-files -co --exclude-standard 2>/dev/null) || exit 0
[ -n "$files" ] || exit 0
{
    "${CC:-cc}" --version
    echo "OPT=${OPT-} NDEBUG=${NDEBUG-} SANITIZE=${SANITIZE-} OPTIONS=${OPTIONS-} WRAP=${WRAP-}"
    echo "$files" | sort | while read -r file; do
        [ -f "$file" ] && sha256sum "$file"
    done
} 2>&1 | sha256sum | cut -d ' ' -f 1
