#!/bin/sh
# layers.sh - checks that nothing in common/ uses what stands above it.
#
#     layers.sh [DIR]     the tree in DIR, or this one
#
# includes -> no room includes from one above, nor from one beside it
# calls    -> no file calls into a room above or beside its own, and no files
#             call each other in a circle
# It reads the text alone, in a fraction of a second. That a room links without
# what is above it, the unit tests prove (tests/unit/ROOM).
#
# From the ground up; conn, files and sql stand side by side.
order='base http config report core access conn|files|sql status process'
top=${1:-$(dirname "$0")/..}
[ "$(sed -n 's/^ROOMS *:= *//p' "$top/Makefile")" = "$(echo "$order" | tr '|' ' ')" ] || {
    echo "Makefile: ROOMS has another order than tests/layers.sh"
    exit 1
}
[ "$(sed -n 's/^BESIDE *:= *//p' "$top/Makefile")" = "$(echo "$order" | tr ' ' '\n' | grep '|' | tr '|' ' ')" ] || {
    echo "Makefile: BESIDE has other rooms than tests/layers.sh"
    exit 1
}
# Not in the copy that check-tests works on.
if [ -e "$top/docs/pictures/floors.sh" ]; then
    "$top/docs/pictures/floors.sh" | cmp -s - "$top/docs/pictures/floors.svg" || {
        echo "docs/pictures/floors.svg is old; say docs/pictures/floors.sh >docs/pictures/floors.svg"
        exit 1
    }
fi
cd "$top/common" || exit 2
exec awk -v order="$order" '
    function complain(what) { print what; bad = 1 }

    # Why room a may not use room b; "" if it may.
    function wrong(a, b) {
        if (!(a in floor) || !(b in floor)) return "is no room"
        if (floor[b] > floor[a]) return "stands above it"
        if (floor[b] == floor[a] && a != b) return "stands beside it"
        return ""
    }

    # The files that are reached from this one, in the order of the calls; when
    # it comes back to one that is still open, that is a circle.
    function visit(file,    n, i, called, path) {
        open_[file] = ++depth
        trail[depth] = file
        n = split(calls[file], called, " ")
        for (i = 1; i <= n; i++) {
            if (called[i] in open_ && open_[called[i]] > 0) {
                path = called[i]
                for (j = open_[called[i]] + 1; j <= depth; j++) path = path " -> " trail[j]
                complain("common/" path " -> " called[i] ": these call each other in a circle")
            } else if (!(called[i] in open_))
                visit(called[i])
        }
        depth--
        open_[file] = 0
    }

    BEGIN {
        n = split(order, floors, " ")
        for (i = 1; i <= n; i++) {
            m = split(floors[i], rooms, "|")
            for (j = 1; j <= m; j++) floor[rooms[j]] = i
        }
    }

    FNR == 1 {
        file = substr(FILENAME, 3)
        room = file
        sub(/\/.*/, "", room)
        source = file ~ /\.c$/
        pass = FILENAME in seen ? 2 : 1
        seen[FILENAME] = 1
        comment = 0
        if (pass == 1 && !(room in floor))
            complain("common/" file ": is in no room")
    }

    pass == 1 && /^[ \t]*#[ \t]*include[ \t]*["<]/ {
        split($0, quoted, /["<>]/)
        other = quoted[2]
        if (/</ && (!sub(/\/.*/, "", other) || !(other in floor))) next
        other = quoted[2]
        if (!sub(/\/.*/, "", other))
            complain("common/" file ":" FNR ": includes " quoted[2] " without its room; write \"ROOM/" quoted[2] "\"")
        else if ((why = wrong(room, other)) != "")
            complain("common/" file ":" FNR ": includes " quoted[2] ", and " other "/ " why)
        else if (other != room && (quoted[2] ~ /internal\.h$/ || (other == "sql" && quoted[2] != "sql/sql.h")))
            complain("common/" file ":" FNR ": includes " quoted[2] ", which is private to " other "/")
        next
    }

    # A function of its own may have the name of one elsewhere.
    pass == 1 && /^static/ && /\(/ {
        name = $0
        sub(/\(.*/, "", name)
        sub(/.*[ *]/, "", name)
        own[file, name] = 1
        next
    }

    # A definition begins at the left edge; a declaration ends with a semicolon.
    pass == 1 && source && !/^(int main|_Static_assert|__attribute__)/ && /^[a-z_][a-zA-Z0-9_ *]*\(/ && !/^static/ && !/;$/ {
        name = $0
        sub(/\(.*/, "", name)
        sub(/.*[ *]/, "", name)
        home[name] = file
        next
    }

    # In a header only calls of what stands higher.
    pass == 2 {
        line = $0
        if (comment) { if (!sub(/.*\*\//, "", line)) next; comment = 0 }
        gsub(/\/\*([^*]|\*[^\/])*\*\//, "", line)
        if (sub(/\/\*.*/, "", line)) comment = 1
        gsub(/"([^"\\]|\\.)*"/, "", line)
        sub(/\/\/.*/, "", line)
        n = split(line, words, /[^a-zA-Z0-9_]+/)
        for (i = 1; i <= n; i++) {
            name = words[i]
            if (!(name in home) || home[name] == file || (file, name) in own) continue
            if (!source && line !~ "(^|[^a-zA-Z0-9_])" name "\\(") continue
            other = home[name]
            sub(/\/.*/, "", other)
            if ((why = wrong(room, other)) != "")
                complain("common/" file ":" FNR ": calls " name " of " home[name] ", and " other "/ " why)
            if (source && !((file, home[name]) in edge)) {
                edge[file, home[name]] = 1
                calls[file] = calls[file] " " home[name]
            }
        }
    }

    END {
        if (!bad) # what runs up can be a circle too
            for (file in calls)
                if (!(file in open_)) visit(file)
        exit bad
    }
' $(find . -name '*.[ch]' | sort) $(find . -name '*.[ch]' | sort)
