# 1.3 ** Take away the tick
#
# An idle server makes no system call, and SIGTERM ends it at once, however
# often one tries: also right after the start, when it may not sleep yet.

build 1 stage1_blocking/server.c

# What the tracer shows once it sleeps, in a second. The call that it sleeps
# in has begun before, and so does not count.
sleeps_on() {
    local tracing=$scratch/calls count
    serve 1
    sleep 0.3
    calls_mark
    sleep 1
    count=$(calls_since | wc -l)
    expected="none in 1 s"
    came="$count in 1 s, such as $(calls_since | sed -n '1s/^[0-9 ]*//p' |
        cut -c 1-50)"
    [ "$count" = 0 ]
}
serves() { same "200 200" "$(get /hello) $(sleep 0.3; get /hello)"; }
signals_arrive() {
    local i
    for i in $(seq 30); do
        serve 1
        stop
        expected="30 of 30 end within 5 s, status 0"
        came="status $status in try $i"
        [ "$status" = 0 ] || return 1
    done
}

# Whoever unblocks the signal first and then sleeps has a moment between the two
# in which it comes too early. The tracer makes that moment last.
none_is_slept_through() {
    local tracing=$scratch/masks of=rt_sigprocmask delay
    local inject=rt_sigprocmask:delay_exit=300000
    for delay in 0.15 0.45 0.75; do
        serve 1
        sleep $delay
        stop
        expected="3 of 3 end within 5 s, status 0"
        came="status $status, $delay s after the start"
        [ "$status" = 0 ] || return 1
    done
}

check 5 "an idle server makes no system call" sleeps_on
echo hello >"$scratch/root/hello"
keep 1 "it serves, also after a pause" serves
keep 1 "SIGTERM ends it when it sleeps" stops_well
keep 1 "SIGTERM ends it at any moment, 30 times of 30" signals_arrive
keep 2 "also between the unblocking of a signal and what comes next" none_is_slept_through
