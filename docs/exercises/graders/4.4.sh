# 4.4 ** The order of two lines
#
# Nothing is run: a swap that is wrong once in a million times passes any test.
# Be able to tell the two threads and the order in which they run.

swapped() { # PAIR WHAT_IT_IS...
    local is
    answered "$1" || return 1
    shift
    expected="not that; which thread can run between the two lines?"
    for is; do [ "$came" = "$is" ] && return 0; done
    return 1
}

check 2 "(a) sem_post before the unlock" swapped a slower
check 2 "(b) epoll_ctl before list_add" swapped b nothing
check 2 "(c) the wish after the hand-over" swapped c wrong
check 2 "(d) close before the slot is free" swapped d wrong
# Until stopping is set an acceptor that has been woken asks again, in vain.
check 2 "(e) shutdown before stopping" swapped e nothing slower
