#!/usr/bin/env bash
# inside.sh - installs the package and uses it, as an administrator would. Only
# for a root that is thrown away (run.sh): it changes the machine.
set -uo pipefail
cd "$(dirname "$0")" || exit 2
# shellcheck source=../interop/lib.sh
. ./lib.sh
deb=$(echo fivefold_*.deb)
url=http://127.0.0.1:8080
log=/var/log/fivefold/access.log

get() { curl -sS --max-time 20 "$@"; }
status() { get -o /dev/null -w '%{http_code}' "$@"; }
active() { systemctl is-active "$@"; }
main_pid() { systemctl show -P MainPID fivefold.service; }

# Waits until COMMAND succeeds; only so that nothing hangs has it an end.
until_ok()
{
    local try
    for try in $(seq 100); do
        "$@" && return 0
        sleep 0.1
    done
    return 1
}

# All that a package may have put somewhere, without what others keep of it.
machine_files()
{
    find /etc /usr /var /srv -xdev \( -path /var/lib/dpkg -o -path /var/cache \
        -o -path /var/log/journal -o -path /var/lib/systemd -o -path /var/tmp \
        -o -path /srv/install-check -o -path /var/lib/logrotate \) -prune -o -print | sort
}

# Asks in a loop, a new connection each time, until the file stop is there.
ask_all_the_time() # OUTPUT
{
    while [ ! -e "$home/stop" ]; do
        status "$url/hello.txt" >>"$1" 2>/dev/null || echo -n " refused" >>"$1"
        echo >>"$1"
    done
}

# COMMAND... while two clients ask; each of them must be answered with 200.
under_load() # NAME COMMAND...
{
    local name=$1 one two
    shift
    rm -f "$home"/stop "$home"/codes-*
    ask_all_the_time "$home/codes-1" & one=$!
    ask_all_the_time "$home/codes-2" & two=$!
    until_ok test -s "$home/codes-1"
    "$@"
    touch "$home/stop"
    wait $one $two
    is "$name" 200 "$(sort -u "$home"/codes-* | tr '\n' ' ' | sed 's/ $//')"
}

restart_thrice()
{
    local i
    for i in 1 2 3; do systemctl restart fivefold.service; done
}

machine_files >"$home/before"

# Installing.
ok "dpkg installs it" dpkg -i "$deb"
is "the service runs" active "$(active fivefold.service)"
is "it is enabled" enabled "$(systemctl is-enabled fivefold.service)"
is "the socket is not" disabled "$(systemctl is-enabled fivefold.socket)"
has "systemctl status says where" "serves http://127.0.0.1:8080/" \
    "$(systemctl show -P StatusText fivefold.service)"
is "its configuration is for it and root only" "640 root fivefold" \
    "$(stat -c '%a %U %G' /etc/fivefold/fivefold.ini)"
has "man finds fivefold.ini(5)" "seccomp" "$(man fivefold.ini 2>&1 | col -b)"

is "systemd finds nothing wrong in the units" "" \
    "$(systemd-analyze verify fivefold.service fivefold.socket 2>&1)"

# Serving.
echo hello >/var/lib/fivefold/www/hello.txt
is "a file is served" hello "$(get $url/hello.txt)"
runuser -u fivefold -- sqlite3 /var/lib/fivefold/db/notes.db \
    'PRAGMA journal_mode = WAL; CREATE TABLE t(a); INSERT INTO t VALUES (41)' \
    >/dev/null
has "a database is served" '[[42]]' \
    "$(get "$url/db/notes/query?sql=SELECT+a%2B1+FROM+t" | tr -d ' \n')"
is "nobody may write" 403 "$(status -T /etc/hostname $url/x.txt)"

# What it may do.
process=/proc/$(main_pid)
is "it is user fivefold" fivefold "$(stat -c %U "$process")"
field() { sed -n "s/^$1:[[:space:]]*//p" "$process/status"; }
is "it has no capabilities" 0000000000000000 "$(field CapPrm)"
is "it can get none" 0000000000000000 "$(field CapBnd)"
is "it gains no rights by programs" 1 "$(field NoNewPrivs)"
is "its calls are filtered" 2 "$(field Seccomp)"

# Reloading.
cp -a /etc/fivefold/fivefold.ini "$home/right.ini"
printf '\n[users]\ntoken = alice:secret\n[files]\nrule = allow read / user alice\n%s\n' \
    'rule = deny * /' >"$home/more"
sed '/^\[sqlite\]/,$d' "$home/right.ini" | cat - "$home/more" \
    >/etc/fivefold/fivefold.ini
before=$(main_pid)
ok "systemctl reload takes a new rule" systemctl reload fivefold.service
is "it holds" 401 "$(status $url/hello.txt)"
is "for the one it names too" 200 \
    "$(status -H 'Authorization: Bearer secret' $url/hello.txt)"
echo nonsense >>/etc/fivefold/fivefold.ini
systemctl reload fivefold.service 2>/dev/null
is "a wrong file fails the reload" 1 "$?"
is "and changes nothing" 401 "$(status $url/hello.txt)"
cp "$home/right.ini" /etc/fivefold/fivefold.ini
ok "a right one is taken again" systemctl reload fivefold.service
is "all by the same process" "$before" "$(main_pid)"
is "which serves again" 200 "$(status $url/hello.txt)"

# Rotating logs.
get -o /dev/null "$url/hello.txt?before"
until_ok grep -qs before "$log"
ok "logrotate has no complaint" logrotate -f /etc/logrotate.d/fivefold
get -o /dev/null "$url/hello.txt?after"
ok "the new log has what comes after" until_ok grep -qs after "$log"
ok "the old one has what came before" grep -q before "$log.1"
is "and nothing else" "" "$(grep after "$log.1")"
is "the new log is the server's" "640 fivefold adm" "$(stat -c '%a %U %G' "$log")"

# Stopping, and a mistake.
ok "systemctl stop" systemctl stop fivefold.service
is "it ended well" success "$(systemctl show -P Result fivefold.service)"
is "with status 0" 0 "$(systemctl show -P ExecMainStatus fivefold.service)"
echo nonsense >>/etc/fivefold/fivefold.ini
systemctl start fivefold.service 2>/dev/null
is "a wrong configuration does not start" failed "$(active fivefold.service)"
is "and is not tried again" 0 "$(systemctl show -P NRestarts fivefold.service)"
cp "$home/right.ini" /etc/fivefold/fivefold.ini
systemctl reset-failed fivefold.service

# By the socket.
ok "the socket unit listens" systemctl start fivefold.socket
is "a client starts the server" hello "$(get $url/hello.txt)"
# It serves before the manager has read that it does.
until_ok systemctl is-active --quiet fivefold.service
is "it runs now" active "$(active fivefold.service)"
under_load "no client is refused while it restarts three times" restart_thrice
systemctl reset-failed fivefold.service # or so many starts are too many
under_load "nor while it is upgraded" dpkg -i "$deb"
is "an upgrade keeps the rights of the configuration" "640 root fivefold" \
    "$(stat -c '%a %U %G' /etc/fivefold/fivefold.ini)"
is "the socket listens on" active "$(active fivefold.socket)"

# Removing.
ok "dpkg removes it" dpkg -r fivefold
is "the service has gone" inactive "$(active fivefold.service)"
is "the socket too" inactive "$(active fivefold.socket)"
ok "its configuration stays" test -e /etc/fivefold/fivefold.ini
said=$(dpkg --purge fivefold 2>&1)
has "a purge keeps files and databases, and says so" "and stays" "$said"
is "they are there" "hello.txt notes.db" \
    "$(cd /var/lib/fivefold && ls www db/*.db | grep -o 'hello.txt\|notes.db' | sort | xargs)"
rm -rf /var/lib/fivefold
machine_files >"$home/after"
# Those are systemd's own copies of what it has changed there.
is "nothing else is left" "" "$(comm -13 "$home/before" "$home/after" |
    grep -v '^/etc/\(passwd\|group\|shadow\|gshadow\)-$' | xargs)"
finish
