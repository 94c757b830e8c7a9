# lib.sh - what the graders share: points, servers, clients, answers.
#
# grade.sh sources it, then a grader, which says build, check and keep, top to
# bottom. A check is a function that sets expected and came and returns whether
# they agree. Everything here is bounded: a server that does not end is killed,
# a client that hears nothing gives up. Needs bash; runs in the tree's top.
# shellcheck shell=bash

BUILD=${BUILD:-build}
MAKE=${MAKE:-make}
POINTS_ALL=10 # each exercise

scratch=$(mktemp -d) || exit 2
pid='' port='' status=''
points=0 own=0 asked=0
trap grade_cleanup EXIT
trap 'exit 2' INT TERM
trap '' PIPE # who writes to a client that is gone is told, not killed

# The server, and clients and helpers that still run.
grade_cleanup() {
    local job
    for job in $(jobs -p); do kill -KILL "$job"; done
    [ -z "$pid" ] || kill -KILL "$pid"
    wait
    rm -rf "$scratch"
} 2>/dev/null

# It cannot be graded here: neither right nor wrong.
cannot() {
    echo "grade: $*" >&2
    exit 2
}

need() {
    local tool
    for tool; do
        command -v "$tool" >/dev/null || cannot "no $tool; get it by: make setup-all"
    done
}

grade_begin() { # "NUMBER STARS TITLE"
    echo "exercise $1"
    need curl
}

# ---- points ----

# check POINTS TEXT FUNCTION [ARGUMENT...]: what the exercise asks for.
check() {
    if judge "$@"; then
        points=$((points + $1)) own=$((own + 1))
    fi
}

# keep: what is true as shipped and has to stay so. Looked at only when something
# of what the exercise asks for is there; else doing nothing would have points.
keep() {
    if [ "$own" = 0 ]; then
        asked=$((asked + $1))
        printf -- '--   %2d  %s: after the rest\n' "$1" "$2"
        return
    fi
    check "$@"
}

judge() {
    local worth=$1 text=$2
    shift 2
    asked=$((asked + worth)) expected='' came=''
    if "$@"; then
        printf 'OK   %2d  %s\n' "$worth" "$text"
        return 0
    fi
    printf 'FAIL  0  %s\n' "$text"
    [ -z "$expected" ] || printf '         expected: %s\n' "$expected"
    [ -z "$came" ] || printf '         came:     %s\n' "$came"
    return 1
}

same() { # EXPECTED CAME
    expected=$1 came=$2
    [ "$1" = "$2" ]
}

grade_end() {
    [ "$asked" = $POINTS_ALL ] || cannot "the checks are worth $asked, not $POINTS_ALL"
    echo "points: $points/$POINTS_ALL"
    if [ "$points" = 0 ]; then
        echo "expected to fail: that is what the tree as shipped gets;" \
            "begin with $here/chapter${EX%%.*}.md"
    fi
    [ "$points" = $POINTS_ALL ] || exit 1
    exit 0
}

# ---- the tree ----

# build STAGE FILE...: the files are those that the exercise changes; they are
# compiled in any case, so that their warnings are seen. Without a server there
# is nothing to grade.
build() {
    local stage=$1 log=$scratch/make.log file again=()
    shift
    for file; do again+=(-W "$file"); done
    if ! "$MAKE" -s BUILD="$BUILD" WERROR=1 "${again[@]}" "$BUILD/fivefold-$stage" \
        >"$log" 2>&1 </dev/null; then
        printf 'FAIL  0  it compiles, without a warning\n'
        grep -m 5 -E 'error:|warning:|\*\*\*' "$log" | cut -c 1-160 |
            sed 's/^/         /'
        echo "points: 0/$POINTS_ALL"
        exit 1
    fi
    echo "OK       it compiles, without a warning"
}

# changed_copy STAGE COMMAND...: builds a copy of that stage, with the objects
# that are there, after COMMAND has changed it; sets copy. COMMAND runs in it.
changed_copy() {
    local stage=$1
    shift
    copy=$scratch/copy
    mkdir -p "$copy/build" "$copy/tests"
    cp -a Makefile common stage"$stage"_* "$copy/"
    cp -a tests/tools.sh tests/tools.txt "$copy/tests/"
    cp -a "$BUILD"/common "$BUILD"/stage"$stage"_* "$BUILD"/lib*.a "$copy/build/"
    # Below a repository that it is no part of, perhaps.
    (cd "$copy" && GIT_CEILING_DIRECTORIES=$scratch "$@") >"$scratch/make.log" 2>&1 &&
        "$MAKE" -s -C "$copy" BUILD=build "build/fivefold-$stage" \
            >"$scratch/make.log" 2>&1 </dev/null ||
        cannot "a changed copy of stage $stage does not build: $(tail -n 1 "$scratch/make.log")"
}

# ---- a server ----

# serve STAGE [OPTION...]: on a free port, with an empty root; sets pid and
# port. tracing=FILE: its system calls go there; of=EXPRESSION: which of them;
# inject=EXPRESSION: what strace does to them.
# open_limit=N: ulimit -n.
serve() {
    local ready stage=$1 under=()
    shift
    if [ -n "${tracing:-}" ]; then
        need strace
        # -D: the tracer is the grandchild, so that pid is the server's.
        under=(strace -D -f -o "$tracing" -e "trace=${of:-all}"
            ${inject:+-e "inject=$inject"})
    fi
    mkdir -p "$scratch/root"
    rm -f "$scratch/ready"
    mkfifo "$scratch/ready"
    (
        close_others
        [ -z "${open_limit:-}" ] || ulimit -n "$open_limit"
        exec "${under[@]}" "$BUILD/fivefold-$stage" --listen 127.0.0.1:0 \
            --root "$scratch/root" --ready-fd 9 "$@" 9>"$scratch/ready" \
            </dev/null >/dev/null 2>"$scratch/errors"
    ) &
    pid=$!
    read -r -t 20 ready <"$scratch/ready"
    port=${ready#R}
    [ -n "$port" ] || cannot "the server does not start: $(tail -n 1 "$scratch/errors")"
    within 5 is_ready # it closes that descriptor after it has written there
}

is_ready() { [ ! -e "/proc/$pid/fd/9" ]; }

# A server gets no descriptor of make's or of a client's: they would count.
close_others() {
    local fd
    for fd in /proc/self/fd/*; do
        fd=${fd##*/}
        [ "$fd" -le 2 ] || eval "exec $fd>&-"
    done 2>/dev/null
}

# Ends it; sets status to its exit status, 124 if it is there after 5 s.
stop() {
    kill -TERM "$pid" 2>/dev/null
    ended 5
}

ended() { # SECONDS: waits for its end; the second SIGTERM would not wait
    if ! timeout "$1" tail --pid="$pid" -s 0.01 -f /dev/null; then
        kill -KILL "$pid"
        wait "$pid" 2>/dev/null
        pid='' status=124
        return
    fi
    wait "$pid"
    status=$? pid=''
}

stops_well() {
    stop
    expected="exit status 0 within 5 s of SIGTERM" came="status $status"
    [ $status != 124 ] || came="it is still there"
    [ $status = 0 ]
}

# The system calls since calls_mark, a line each; $tracing is what serve had.
calls_mark() { mark=$(wc -l <"$tracing"); }
calls_since() { tail -n +$((mark + 1)) "$tracing"; }

# Counts what it has open.
descriptors() { find "/proc/$pid/fd" -mindepth 1 2>/dev/null | wc -l; }

# ---- clients ----

# get PATH [curl's options]: prints the status; 000 is silence for 5 s.
get() {
    local path=$1
    shift
    curl -g -s -m 5 -o /dev/null -w '%{http_code}' "$@" \
        "http://127.0.0.1:$port$path"
}

# connect NAME: opens a connection, whose descriptor is then in $NAME.
connect() {
    eval "exec {$1}<>/dev/tcp/127.0.0.1/$port" ||
        cannot "cannot connect to 127.0.0.1:$port"
}

hang_up() { # NAME
    eval "exec {$1}>&-"
}

# Sends the head of a GET on a connection.
ask() { # DESCRIPTOR PATH
    printf 'GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n' "$2" >&"$1"
}

# hear DESCRIPTOR [SECONDS]: prints the first line that comes; nothing at the
# end of the connection or when nobody speaks.
hear() {
    local line=''
    read -r -t "${2:-5}" line <&"$1"
    printf '%s' "${line%$'\r'}"
}

# Takes a whole answer off a connection and prints its status: 000 when none
# comes within SECONDS.
hear_answer() { # DESCRIPTOR [SECONDS]
    local line heard='' length=0 LC_ALL=C
    heard=$(hear "$1" "${2:-5}")
    while read -r -t "${2:-5}" line <&"$1" && line=${line%$'\r'} &&
        [ -n "$line" ]; do
        [[ ${line,,} == content-length:* ]] && length=${line##* }
    done
    read -r -t "${2:-5}" -N "$length" line <&"$1"
    [[ $heard =~ ^HTTP/1.1\ ([0-9]{3}) ]] || heard=''
    printf '%s' "${BASH_REMATCH[1]:-000}"
}

# helper NAME: builds a program of this directory.
helper() {
    "$MAKE" -s BUILD="$BUILD" "$BUILD/docs/exercises/$1" >"$scratch/make.log" \
        2>&1 </dev/null || cannot "$1 does not build: see $here/$1.c"
}

# True once COMMAND is, within SECONDS.
within() { # SECONDS COMMAND...
    local end=$((SECONDS + $1 + 1))
    shift
    until "$@"; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.02
    done
}

# ---- answers ----

# answer KEY: what stands behind "KEY =" in answers/EX, without the comment.
answer() {
    sed -n "s/^$1 *= *//p" "$here/answers/$EX" | sed 's/ *#.*//; s/ *$//' | head -n 1
}

answered() { # KEY: cannot be right when nothing is there
    came=$(answer "$1")
    [ -n "$came" ] && return 0
    came="nothing: fill in $here/answers/$EX"
    return 1
}
