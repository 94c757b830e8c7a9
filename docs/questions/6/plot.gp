# plot.gp - gnuplot -e "data = FILE; out = FILE" plot.gp
#
# How many lines each way has, and what a request costs over the size of its
# answer: medians, with the fastest round below.
set terminal svg size 1000,420 font "Helvetica,Arial,sans-serif,14" \
    background "#ffffff"
set output out
set datafile separator ","
set border 3 lc rgb "#404040"
set tics nomirror out
set grid lc rgb "#e4e4e4" lt 1
set key top right samplen 1.5

ways = "layered inlined"
colours = "0x4e79a7 0xf28e2b"
rows(what, way, protocol) = sprintf( \
    "< awk -F, '$1 == \"%s\" && $2 == \"%s\" && $3 ~ /%s/' '%s'", \
    what, way, protocol, data)
set multiplot layout 1,2
set title "lines of code" font ",15"
set style data histograms
set style histogram cluster gap 1
set style fill solid 0.9 noborder
set yrange [0:*]
plot for [w = 1:2] rows("lines", word(ways, w), ".") using 5:xtic(3) \
    lc rgb int(word(colours, w)) title word(ways, w)
set title "time for each request" font ",15"
set logscale xy
set xrange [50:2000000]
set yrange [1:500]
set xlabel "bytes of the answer"
set ylabel "µs"
unset key
plot for [w = 1:2] rows("request_us", word(ways, w), "http") \
        using 4:5:6:5 with yerrorlines lw 2 pt 7 ps 0.6 \
        lc rgb int(word(colours, w))
unset multiplot
