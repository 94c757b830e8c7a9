#!/bin/sh
# floors.sh - draws the rooms of common/ in the order that tests/layers.sh holds
# them to: docs/pictures/floors.sh >docs/pictures/floors.svg
cd "$(dirname "$0")/../.." || exit 2
order=$(sed -n "s/^order='\(.*\)'/\1/p" tests/layers.sh)
what() {
    case $1 in
    base) echo "bytes, text, lists, tables, clocks" ;;
    http) echo "a request read, a response built" ;;
    config) echo "every setting" ;;
    report) echo "counters, trace, log" ;;
    core) echo "server, exchange, mount" ;;
    access) echo "who may do what, how often" ;;
    conn) echo "a connection" ;;
    files) echo "static files" ;;
    sql) echo "SQLite databases" ;;
    status) echo "/-/" ;;
    process) echo "main: opens all, signals, rights" ;;
    stages) echo "how the server waits, which thread works" ;;
    esac
}
awk -v rooms="$order stages" "$(printf 'function what(r) {\n')
$(for room in $(echo "$order stages" | tr '|' ' '); do
    printf 'if (r == "%s") return "%s"\n' "$room" "$(what "$room")"
done)
}
BEGIN {
    n = split(rooms, floor, \" \")
    width = 620; height = 34; gap = 6
    total = n * (height + gap) + 28
    printf \"<svg xmlns=\\\"http://www.w3.org/2000/svg\\\" viewBox=\\\"0 0 %d %d\\\" width=\\\"%d\\\" height=\\\"%d\\\" role=\\\"img\\\" aria-labelledby=\\\"t\\\">\\n\", width + 20, total, width + 20, total
    printf \"<title id=\\\"t\\\">The rooms of common/, from base at the bottom to the stages at the top; a room includes and calls only what is below it</title>\\n\"
    print \"<style>.bg{fill:#fff}.b{fill:#eef3f8;stroke:#2f6fb0;stroke-width:1.5}.s{fill:#fff;stroke:#2f6fb0;stroke-width:1.5;stroke-dasharray:4 4}.n{font:bold 14px sans-serif;fill:#222}.w{font:13px sans-serif;fill:#555}</style>\"
    printf \"<rect class=\\\"bg\\\" width=\\\"%d\\\" height=\\\"%d\\\"/>\\n\", width + 20, total
    for (i = 1; i <= n; i++) {
        m = split(floor[i], room, \"|\")
        y = total - 24 - i * (height + gap)
        w = (width - (m - 1) * gap) / m
        for (j = 1; j <= m; j++) {
            x = 10 + (j - 1) * (w + gap)
            name = room[j] == \"stages\" ? \"stage1 ... stage5\" : room[j] \"/\"
            printf \"<rect class=\\\"%s\\\" x=\\\"%.0f\\\" y=\\\"%d\\\" width=\\\"%.0f\\\" height=\\\"%d\\\" rx=\\\"4\\\"/>\", room[j] == \"stages\" ? \"s\" : \"b\", x, y, w, height
            printf \"<text class=\\\"n\\\" x=\\\"%.0f\\\" y=\\\"%d\\\">%s</text>\", x + 10, y + 22, name
            printf \"<text class=\\\"w\\\" x=\\\"%.0f\\\" y=\\\"%d\\\">%s</text>\\n\", x + (m > 1 ? 62 : 160), y + 22, what(room[j])
        }
    }
    printf \"<text class=\\\"w\\\" x=\\\"10\\\" y=\\\"%d\\\">A room includes and calls only what is below it; conn, files and sql do not know each other.</text>\\n\", total - 8
    print \"</svg>\"
}"
