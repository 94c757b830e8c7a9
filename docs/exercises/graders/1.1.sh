# 1.1 * Where does it sleep?
#
# The answers are compared with what the server does here and now: its calls
# under strace, its answer, and what your setting does to it.

build 1 stage1_blocking/server.c

half_request() { # DESCRIPTOR
    printf 'GET / HTTP/1.1\r\nHost: x\r\n' >&"$1"
}

# How often it comes back in a second with nothing, and from which call.
observe() {
    local tracing=$scratch/calls
    serve 1 --set connection.head_seconds=2
    connect client
    # shellcheck disable=SC2154 # connect sets it
    half_request "$client"
    sleep 0.3
    calls_mark
    sleep 1
    read -r naps slept_in < <(calls_since | grep EAGAIN |
        sed 's/^[0-9 ]*//; s/(.*//' | sort | uniq -c | sort -rn)
    line=$(hear "$client")
    stop
}

its_call() {
    answered call || return 1
    expected="what strace shows most often while it waits"
    [ "${came%%(*}" = "$slept_in" ]
}
its_tick() {
    answered tick_ms || return 1
    expected="what gives $naps naps in a second"
    [[ $came =~ ^[0-9]{1,6}$ ]] && [ $((came * naps)) -ge 700 ] &&
        [ $((came * naps)) -le 1300 ]
}
its_status() {
    answered status || return 1
    expected="the status that came"
    [[ $line == "HTTP/1.1 $came "* ]]
}
# With another value the end comes at another time: after one second, when the
# default is ten.
its_setting() {
    answered setting || return 1
    local name=$came
    [[ $name == *.* ]] || name=connection.$name
    expected="a setting that ends the wait"
    "$BUILD/fivefold-1" --help | grep -q "^  $name  *time\|^  $name  *how" ||
        return 1
    serve 1 --set "$name=1"
    connect client
    half_request "$client"
    came="$name=1: nothing within 3 s"
    [ -n "$(hear "$client" 3)" ]
}

[ -z "$(answer call)$(answer tick_ms)$(answer status)" ] || observe
check 3 "the system call" its_call
check 2 "for how long it sleeps" its_tick
check 2 "the status" its_status
check 3 "the setting" its_setting
