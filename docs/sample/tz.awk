# tz.awk - the tz database's text files -> INSERT statements.
#
# iso3166.tab, zone1970.tab and tzdata.zi (zic's compact form, see zic(8)) are
# read in this order. Zones are known only from the last one, so everything
# that names a zone is kept until the end.

# 'text', or NULL for nothing.
function quoted(text)
{
    if (text == "")
        return "NULL"
    gsub(/'/, "''", text)
    return "'" text "'"
}

function insert(table, values)
{
    print "INSERT INTO " table " VALUES (" values ");"
}

# ±DDMM or ±DDDMMSS -> degrees. digits is how many the degrees have.
function degrees(text, digits,    rest)
{
    rest = substr(text, digits + 2)
    return sprintf("%s%.6f", substr(text, 1, 1), substr(text, 2, digits) \
                   + substr(rest, 1, 2) / 60 + substr(rest, 3, 2) / 3600)
}

# h[:m[:s]], perhaps with a sign and a clock's letter behind it -> seconds.
function seconds(text,    part, sign)
{
    sign = text ~ /^-./ ? -1 : 1
    gsub(/[^0-9:]/, "", text)
    split(text, part, ":")
    return sign * (part[1] * 3600 + part[2] * 60 + part[3])
}

function clock(text)
{
    if (text ~ /[ugz]$/)
        return "u"
    return text ~ /s$/ ? "s" : "w"
}

function leap(year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

function month_days(year, m)
{
    return m == 2 ? 28 + leap(year) : 30 + (m + int(m / 8)) % 2
}

# Sakamoto's table: 0 is Sunday.
function weekday_of_date(year, m, day)
{
    if (m < 3)
        year--
    return (year + int(year / 4) - int(year / 100) + int(year / 400) \
            + substr("032503514624", m, 1) + day) % 7
}

# 5, lastSu, Su>=8, Su<=25 -> day and weekday, "NULL" where there is none.
function read_day(text)
{
    day = text; weekday = "NULL"
    if (text ~ /^last/) {
        weekday = weekday_named[substr(text, 5)]
        day = "NULL"
    } else if (match(text, /[<>]=/)) {
        weekday = weekday_named[substr(text, 1, RSTART - 1)]
        day = substr(text, RSTART + 2)
        # The last Saturday up to the 30th is the first from the 24th on.
        if (text ~ /</)
            day -= 6
    }
}

# The date of an era's end, which may be given as a weekday as in a rule; a
# time of 24 hours is the next day's first second.
function date_time(year, m, time,    d, s)
{
    if (day == "NULL") {
        d = month_days(year, m)
        d -= (weekday_of_date(year, m, d) - weekday + 7) % 7
    } else {
        d = day
        if (weekday != "NULL")
            d += (weekday - weekday_of_date(year, m, d) + 7) % 7
    }
    s = seconds(time)
    d += int(s / 86400)
    s %= 86400
    if (d > month_days(year, m)) {
        d -= month_days(year, m)
        m++
    }
    if (m > 12) {
        m = 1
        year++
    }
    return sprintf("%d-%02d-%02d %02d:%02d:%02d", year, m, d,
                   int(s / 3600), int(s / 60) % 60, s % 60)
}

# The fields from `first` on: offset, rules, format, and until when.
function read_era(first,    rules, set, saved, until, on)
{
    rules = $(first + 1)
    set = ""; saved = 0
    if (rules ~ /^-?[0-9]/)
        saved = seconds(rules)
    else if (rules != "-")
        set = rules
    until = on = ""
    if (NF >= first + 3) {
        day = 1; weekday = "NULL"
        if (NF >= first + 5)
            read_day($(first + 5))
        until = date_time($(first + 3),
                          NF > first + 3 ? month_named[$(first + 4)] : 1,
                          NF > first + 5 ? $(first + 6) : "0")
        on = clock(NF > first + 5 ? $(first + 6) : "0")
    }
    eras[++era_count] = quoted(zone) ", " ++number ", " seconds($first) ", " \
        quoted(set) ", " saved ", " quoted($(first + 2)) ", " \
        quoted(until) ", " quoted(on)
}

BEGIN {
    split("Ja F Mar Ap May Jun Jul Au S O N D", names, " ")
    for (i = 1; i <= 12; i++)
        month_named[names[i]] = i
    split("Su M Tu W Th F Sa", names, " ")
    for (i = 1; i <= 7; i++)
        weekday_named[names[i]] = i - 1
}

/^#/ || NF == 0 { next }

FILENAME ~ /iso3166/ {
    split($0, field, "\t")
    insert("country", quoted(field[1]) ", " quoted(field[2]))
    next
}

FILENAME ~ /zone1970/ {
    split($0, field, "\t")
    match(substr(field[2], 2), /[-+]/)
    latitude = substr(field[2], 1, RSTART)
    longitude = substr(field[2], RSTART + 1)
    place[field[3]] = degrees(latitude, 2) ", " degrees(longitude, 3) ", " \
        quoted(field[4])
    used_in[field[3]] = field[1]
    next
}

$1 == "R" {
    if (!($2 in sets)) {
        sets[$2] = 1
        insert("rule_set", quoted($2))
    }
    year_to = $4 == "o" ? $3 : $4 ~ /^ma/ ? "NULL" : $4
    read_day($7)
    letter = $10 == "-" ? "" : $10
    insert("rule", ++rule_count ", " quoted($2) ", " $3 ", " year_to ", " \
           month_named[$6] ", " day ", " weekday ", " seconds($8) ", '" \
           clock($8) "', " seconds($9) ", '" letter "'")
    next
}

$1 == "Z" {
    zone = $2; number = 0
    zones[++zone_count] = zone
    read_era(3)
    next
}

$1 == "L" {
    links[++link_count] = quoted($3) ", " quoted($2)
    next
}

{ read_era(1) }

END {
    for (i = 1; i <= zone_count; i++) {
        zone = zones[i]
        insert("zone", quoted(zone) ", " \
               (zone in place ? place[zone] : "NULL, NULL, NULL"))
        n = split(used_in[zone], codes, ",")
        for (j = 1; j <= n; j++)
            insert("zone_country", quoted(codes[j]) ", " quoted(zone))
    }
    for (i = 1; i <= era_count; i++)
        insert("era", eras[i])
    for (i = 1; i <= link_count; i++)
        insert("link", links[i])
}
