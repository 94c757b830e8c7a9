/* date.c - writes and reads HTTP dates (RFC 9110 section 5.6.7).
 *
 * time_t -> http_date_print -> Date, Last-Modified
 * If-Modified-Since, If-Range, ... -> http_date_parse -> time_t
 *
 * strftime and strptime are not used. Both depend on the locale, and strptime
 * accepts extra blanks and incomplete dates. Thread-safe. */
#include "http/date.h"

#include "base/clock.h"

#include <errno.h>

static const char *const day_names[7] = {"Sunday",    "Monday",   "Tuesday",
                                         "Wednesday", "Thursday", "Friday",
                                         "Saturday"};
static const char month_names[12][4] = {"Jan", "Feb", "Mar", "Apr",
                                        "May", "Jun", "Jul", "Aug",
                                        "Sep", "Oct", "Nov", "Dec"};

/* The range of times whose year has four digits. */
static const time_t time_min = -62167219200; /* 0000-01-01 00:00:00 */
static const time_t time_max = 253402300799; /* 9999-12-31 23:59:59 */

/* -- out ------------------------------------------------------------------ */

static char *put_digits(char *out, int number, int count)
{
    for (int i = count; i-- > 0; number /= 10)
        out[i] = (char)('0' + number % 10);
    return out + count;
}

static char *put(char *out, const char *bytes, size_t length)
{
    memcpy(out, bytes, length);
    return out + length;
}

void http_date_print(time_t time, char out[HTTP_DATE_BYTES])
{
    struct tm tm;
    char *to = out;

    /* A file may have any time, but out holds only a year of four digits. */
    time = time < time_min ? time_min : time > time_max ? time_max : time;
    gmtime_r(&time, &tm);
    to = put(to, day_names[tm.tm_wday], 3);
    to = put(to, ", ", 2);
    to = put_digits(to, tm.tm_mday, 2);
    to = put(to, " ", 1);
    to = put(to, month_names[tm.tm_mon], 3);
    to = put(to, " ", 1);
    to = put_digits(to, tm.tm_year + 1900, 4);
    to = put(to, " ", 1);
    to = put_digits(to, tm.tm_hour, 2);
    to = put(to, ":", 1);
    to = put_digits(to, tm.tm_min, 2);
    to = put(to, ":", 1);
    to = put_digits(to, tm.tm_sec, 2);
    put(to, " GMT", 5); /* with its NUL */
}

const char *http_date_now(void)
{
    static _Thread_local struct {
        time_t second;
        char text[HTTP_DATE_BYTES];
    } cache;
    time_t now = clock_wall();

    if (now != cache.second || cache.text[0] == '\0') {
        http_date_print(now, cache.text);
        cache.second = now;
    }
    return cache.text;
}

/* -- in ------------------------------------------------------------------- */

/* Takes the literal off the start of *rest. Returns false, and takes nothing,
 * if *rest starts with something else. */
static bool take(struct text *rest, struct text literal)
{
    if (!text_starts_with(*rest, literal))
        return false;
    rest->data += literal.length;
    rest->length -= literal.length;
    return true;
}

static bool take_digits(struct text *rest, size_t count, int *number)
{
    uint64_t value;
    if (rest->length < count ||
        text_to_size((struct text){rest->data, count}, 9999, &value) < 0)
        return false;
    rest->data += count;
    rest->length -= count;
    *number = (int)value;
    return true;
}

/* Takes the name of a day. Whether it is the right day for the date is not
 * checked. */
static bool take_day_name(struct text *rest, bool in_full)
{
    for (size_t i = 0; i < 7; i++) {
        struct text name = text_of(day_names[i]);
        if (!in_full)
            name.length = 3;
        if (take(rest, name))
            return true;
    }
    return false;
}

static bool take_month(struct text *rest, int *month)
{
    for (int i = 0; i < 12; i++)
        if (take(rest, (struct text){month_names[i], 3})) {
            *month = i;
            return true;
        }
    return false;
}

static bool take_clock(struct text *rest, struct tm *tm)
{
    return take_digits(rest, 2, &tm->tm_hour) && take(rest, TEXT(":")) &&
           take_digits(rest, 2, &tm->tm_min) && take(rest, TEXT(":")) &&
           take_digits(rest, 2, &tm->tm_sec);
}

/* Sun, 06 Nov 1994 08:49:37 GMT */
static bool read_imf_fixdate(struct text rest, struct tm *tm)
{
    return take_day_name(&rest, false) && take(&rest, TEXT(", ")) &&
           take_digits(&rest, 2, &tm->tm_mday) && take(&rest, TEXT(" ")) &&
           take_month(&rest, &tm->tm_mon) && take(&rest, TEXT(" ")) &&
           take_digits(&rest, 4, &tm->tm_year) && take(&rest, TEXT(" ")) &&
           take_clock(&rest, tm) && text_equal(rest, TEXT(" GMT"));
}

/* Returns the year that ends in these two digits and is at most 50 years ahead
 * and less than 50 years ago. */
static int year_in_full(int two_digits)
{
    time_t now = clock_wall();
    struct tm tm;
    gmtime_r(&now, &tm);
    int this_year = tm.tm_year + 1900;
    int year = this_year - this_year % 100 + two_digits;
    if (year > this_year + 50)
        return year - 100;
    return year <= this_year - 50 ? year + 100 : year;
}

/* Sunday, 06-Nov-94 08:49:37 GMT */
static bool read_rfc850(struct text rest, struct tm *tm)
{
    bool read = take_day_name(&rest, true) && take(&rest, TEXT(", ")) &&
                take_digits(&rest, 2, &tm->tm_mday) && take(&rest, TEXT("-")) &&
                take_month(&rest, &tm->tm_mon) && take(&rest, TEXT("-")) &&
                take_digits(&rest, 2, &tm->tm_year) && take(&rest, TEXT(" ")) &&
                take_clock(&rest, tm) && text_equal(rest, TEXT(" GMT"));
    if (read)
        tm->tm_year = year_in_full(tm->tm_year);
    return read;
}

/* Sun Nov  6 08:49:37 1994 */
static bool read_asctime(struct text rest, struct tm *tm)
{
    return take_day_name(&rest, false) && take(&rest, TEXT(" ")) &&
           take_month(&rest, &tm->tm_mon) && take(&rest, TEXT(" ")) &&
           (take(&rest, TEXT(" ")) ? take_digits(&rest, 1, &tm->tm_mday)
                                   : take_digits(&rest, 2, &tm->tm_mday)) &&
           take(&rest, TEXT(" ")) && take_clock(&rest, tm) &&
           take(&rest, TEXT(" ")) && take_digits(&rest, 4, &tm->tm_year) &&
           rest.length == 0;
}

static int days_in_month(int year, int month)
{
    static const int days[12] = {31, 28, 31, 30, 31, 30,
                                 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month] + (month == 1 && leap);
}

int http_date_parse(struct text text, time_t *time)
{
    struct tm tm = {0};

    if ((!read_imf_fixdate(text, &tm) && !read_rfc850(text, &tm) &&
         !read_asctime(text, &tm)) ||
        tm.tm_mday < 1 || tm.tm_mday > days_in_month(tm.tm_year, tm.tm_mon) ||
        tm.tm_hour > 23 || tm.tm_min > 59 ||
        tm.tm_sec > 60) { /* 60: a leap second. In a time_t it is the same as
                             the second after it */
        errno = EINVAL;
        return -1;
    }
    tm.tm_year -= 1900;
    *time = timegm(&tm);
    return 0;
}
