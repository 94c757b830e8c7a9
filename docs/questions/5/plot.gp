# plot.gp - gnuplot -e "data = FILE; out = FILE" plot.gp
#
# For each load the wake-ups and the CPU time of the threads, for each
# connection, over the number of threads.
set terminal svg size 1000,760 font "Helvetica,Arial,sans-serif,14" \
    background "#ffffff"
set output out
set datafile separator ","
set logscale xy 2
set border 3 lc rgb "#404040"
set tics nomirror out
set grid lc rgb "#e4e4e4" lt 1
set xrange [0.9:36]
set xlabel "threads"
set key top left samplen 1.5

ways = "accept mutex poll epoll exclusive reuseport"
colours = "0x4e79a7 0xf28e2b 0xe15759 0x59a14f 0xb07aa1 0x909090"
loads = "calm burst"
titles = "'one connection, then a pause' '64 at once, then a pause'"
set multiplot layout 2,2
do for [column = 4:6:2] {
    do for [l = 1:2] {
        set title word(titles, l) font ",15"
        set ylabel column == 4 ? "wake-ups for each connection" \
            : "CPU µs for each connection"
        set yrange [column == 4 ? 0.2 : 12 : column == 4 ? 48 : 300]
        plot for [w = 1:6] \
            sprintf("< awk -F, '$1 == \"%s\" && $2 == \"%s\"' '%s'", \
                word(ways, w), word(loads, l), data) using 3:column \
            with linespoints lw 2 pt 7 ps 0.6 \
            lc rgb int(word(colours, w)) title word(ways, w)
        unset key
    }
}
unset multiplot
