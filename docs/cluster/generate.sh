#!/bin/sh
# generate.sh OUT LISTEN ADDR:PORT... - a cluster: databases spread over
# instances by name, HAProxy in front on LISTEN.
#
#   OUT/haproxy.cfg, listing.lua      the proxy
#   OUT/databases.map                 name -> number of its instance
#   OUT/instance-N/fivefold.ini, db/  an instance for each ADDR:PORT
#   OUT/run                           starts all of it here
#
# May be run again, with more instances too: databases, the token and what the
# map says are kept. A database that has a file is put into the map where its
# file is, so that another number of instances moves none. ROOT is the
# directory of files to serve, SERVER the binary, PROXY the address that the
# instances see the proxy with, SAMPLE a database to begin with, NAMES the host
# names that a proxy on a loopback address is asked by ("*": any).

set -eu
here=$(cd "$(dirname "$0")" && pwd)

fail()
{
    echo "cluster: $1" >&2
    exit 2
}

[ $# -ge 3 ] || fail "usage: generate.sh OUT LISTEN ADDR:PORT..."
out=$1 listen=$2
shift 2
server=${SERVER:-build/fivefold-5}
proxy=${PROXY:-127.0.0.1}
umask 077 # the token
mkdir -p "$out"
out=$(cd "$out" && pwd)
case $out in *[!A-Za-z0-9/._-]*) fail "$out: use a path of letters, digits and ._-" ;; esac
[ -x "$server" ] || fail "no server $server; make builds it"
server=$(cd "$(dirname "$server")" && pwd)/$(basename "$server")
mkdir -p "${ROOT:=$out/root}"
root=$(cd "$ROOT" && pwd)
count=$#

if [ -n "${SAMPLE:-}" ] && [ ! -e "$out/instance-1" ]; then
    mkdir -p "$out/instance-1/db"
    cp "$SAMPLE" "$out/instance-1/db/"
fi

# Where is each database? An instance that is there no more must have none.
for directory in "$out"/instance-*/db; do
    number=${directory#"$out/instance-"}
    number=${number%/db}
    [ "$number" != '*' ] || break
    for file in "$directory"/*.db; do
        [ -e "$file" ] || continue
        [ "$number" -le "$count" ] || fail \
            "instance $number still has $file; move it first (move.sh)"
        name=$(basename "$file" .db)
        echo "$name $number"
    done
done >"$out/found"

twice=$(cut -d ' ' -f 1 "$out/found" | sort | uniq -d | head -n 1)
[ -z "$twice" ] || fail "database $twice is in several instances:$(
    awk -v name="$twice" '$1 == name { printf " %s", $2 }' "$out/found"); \
remove the files that are not to be served"

# A file shows where a database is; a line without one is kept, and so is
# "closed", as somebody is about to move that database.
touch "$out/databases.map"
awk -v count="$count" '
    FILENAME == ARGV[1] { at[$1] = $2; next }
    /^#/ || NF == 0 { next }
    $2 == "closed" || !($1 in at) { at[$1] = $2 }
    END {
        for (name in at)
            if (at[name] == "closed" || at[name] + 0 <= count + 0)
                print name, at[name]
            else {
                print name, at[name] >"/dev/stderr"
                exit 2
            }
    }' "$out/found" "$out/databases.map" >"$out/sorted" ||
    fail "the map names an instance that is not there (above)"
{
    echo "# name -> instance, or closed. A name that is not here is placed by its hash."
    sort "$out/sorted"
} >"$out/databases.map.new"
mv "$out/databases.map.new" "$out/databases.map"
rm -f "$out/found" "$out/sorted"

[ -s "$out/token" ] || od -A n -N 16 -t x1 /dev/urandom | tr -d ' \n' >"$out/token"
token=$(cat "$out/token")

instance_ini() # NUMBER ADDR:PORT
{
    cat <<END
# Written by generate.sh, and written again when that runs.
[server]
listen = $2
# Rules, logs and limits are about the proxy's clients.
trust_proxy = $proxy

[connection]
# Longer than the proxy keeps one idle, so that it never sends a request on a
# connection that is being closed.
keepalive_seconds = 60

[files]
root = $root
listing = on

[sqlite]
directory = $out/instance-$1/db
rule = allow * /db/ user cluster

[users]
token = cluster:$token

[internals]
# The proxy's check; otherwise from this machine, as ever.
rule = allow read /-/stats from $proxy
END
}

# An error that a client of SQL can read.
proxy_error() # STATUS CODE MESSAGE [FIELD VALUE]
{
    printf '    http-error status %s content-type application/json' "$1"
    printf " string '{\"message\":\"%s\",\"code\":\"%s\",\"error\":\"%s\"}'" "$3" "$2" "$3"
    printf '%s\n' "${4:+ hdr $4 $5}"
}

proxy_backend() # NUMBER ADDR:PORT
{
    cat <<END

backend instance-$1
    http-response set-header X-Instance $1
    server it $2 check
END
}

# What server.names does for one server: the instances take any name from the
# proxy, so the proxy looks. A page of any web site can have a name of its own
# lead to 127.0.0.1.
proxy_names()
{
    case $listen in 127.* | localhost:* | '[::1]:'* | fd@*) ;; *) return 0 ;; esac
    [ "${NAMES:-}" != '*' ] || return 0
    cat <<END
    acl loopback dst 127.0.0.0/8 ::1
    acl dotted req.hdr(host),host_only -m reg ^[^[].*[.]
    acl lettered req.hdr(host),host_only -m reg -i [a-z]
    acl ours req.hdr(host),host_only -m reg -i ^([^.]+|(.*[.])?localhost)[.]?\$
END
    [ -z "${NAMES:-}" ] || echo "    acl ours req.hdr(host),host_only -m str -i $NAMES"
    printf '%s\n' '    http-request return status 421 content-type text/plain string "No name of this cluster; set NAMES for generate.sh\n" if loopback dotted lettered !ours'
}

proxy_cfg() # ADDR:PORT...
{
    cat <<END
# Written by generate.sh, and written again when that runs.
global
    # Heads that an instance takes (head_bytes) fit.
    tune.bufsize 32768
    # To change the map while it runs: move.sh.
    stats socket $out/admin.sock mode 600 level admin
    lua-load $out/listing.lua

defaults
    mode http
    option forwardfor
    timeout connect 2s
    timeout http-request 10s
    timeout http-keep-alive 15s
    # Each is a time without a byte. An instance may think about a request for
    # transaction_seconds (30) before its first byte, and then answers; a client
    # that sends or reads nothing for 20 s is cut by the instance itself.
    timeout client 60s
    timeout server 60s
    # A server that is started again within two seconds is not missed. Only a
    # connection that could not be made is tried again: a request that has been
    # sent may have been carried out.
    retries 2
    http-reuse safe
    # Answered by whatever thread receives it, so that an instance whose workers
    # are all busy is slow and not down.
    option httpchk
    http-check send meth HEAD uri /-/stats ver HTTP/1.1 hdr Host check
    timeout check 5s
    default-server inter 1s fastinter 300ms fall 3 rise 1
$(proxy_error 502 BAD_GATEWAY "The instance ended before it had answered; whether anything was done is not known")
$(proxy_error 503 UNAVAILABLE "Not available now; nothing was done; try again" Retry-After 1)
$(proxy_error 504 GATEWAY_TIMEOUT "The instance did not answer in time; whether anything was done is not known")

frontend cluster
    bind $listen
$(proxy_names)
    # The path as an instance reads it: decoded once, // and /./ merged. Two
    # ways to read it would be two instances for one database.
    http-request set-var(txn.path) 'path,url_dec,regsub("/(\.?/)+","/",g)'
    http-request set-var(txn.name) 'var(txn.path),field(3,/)' if { var(txn.path) -m reg ^/(db|dev)/[A-Za-z0-9_-]{1,64}(/|\$) }
    acl named var(txn.name) -m found
    # By the map; a new name by its hash. Never by who is alive: a database that
    # its instance does not have is 404 there, or made anew.
    http-request set-var(txn.to) 'var(txn.name),map($out/databases.map)' if named
    http-request set-var(txn.to) 'var(txn.name),crc32,mod($count),add(1)' if named !{ var(txn.to) -m found }
    http-request deny deny_status 503 if { var(txn.to) -m str closed }
    http-request use-service lua.databases if { var(txn.path) -m str /db/ /dev/ } { method GET HEAD }
    # /-/2/ is /-/ of instance 2.
    acl figures path -m reg ^/-/[0-9]+/
    http-request return status 404 content-type text/plain string "Each instance has its own: /-/1/ to /-/$count/\n" if { var(txn.path) -m beg /-/ } !figures
    http-request set-var(txn.to) 'path,field(3,/)' if figures
    http-request replace-path /-/[0-9]+/(.*) /-/\1 if figures
    use_backend instance-%[var(txn.to)] if { var(txn.to) -m found }
    use_backend files if !named
    # Only for a number in the map that no instance has: 503.
    default_backend nowhere

backend nowhere

# Every instance has the same files: any that is alive will do.
backend files
    balance roundrobin
    option redispatch 1
END
    number=0
    for address; do
        number=$((number + 1))
        echo "    server it-$number $address track instance-$number/it"
    done
    number=0
    for address; do
        number=$((number + 1))
        proxy_backend $number "$address"
    done
}

proxy_cfg "$@" >"$out/haproxy.cfg"
cp "$here/listing.lua" "$out/listing.lua"
number=0
for address; do
    number=$((number + 1))
    mkdir -p "$out/instance-$number/db"
    instance_ini $number "$address" >"$out/instance-$number/fivefold.ini"
done
cat >"$out/run" <<END
#!/bin/sh
exec $here/run.sh $out $server $listen
END
chmod 700 "$out/run"
