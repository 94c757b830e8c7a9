# report.awk - from every measurement to medians, ratios and a verdict.
#
#     awk -f report.awk -v cost=FILE -v plot=FILE -v report=FILE rounds.csv memory.csv
#
# TESTS_KNOWN and EXPECTED (environment) are bench.sh's tables. A ratio is taken
# within a round, and the median of the rounds' ratios is what is reported: the
# ratio of the medians would compare moments when the machine was not equally busy.

function median(list, n,    i, j, t, a)
{
    for (i = 1; i <= n; i++)
        a[i] = list[i]
    for (i = 2; i <= n; i++)
        for (j = i; j > 1 && a[j - 1] > a[j]; j--) {
            t = a[j]; a[j] = a[j - 1]; a[j - 1] = t
        }
    low = a[1]
    high = a[n]
    return n % 2 ? a[(n + 1) / 2] : (a[n / 2] + a[n / 2 + 1]) / 2
}

# Stages only: the others are there to compare with.
function is_stage(server) { return server !~ /^(floor|lighttpd|nginx|node)$/ }

function verdict(test, server, value,    word)
{
    if (!is_stage(server) || !(test in limit) || value == "")
        return ""
    # Ratios may be as much as the limit; memory and "less than" must be below.
    word = value < limit[test] || (value == limit[test] && test !~ /^1k|idle/) \
        ? "yes" : "**no**"
    return word
}

BEGIN {
    FS = ","
    n = split(ENVIRON["TESTS_KNOWN"], line, "\n")
    for (i = 1; i <= n; i++)
        if (split(line[i], part, "|") == 5) {
            against[part[1]] = part[4]
            title[part[1]] = part[5]
        }
    n = split(ENVIRON["EXPECTED"], line, "\n")
    for (i = 1; i <= n; i++)
        if (split(line[i], part, "|") == 3) {
            limit[part[1]] = part[2]
            words[part[1]] = part[3]
        }
}

FNR == 1 { files++ }

files == 1 && NF == 9 {
    if (!($1 in seen_test)) {
        seen_test[$1] = 1
        tests[++test_count] = $1
    }
    key = $1 SUBSEP $3
    if (!(key in rounds)) {
        servers[$1] = servers[$1] " " $3
        if (!($3 in seen_server))
            seen_server[$3] = ++server_count
    }
    rounds[key]++
    connections[$1] = $4
    requests[key] += $5
    seconds[key] += $6
    client[key] += $9
    us[$1, $3, $2] = $6 * 1e6 / $5
    last_round = $2 > last_round ? $2 : last_round
}

FILENAME ~ /memory\.csv$/ && FNR > 1 { memory[++memory_count] = $0 }

END {
    print "test,server,connections,requests,cpu_seconds,us_per_request," \
        "requests_per_cpu_second,ratio,ratio_low,ratio_high," \
        "client_us_per_request" >cost
    printf "" >plot
    printf "" >report
    for (t = 1; t <= test_count; t++) {
        test = tests[t]
        print "\n### " title[test] "\n" >report
        if (test in words)
            print "Expected: " words[test] ".\n" >report
        print "| server | CPU us per request | requests per CPU second |" \
            " cost relative to " against[test] " | lowest and highest round |" \
            " CPU us of the client | as expected |\n" \
            "|---|---|---|---|---|---|---|" >report
        n = split(servers[test], name, " ")
        for (s = 1; s <= n; s++) {
            server = name[s]
            key = test SUBSEP server
            count = 0
            for (r = 1; r <= last_round; r++)
                if ((test, server, r) in us)
                    values[++count] = us[test, server, r]
            cpu = median(values, count)
            count = 0
            for (r = 1; r <= last_round; r++)
                if ((test, server, r) in us && us[test, against[test], r] > 0)
                    values[++count] = us[test, server, r] / \
                        us[test, against[test], r]
            ratio = low_text = high_text = range = ""
            if (count > 0) {
                ratio = sprintf("%.3f", median(values, count))
                low_text = sprintf("%.3f", low)
                high_text = sprintf("%.3f", high)
                range = sprintf("%.2f, %.2f", low, high)
            }
            per_second = cpu > 0 ? 1e6 / cpu : 0
            per_client = client[key] * 1e6 / requests[key]
            printf "%s,%s,%d,%d,%.2f,%.2f,%.0f,%s,%s,%s,%.2f\n", test, server,
                connections[test], requests[key], seconds[key], cpu,
                per_second, ratio, low_text, high_text, per_client >cost
            printf "| %s | %.2f | %.0f | %s | %s | %.1f | %s |\n", server, cpu,
                per_second, ratio == "" ? "" : sprintf("%.2f", ratio), range,
                per_client, verdict(test, server, ratio) >report
            if (ratio != "")
                printf "%s\t%s\t%s\t%.3f\t%.*f\n", test, server,
                    title[test], ratio, cpu < 100, cpu >plot
        }
    }
    for (m = 1; m <= memory_count; m++) {
        split(memory[m], field, ",")
        test = field[1]
        if (test != last_test) {
            what = "a download of 1 GiB"
            grows = "growth, KiB"
            if (test == "idle") {
                what = field[3] " idle connections"
                grows = "bytes a connection"
            }
            print "\n### " what "\n\nExpected: " words[test] ".\n" >report
            print "| server | KiB before | KiB after | " grows \
                " | as expected |\n|---|---|---|---|---|" >report
        }
        last_test = test
        grown = test == "idle" ? field[6] : field[5] - field[4]
        printf "| %s | %d | %d | %d | %s |\n", field[2], field[4], field[5],
            grown, verdict(test, field[2], grown) >report
    }
}
