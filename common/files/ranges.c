/* ranges.c - Range: which bytes of a file, and several parts in one answer
 * (RFC 9110 section 14).
 *
 * "bytes=0-9,-5" -> ranges, those that overlap merged -> segments of the
 * file, between headings in memory
 *
 * A short header can ask for a long answer: "0-,0-,0-" is the whole file three
 * times. So no byte is sent twice, and the number of ranges is limited. And if
 * there are many, they must not be longer with their headings than the file. */
#include "files/internal.h"

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>

enum {
    BOUNDARY_BYTES = 16, /* random bytes; twice as many digits */
    HEADING_BYTES = 160, /* of each part, about */
    RANGES_FEW = 16,     /* so many are sent even of a short file */
};

/* Reads digits. A number too large for 64 bits becomes UINT64_MAX, which is
 * beyond the end of every file. Returns 0, or -1 if it is no number. */
static int read_position(struct text text, uint64_t *number)
{
    if (text_to_size(text, UINT64_MAX, number) == 0)
        return 0;
    if (errno != ERANGE)
        return -1;
    *number = UINT64_MAX;
    return 0;
}

/* Reads "2-5", "2-" or "-5" for a file of size bytes. Returns 1 if *range
 * contains bytes of the file, 0 if the range has no byte in the file, -1 if it
 * is no range. */
static int read_range(struct text spec, uint64_t size, struct range *range)
{
    struct text rest = spec;
    struct text before = text_split(&rest, '-');
    uint64_t first, last = UINT64_MAX;
    if (rest.data == NULL)
        return -1;
    if (before.length == 0) {
        uint64_t suffix;
        if (read_position(rest, &suffix) < 0)
            return -1;
        /* The last bytes of an empty file are the whole file, which no
         * Content-Range can express. */
        if (size == 0 && suffix > 0)
            return -1;
        if (suffix > size)
            suffix = size;
        *range = (struct range){size - suffix, suffix};
        return suffix > 0;
    }
    if (read_position(before, &first) < 0 ||
        (rest.length > 0 && read_position(rest, &last) < 0) || last < first)
        return -1;
    if (first >= size)
        return 0;
    if (last >= size)
        last = size - 1;
    *range = (struct range){first, last - first + 1};
    return 1;
}

/* Adds a range after the others. A range that it overlaps is removed and
 * becomes part of it. Returns the new count. */
static size_t add_range(struct range *ranges, size_t count, struct range added)
{
    for (size_t i = 0; i < count;) {
        struct range *other = &ranges[i];
        uint64_t end = added.first + added.length;
        uint64_t other_end = other->first + other->length;
        if (end <= other->first || other_end <= added.first) {
            i++;
            continue;
        }
        if (other->first < added.first)
            added.first = other->first;
        added.length = (other_end > end ? other_end : end) - added.first;
        memmove(other, other + 1, (count - i - 1) * sizeof *other);
        count--;
        i = 0; /* it has grown and may now overlap one more */
    }
    ranges[count] = added;
    return count + 1;
}

/* Returns false if many parts together would be more bytes than the file. */
static bool is_worth_it(const struct range *ranges, size_t count, uint64_t size)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += ranges[i].length + HEADING_BYTES;
    return count <= RANGES_FEW || bytes <= size;
}

enum range_verdict files_ranges_read(struct text value, uint64_t size,
                                     struct range out[RANGES_MAX],
                                     size_t *count)
{
    struct text unit = text_split(&value, '=');
    size_t asked = 0;
    *count = 0;
    if (!text_equal_nocase(unit, TEXT("bytes")) || value.data == NULL)
        return RANGE_NONE;
    while (value.data != NULL) {
        struct text spec = text_trim(text_split(&value, ','));
        struct range range;
        if (spec.length == 0)
            continue; /* RFC 9110 section 5.6.1.2: ignore empty elements */
        int found = read_range(spec, size, &range);
        if (found < 0 || ++asked > RANGES_MAX)
            return RANGE_NONE;
        if (found > 0)
            *count = add_range(out, *count, range);
    }
    if (*count > 0)
        return is_worth_it(out, *count, size) ? RANGE_SOME : RANGE_NONE;
    return asked > 0 ? RANGE_UNSATISFIABLE : RANGE_NONE;
}

/* Makes a boundary, which must not occur in the file. It is random and new, so
 * nobody can have put it there. Returns 0, or -1 with errno. */
static int make_boundary(char out[2 * BOUNDARY_BYTES + 1])
{
    unsigned char bytes[BOUNDARY_BYTES];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return -1;
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
    return 0;
}

/* Adds what has been written to memory since `from` as a segment. */
static int add_memory(struct response *response, size_t from)
{
    return response_segment(
        response, (struct segment){.offset = (off_t)from,
                                   .length = response->memory.end - from});
}

int files_ranges_multipart(struct response *response, struct text type,
                           uint64_t size, const struct range *ranges,
                           size_t count)
{
    char boundary[2 * BOUNDARY_BYTES + 1];
    struct message_buffer *memory = &response->memory;
    if (make_boundary(boundary) < 0)
        return -1;
    response_field(response, "Content-Type",
                   "multipart/byteranges; boundary=%s", boundary);
    /* The CRLF before the first boundary is optional (RFC 9110 section 14.6),
     * but some clients wait for it. */
    for (size_t i = 0; i < count; i++) {
        size_t heading = memory->end;
        uint64_t first = ranges[i].first, length = ranges[i].length;
        buffer_printf(
            memory,
            "\r\n--%s\r\nContent-Type: %.*s\r\n"
            "Content-Range: bytes %llu-%llu/%llu\r\n\r\n",
            boundary, (int)type.length, type.data, (unsigned long long)first,
            (unsigned long long)(first + length - 1), (unsigned long long)size);
        if (add_memory(response, heading) < 0 ||
            response_segment(response, (struct segment){.in_file = true,
                                                        .offset = (off_t)first,
                                                        .length = length}) < 0)
            return -1;
    }
    size_t heading = memory->end;
    buffer_printf(memory, "\r\n--%s--\r\n", boundary);
    return add_memory(response, heading);
}
