# plot.gp - gnuplot -e "data = FILE; out = FILE" plot.gp
#
# What an empty step costs over the number of connections: one thread's CPU time,
# and two threads' time; and when the others are done while one connection is always busy.
set terminal svg size 1200,420 font "Helvetica,Arial,sans-serif,14" \
    background "#ffffff"
set output out
set datafile separator ","
set border 3 lc rgb "#404040"
set tics nomirror out
set grid lc rgb "#e4e4e4" lt 1
set key top left maxrows 4 samplen 1 width -1

ways = "none each apart striped one owner chain"
colours = "0x999999 0x4e79a7 0x76b7b2 0xedc948 0xe15759 0xb07aa1 0x59a14f"
rows(what, way, threads) = sprintf( \
    "< awk -F, '$1 == \"%s\" && $2 == \"%s\" && $4 == %d' '%s'", \
    what, way, threads, data)
set multiplot layout 1,3
set logscale xy
set xrange [10:160000]
set yrange [0.5:3000]
set xlabel "connections"
do for [threads = 1:2] {
    set title threads == 1 ? "one thread" : "two threads" font ",15"
    set ylabel threads == 1 ? "CPU ns for each step" : "ns for each step"
    what = threads == 1 ? "step_0_cpu_ns" : "step_0_wall_ns"
    plot for [w = threads:7] rows(what, word(ways, w), threads) \
        using 3:5 with linespoints lw 2 pt 7 ps 0.6 \
        lc rgb int(word(colours, w)) title word(ways, w)
    unset key
}
unset logscale
set title "four threads, one busy connection" font ",15"
set ylabel "ms until the others are done"
unset xlabel
set xrange [-0.6:3.6]
set yrange [0:*]
set style fill solid 0.9 noborder
set boxwidth 0.6
plot rows("busy_others_done_ms", "each", 4) using (0):5:xtic(2) with boxes \
        lc rgb int(word(colours, 2)), \
    rows("busy_others_done_ms", "striped", 4) using (1):5:xtic(2) with boxes \
        lc rgb int(word(colours, 4)), \
    rows("busy_others_done_ms", "one", 4) using (2):5:xtic(2) with boxes \
        lc rgb int(word(colours, 5)), \
    rows("busy_others_done_ms", "owner", 4) using (3):5:xtic(2) with boxes \
        lc rgb int(word(colours, 6))
unset multiplot
