# plot.gp - gnuplot -e "data = FILE; out = FILE" plot.gp
#
# Left the wake-ups for each message that comes whole, right how often two
# threads were at work on one message that came in two pieces.
set terminal svg size 1000,420 font "Helvetica,Arial,sans-serif,14" \
    background "#ffffff"
set output out
set datafile separator ","
set border 3 lc rgb "#404040"
set tics nomirror out
set grid ytics lc rgb "#e4e4e4" lt 1

ways = "poll level edge oneshot exclusive"
colours = "0xe15759 0xf28e2b 0xb07aa1 0x59a14f 0x4e79a7"
rows(way, load) = sprintf("< awk -F, '$1 == \"%s\" && $2 == \"%s\"' '%s'", \
    way, load, data)
set multiplot layout 1,2
set title "a whole message: who wakes" font ",15"
set logscale xy 2
set xrange [1.8:18]
set yrange [0.8:20]
set xlabel "threads"
set ylabel "wake-ups for each message"
set key top left samplen 1.5
plot for [w = 1:5] rows(word(ways, w), "whole") using 3:4 \
    with linespoints lw 2 pt 7 ps 0.6 lc rgb int(word(colours, w)) \
    title word(ways, w)
unset logscale
unset key
set title "in two pieces: two threads at once" font ",15"
set style fill solid 1.0 noborder
set xrange [0.4:5.6]
set yrange [0:105]
set xlabel "8 threads"
set ylabel "% of messages"
set xtics () scale 0
do for [w = 1:5] { set xtics add (word(ways, w) w) }
plot for [w = 1:5] rows(word(ways, w), "pieces") \
    using (w):($3 == 8 ? $7 * 100 : NaN):(0.7) with boxes \
    lc rgb int(word(colours, w))
unset multiplot
