# 3.1 * Which of these are true?
#
# claims.c asks the kernel; the answers are compared with what it says.

helper claims
"$BUILD/docs/exercises/claims" >"$scratch/claims" || cannot "claims does not run"

holds() { # CLAIM
    answered "$1" || return 1
    expected="not that; show it with ten lines of C"
    [ "$1 $came" = "$(grep "^$1 " "$scratch/claims")" ]
}

check 2 "(a) one accept, and the second is lost" holds a
check 2 "(b) a peer's end is reported again" holds b
check 1 "(c) events = 0 switches an entry off" holds c
check 2 "(d) no EAGAIN after POLLIN" holds d
check 2 "(e) a file is always ready" holds e
check 1 "(f) EBADF for a negative descriptor" holds f
