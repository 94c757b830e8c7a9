# plot.gp - gnuplot -e "data = FILE; out = FILE" plot.gp
#
# For each load the wake-ups of the pool and the CPU time of the process, for
# each task, over the number of threads.
set terminal svg size 1200,760 font "Helvetica,Arial,sans-serif,14" \
    background "#ffffff"
set output out
set datafile separator ","
set logscale xy
set logscale x 2
set border 3 lc rgb "#404040"
set tics nomirror out
set grid lc rgb "#e4e4e4" lt 1
set xrange [0.9:36]
set xlabel "threads"
set key top left samplen 1.5

ways = "semaphore signal broadcast eventfd futex"
colours = "0x4e79a7 0xf28e2b 0xe15759 0xb07aa1 0x59a14f"
loads = "calm burst stream"
titles = "'one task, then a pause' '16 at once, then a pause' 'one after the other'"
set multiplot layout 2,3
do for [column = 4:6:2] {
    do for [l = 1:3] {
        set title word(titles, l) font ",15"
        set ylabel column == 4 ? "wake-ups for each task" \
            : "CPU µs for each task"
        set yrange [column == 4 ? 0.01 : 0.4 : column == 4 ? 100 : 400]
        plot for [w = 1:5] \
            sprintf("< awk -F, '$1 == \"%s\" && $2 == \"%s\"' '%s'", \
                word(ways, w), word(loads, l), data) using 3:column \
            with linespoints lw 2 pt 7 ps 0.6 \
            lc rgb int(word(colours, w)) title word(ways, w)
        unset key
    }
}
unset multiplot
