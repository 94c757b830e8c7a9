# plot.gp - gnuplot -e "data = FILE; out = FILE" plot.gp
#
# A panel for each share of active connections: CPU time for each event over
# the number of connections, both axes logarithmic.
set terminal svg size 1000,760 font "Helvetica,Arial,sans-serif,14" \
    background "#ffffff"
set output out
set datafile separator ","
set logscale xy
set border 3 lc rgb "#404040"
set tics nomirror out
set grid lc rgb "#e4e4e4" lt 1
set xrange [8:14000]
set yrange [0.7:500]
set xlabel "connections"
set ylabel "CPU µs for each event"
set key top left samplen 1.5

ways = "known select poll epoll epoll-oneshot"
colours = "0x909090 0x4e79a7 0xf28e2b 0x59a14f 0xb07aa1"
percents = "0.1 1 10 100"
set multiplot layout 2,2
do for [p = 1:4] {
    set title word(percents, p)." % active" font ",15"
    plot for [w = 1:5] sprintf("< awk -F, '$1 == \"%s\" && $3 == %s' '%s'", \
            word(ways, w), word(percents, p), data) using 2:6 \
        with linespoints lw 2 pt 7 ps (w == 2 ? 1.2 : 0.6) \
        lc rgb int(word(colours, w)) title word(ways, w)
    unset key
}
unset multiplot
