#!/bin/sh
# make_sample.sh OUT.db - the sample database: time zones, from the facts that
# the package tzdata installs.
#
# iso3166.tab, zone1970.tab, tzdata.zi -> tz.awk -> INSERTs -> sqlite3 -> OUT.db
#
# The same facts make the same file, byte for byte. OUT.db is replaced as a
# whole at the end, or not touched. FACTS may name another directory.

set -eu

facts=${FACTS:-/usr/share/zoneinfo}
here=$(dirname "$0")

fail()
{
    echo "make_sample.sh: $1" >&2
    exit 1
}

[ $# -eq 1 ] || fail "usage: make_sample.sh OUT.db"
out=$1
command -v sqlite3 >/dev/null ||
    fail "no sqlite3; install it with: apt-get install sqlite3"
for name in iso3166.tab zone1970.tab tzdata.zi; do
    [ -r "$facts/$name" ] || fail \
        "no $facts/$name; install it with: apt-get install --reinstall tzdata"
done

part=$out.part
trap 'rm -f "$part" "$part-journal" "$part.sql"' EXIT
trap 'exit 1' HUP INT TERM
rm -f "$part"

# A file between the two, as a pipe would hide that awk has failed.
{
    echo "PRAGMA foreign_keys = ON;"
    echo "BEGIN;"
    cat "$here/schema.sql"
    awk -f "$here/tz.awk" \
        "$facts/iso3166.tab" "$facts/zone1970.tab" "$facts/tzdata.zi"
    echo "COMMIT;"
    echo "ANALYZE;"
    echo "VACUUM;"
} >"$part.sql"
sqlite3 -batch -bail "$part" <"$part.sql" || fail "sqlite3 refused the facts"

broken=$(sqlite3 "$part" "PRAGMA foreign_key_check; PRAGMA quick_check")
[ "$broken" = ok ] || fail "the database is not sound: $broken"
mv -f "$part" "$out"
