# plot.gp - gnuplot -e "data = FILE; out = FILE" plot.gp
#
# data: lines of test, server, title, ratio, microseconds, with tabs between.
# A bar's height is the cost relative to what the test is compared with, which
# has the height 1; the number on it is the CPU time of a request.
set terminal svg size 1100,900 font "Helvetica,Arial,sans-serif,14" \
    background "#ffffff"
set output out
set datafile separator "\t"

# The tests and servers that a selection has, in their order.
tests(pattern) = system(sprintf("awk -F'\t' '$1 ~ /%s/ && !s[$1]++ { print $1 }' '%s'", pattern, data))
servers(pattern) = system(sprintf("awk -F'\t' '$1 ~ /%s/ && !s[$2]++ { print $2 }' '%s' | sort", pattern, data))
title_of(test) = system(sprintf("awk -F'\t' '$1 == \"%s\" { sub(/, /, \"\\n\", $3); print $3; exit }' '%s'", test, data))
place(list, name) = sum [i = 1 : words(list)] (word(list, i) eq name ? i : 0)
# What is compared with is grey, the stages are coloured.
colour(name) = name eq "floor" ? 0xd9d9d9 : name eq "lighttpd" ? 0xb0b0b0 : \
    name eq "nginx" || name eq "node" ? 0x808080 : \
    name eq "stage2" ? 0x4e79a7 : name eq "stage3" ? 0xf28e2b : \
    name eq "stage4" ? 0x59a14f : name eq "stage5" ? 0xe15759 : 0xb07aa1

set style fill solid 1.0 noborder
set border 3 lc rgb "#404040"
set tics nomirror out
set grid ytics lc rgb "#e4e4e4" lt 1
set key outside right center samplen 1.5 spacing 1.4
set yrange [0:*]
set offsets 0, 0, 0.15, 0
set rmargin 16
set bmargin 4
set lmargin 10

set multiplot layout 2,1
do for [panel = 1:2] {
    pattern = panel == 1 ? "^1" : "^[a-z]"
    base = panel == 1 ? "nginx" : "node"
    t = tests(pattern)
    s = servers(pattern)
    if (words(t) == 0) { set multiplot next; continue }
    n = words(s)
    step = n + 1.2
    unset xtics
    set xtics () scale 0
    do for [i = 1:words(t)] {
        set xtics add (title_of(word(t, i)) (i - 1) * step + (n + 1) / 2.0)
    }
    set xrange [0 : words(t) * step]
    set title sprintf("%s: CPU time of a request relative to %s (less is cheaper; numbers: microseconds)", \
        panel == 1 ? "Files" : "SQL", base) font ",15"
    set arrow 1 from graph 0, first 1 to graph 1, first 1 nohead front \
        lc rgb "#404040" dt 2
    at(test, server) = (place(t, test) - 1) * step + place(s, server)
    mine(test, server, name) = place(t, test) > 0 && server eq name
    plot for [k = 1:n] data using \
            (mine(strcol(1), strcol(2), word(s, k)) ? at(strcol(1), strcol(2)) : NaN):4:(0.9) \
            with boxes lc rgb colour(word(s, k)) title word(s, k), \
        data using (place(t, strcol(1)) > 0 ? at(strcol(1), strcol(2)) : NaN):4:5 \
            with labels offset 0, 0.6 font ",12" notitle
    unset arrow 1
}
unset multiplot
