#!/bin/sh
# move.sh DIR NAME NUMBER - moves a database to instance NUMBER while the cluster
# of generate.sh runs on this machine. Until it is done the database is answered
# 503 with Retry-After; nobody else notices.
#
# closed in the map -> what is under way ends -> file renamed, so that nobody can
# open it any more -> what still has it open ends -> copied -> map -> open
#
# If it fails half-way it says where the data is, and the map says "closed". On several
# machines the same steps are done by hand: docs/cluster.md.

set -eu
fail()
{
    echo "move: $1" >&2
    exit 1
}

[ $# = 3 ] || fail "usage: move.sh DIR NAME NUMBER"
directory=$(cd "$1" && pwd) name=$2 to=$3
map=$directory/databases.map
case $name in '' | *[!A-Za-z0-9_-]*) fail "\"$name\" is no name of a database" ;; esac
from=
for file in "$directory"/instance-*/db/"$name.db"; do
    [ -e "$file" ] || fail "no instance has a file $name.db"
    [ -z "$from" ] || fail "several instances have a file $name.db"
    from=${file#"$directory/instance-"}
    from=${from%%/*}
done
[ -f "$directory/instance-$to/fivefold.ini" ] || fail "no instance $to in $directory"
[ "$from" != "$to" ] || fail "$name is on instance $to already"
old=$directory/instance-$from/db/$name new=$directory/instance-$to/db/$name
[ ! -e "$old.moving" ] || fail "$old.moving is left of an attempt that failed"
address=$(sed -n 's/^listen = //p' "$directory/instance-$from/fivefold.ini")

proxy() { echo "$1" | socat -t 10 - "UNIX-CONNECT:$directory/admin.sock"; }

# Into the file, for the proxy's next start, and into the proxy that runs.
place() # VALUE
{
    awk -v name="$name" -v value="$1" '
        $1 != name { print }
        END { print name, value }' "$map" >"$map.new"
    mv "$map.new" "$map"
    said=$(proxy "set map $map $name $1")
    [ -z "$said" ] || said=$(proxy "add map $map $name $1")
    [ -z "$said" ] || fail "the proxy says: $said"
}

# How many requests and transactions use the database.
users()
{
    curl -sf --max-time 5 -o "$directory/stats" "http://$address/-/stats" &&
        sqlite3 :memory: "
            SELECT coalesce(sum((value ->> 'connections') - (value ->> 'idle')), 0)
            FROM json_each(readfile('$directory/stats'), '\$.databases')
            WHERE value ->> 'name' = '$name'"
}

# Waits until nobody does, a few looks running, as a request may be on its way.
# An interactive transaction that was open is not heard of any more and ends by
# itself (stream_idle_seconds).
drain()
{
    tries=600 quiet=0
    while [ $quiet -lt 3 ]; do
        quiet=$((quiet + 1))
        [ "$(users)" = 0 ] || quiet=0
        tries=$((tries - 1))
        [ $tries != 0 ] || return 1
        sleep 0.1
    done
    rm -f "$directory/stats"
}

place closed
drain || { place "$from"; fail "instance $from still uses $name, or does not answer"; }
# What was on its way finds no file now. The WAL is a part of the database; the
# file goes first, so that it is never there without its WAL.
for end in '' -wal -shm; do
    [ ! -e "$old.db$end" ] || mv "$old.db$end" "$old.moving$end"
done
drain || fail "$old.moving is still in use; nothing was copied"
sqlite3 "$old.moving" ".backup '$new.part'" || fail "cannot copy $old.moving to $new.part"
sync "$new.part"
mv "$new.part" "$new.db"
sync "$directory/instance-$to/db"
place "$to"
rm -f "$old.moving" "$old.moving-wal" "$old.moving-shm"
echo "move: $name is on instance $to"
