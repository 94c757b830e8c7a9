# 5.3 ** Answered too soon
#
# Your test is tried on the server as it should be, and on one that answers
# before it commits. It has to tell them apart each time.

build 5 stage5_modules/sqlite_group.c
need sqlite3 strace
trial=$here/answers/5.3

# says SERVER: the test's exit status.
says() {
    timeout -k 1 20 "$trial" "$1" </dev/null >"$scratch/said" 2>&1
}
tells_them_apart() {
    local right wrong
    says "$right_server"
    right=$?
    if [ $right = 0 ]; then
        says "$wrong_server"
        wrong=$?
    fi
    expected="0 for the right one, 1 for that which answers too soon"
    came="$right for the right one, ${wrong:-not tried} for the other"
    [ $right = 2 ] && came+=": $(tail -n 1 "$scratch/said")"
    [ "$right ${wrong:-}" = "0 1" ]
}
each_time() {
    local i
    for i in 1 2; do
        tells_them_apart || return 1
    done
}
# Who serves as one of the two.
left_over() {
    local exe
    for exe in /proc/[0-9]*/exe; do
        [[ $(readlink "$exe") == "$scratch"/* ]] && echo "${exe//[^0-9]/}"
    done
}
leaves_nothing() {
    local left
    left=$(left_over)
    expected="no server is left" came="${left:+process }${left//$'\n'/ }"
    # shellcheck disable=SC2086
    [ -z "$left" ] || kill -KILL $left
    [ -z "$left" ]
}

if [ ! -x "$trial" ]; then
    cannot "$trial cannot be executed: chmod +x"
fi
cp "$BUILD/fivefold-5" "$scratch/right"
right_server=$scratch/right
changed_copy 5 git apply "$PWD/tests/broken/82-answered-before-commit.patch"
wrong_server=$copy/build/fivefold-5
check 6 "the one that answers too soon is found" tells_them_apart
keep 2 "each time" each_time
keep 2 "no process is left behind" leaves_nothing
