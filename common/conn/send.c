/* send.c - sending: from a struct response to bytes on the socket.
 *
 * response -> out (head) + segments of memory and file, or pieces of a source
 *   -> sendmsg, sendfile
 *
 * A source makes the body piece by piece. Every partial write only moves a
 * cursor forward: out.cursor for the head, (segment, segment_sent) for the
 * body. */
#include "base/clock.h"
#include "conn/answer.h"
#include "conn/internal.h"
#include "core/access_log.h"
#include "core/server.h"
#include "http/date.h"
#include "report/stats.h"
#include "report/trace.h"

#include <assert.h>
#include <errno.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    /* The most that one client gets in a turn. A client that reads a large file
     * fast must not keep the others waiting. */
    SEND_STEP_BYTES = 1024 * 1024,
    /* Sending this much takes longer than giving it to another thread. */
    LONG_STEP_BYTES = 256 * 1024,
    SEND_VECTORS = 8, /* in one call: the head and a few parts of memory */
};

static void count_status(unsigned status)
{
    switch (status / 100) {
    case 1:
        stats_add(STAT_status_1xx, 1);
        break;
    case 2:
        stats_add(STAT_status_2xx, 1);
        break;
    case 3:
        stats_add(STAT_status_3xx, 1);
        break;
    case 4:
        stats_add(STAT_status_4xx, 1);
        break;
    default:
        stats_add(STAT_status_5xx, 1);
        break;
    }
}

/* Returns true if the connection closes after this answer. It is kept only if
 * the client wants it, the server goes on, and the client can see where the
 * answer ends. */
static bool decide_last(struct conn *conn)
{
    const struct conn_turn *turn = conn->turn;
    const struct http_request *request = &turn->exchange.request;
    const struct response *response = &turn->exchange.response;
    const struct server *server = conn->server;
    if (response->close)
        return true;
    if (!request->keep_alive)
        return true;
    bool unbounded =
        response->source != NULL && !turn->chunked && !turn->head_only;
    if (conn->stop || conn->last_call || unbounded ||
        server->settings->keepalive_seconds == 0 ||
        conn->answered + 1 >= server->settings->keepalive_requests ||
        atomic_load_explicit(&server->stopping, memory_order_relaxed)) {
        /* The client did not ask for the close and may have sent more. */
        conn->linger = true;
        return true;
    }
    return false;
}

static void print_status_line(struct message_buffer *out, unsigned status)
{
    if (status == 200) { /* nearly always */
        buffer_append_text(out, TEXT("HTTP/1.1 200 OK\r\n"));
        return;
    }
    buffer_append_text(out, TEXT("HTTP/1.1 "));
    buffer_append_number(out, status);
    buffer_append_char(out, ' ');
    buffer_append_text(out, text_of(http_status_phrase(status)));
    buffer_append_text(out, TEXT("\r\n"));
}

static void print_head(struct conn *conn)
{
    struct conn_turn *turn = conn->turn;
    struct response *response = &turn->exchange.response;
    struct message_buffer *out = &conn->out;
    buffer_reserve(out, 256 + buffer_length(&response->fields));
    print_status_line(out, response->status);
    buffer_append_text(out, TEXT("Server: fivefold\r\n"
                                 "X-Content-Type-Options: nosniff\r\nDate: "));
    buffer_append(out, http_date_now(), HTTP_DATE_BYTES - 1);
    buffer_append_text(out, TEXT("\r\n"));
    buffer_append_text(out, buffer_text(&response->fields));
    if (turn->chunked) {
        buffer_append_text(out, TEXT("Transfer-Encoding: chunked\r\n"));
    } else if (response->source == NULL && response->status != 204 &&
               response->status != 304 && !response->no_length) {
        buffer_append_text(out, TEXT("Content-Length: "));
        buffer_append_number(out, response_length(response));
        buffer_append_text(out, TEXT("\r\n"));
    }
    if (conn->last)
        buffer_append_text(out, TEXT("Connection: close\r\n"));
    else if (turn->exchange.request.version_minor == 0)
        buffer_append_text(out, TEXT("Connection: keep-alive\r\n"));
    buffer_append_text(out, TEXT("\r\n"));
}

/* Makes a list of one segment: all of response.memory. */
static void list_memory(struct conn_turn *turn)
{
    struct message_buffer *memory = &turn->exchange.response.memory;
    turn->whole = (struct segment){
        .offset = (off_t)memory->cursor,
        .length = buffer_length(memory),
    };
    turn->list = &turn->whole;
    turn->list_count = turn->whole.length > 0 ? 1 : 0;
    turn->segment = 0;
    turn->segment_sent = 0;
}

/* Makes the source's next piece. Its bytes go to response.memory, the chunk's
 * size line to out, which is sent first; so nothing is copied. Returns 0, or -1
 * if the answer must be cut off. */
static int make_piece(struct conn *conn)
{
    struct conn_turn *turn = conn->turn;
    struct response *response = &turn->exchange.response;
    struct message_buffer *piece = &response->memory;
    buffer_clear(piece);
    int more = response->source->more(response->source_state, piece);
    if (more < 0 || piece->failed)
        return -1;
    size_t length = buffer_length(piece);
    turn->source_ended = more == 0;
    /* A chunk of length 0 would mean the end. */
    if (turn->chunked && length > 0) {
        buffer_printf(&conn->out, "%zx\r\n", length);
        buffer_append_text(piece, TEXT("\r\n"));
    }
    if (turn->chunked && turn->source_ended)
        buffer_append_text(piece, TEXT("0\r\n\r\n"));
    list_memory(turn);
    return piece->failed || conn->out.failed ? -1 : 0;
}

/* Writes the head to out, and lists what of the body is there already. */
static void start_head(struct conn *conn)
{
    struct conn_turn *turn = conn->turn;
    const struct response *response = &turn->exchange.response;
    const struct http_request *request = &turn->exchange.request;
    turn->interim = false;
    turn->head_only = request->method == HTTP_HEAD || response->status == 204 ||
                      response->status == 304;
    turn->chunked = response->source != NULL && request->version_minor >= 1;
    conn->last = decide_last(conn);
    print_head(conn);
    list_memory(turn);
    if (response->segments != NULL) {
        turn->list = response->segments;
        turn->list_count = response->segment_count;
    }
    if (turn->head_only)
        turn->list_count = 0;
}

void conn_start_answer(struct conn *conn)
{
    struct conn_turn *turn = conn->turn;
    struct response *response = &turn->exchange.response;
    turn->unfinished = response->status == 0;
    if (turn->unfinished) {
        assert(turn->exchange.handler->go_on != NULL);
        return;
    }
    if (response->fields.failed || response->memory.failed) {
        /* The response would have said that a change is done. An error would
         * deny that, so the connection is closed without an answer. */
        if (response->status < 400 &&
            !http_method_is_safe(turn->exchange.request.method))
            conn->out.failed = true;
        else
            answer_error(&turn->exchange, 503, CONN_NO_ROOM);
    }
    conn_drop_body(conn);
    start_head(conn);
    if (!turn->head_only && response->source != NULL && make_piece(conn) < 0) {
        if (response->memory.failed) {
            /* Nothing has been sent yet. */
            buffer_release(&conn->out);
            answer_error(&turn->exchange, 503, CONN_NO_ROOM);
            start_head(conn);
        } else {
            conn->out.failed = true;
        }
    }
    conn_set_state(conn, WAITING_TO_SEND_HEAD);
    conn_arm(conn, DEADLINE_SEND);
    stats_add(STAT_requests, 1);
    count_status(response->status);
}

void conn_start_interim(struct conn *conn)
{
    conn->turn->interim = true;
    buffer_append_text(&conn->out, TEXT("HTTP/1.1 100 Continue\r\n\r\n"));
    conn_set_state(conn, WAITING_TO_SEND_HEAD);
    count_status(100);
}

static void go_on(struct conn *conn)
{
    struct exchange *exchange = conn_exchange(conn);
    exchange->handler->go_on(exchange);
    conn_start_answer(conn);
}

void conn_stream(struct conn *conn)
{
    uint64_t start = TRACE_START();
    assert(conn_is_mine(conn));
    stats_doing("stream");
    if (conn->turn->unfinished)
        go_on(conn);
    else if (make_piece(conn) < 0)
        conn->out.failed = true;
    stats_done();
    TRACE_SPAN("stream", start, conn->turn->exchange.id);
}

/* n bytes of the list have been sent. */
static void list_advance(struct conn_turn *turn, uint64_t n)
{
    turn->body_sent += n;
    turn->segment_sent += n;
    while (turn->segment < turn->list_count &&
           turn->segment_sent >= turn->list[turn->segment].length) {
        turn->segment_sent -= turn->list[turn->segment].length;
        turn->segment++;
    }
}

/* Collects the memory to send next: the head, then segments up to the first
 * that is in the file. Returns the number of vectors. *file_next says that the
 * file follows: then MSG_MORE makes the kernel wait for its bytes instead of
 * sending a small packet first. */
static size_t gather(struct conn *conn, struct iovec *vectors, bool *file_next)
{
    const struct conn_turn *turn = conn->turn;
    char *memory = turn->exchange.response.memory.data;
    uint64_t sent = turn->segment_sent;
    size_t n = 0;
    if (buffer_length(&conn->out) > 0)
        vectors[n++] =
            (struct iovec){buffer_start(&conn->out), buffer_length(&conn->out)};
    *file_next = false;
    for (size_t i = turn->segment; i < turn->list_count; i++) {
        const struct segment *segment = &turn->list[i];
        if (segment->in_file) {
            *file_next = true;
            break;
        }
        if (n == SEND_VECTORS)
            break;
        vectors[n++] = (struct iovec){memory + segment->offset + sent,
                                      (size_t)(segment->length - sent)};
        sent = 0;
    }
    return n;
}

/* Returns what sendmsg returns: the bytes sent, or -1 with errno. */
static ssize_t send_memory(struct conn *conn, struct iovec *vectors, size_t n,
                           bool file_next)
{
    struct msghdr message = {.msg_iov = vectors, .msg_iovlen = n};
    stats_add(STAT_sys_send, 1);
    ssize_t sent =
        sendmsg(conn->fd, &message, MSG_NOSIGNAL | (file_next ? MSG_MORE : 0));
    if (sent <= 0)
        return sent;
    size_t head = buffer_length(&conn->out);
    if (head > (size_t)sent)
        head = (size_t)sent;
    buffer_taken(&conn->out, head);
    list_advance(conn->turn, (uint64_t)sent - head);
    return sent;
}

static ssize_t send_file(struct conn *conn)
{
    struct conn_turn *turn = conn->turn;
    const struct segment *segment = &turn->list[turn->segment];
    uint64_t left = segment->length - turn->segment_sent;
    off_t offset = segment->offset + (off_t)turn->segment_sent;
    if (left > SEND_STEP_BYTES)
        left = SEND_STEP_BYTES;
    stats_add(STAT_sys_sendfile, 1);
    ssize_t sent = sendfile(conn->fd, turn->exchange.response.file_fd, &offset,
                            (size_t)left);
    if (sent > 0)
        list_advance(turn, (uint64_t)sent);
    return sent;
}

void conn_log_answer(struct conn *conn)
{
    const struct conn_turn *turn = conn->turn;
    if (turn->interim)
        return;
    stats_latency(clock_ns() - turn->exchange.started_ns);
    TRACE_FLOW_END(turn->exchange.id);
    access_log_write(conn->server->log, &turn->exchange, turn->body_sent);
}

bool conn_step_may_block(const struct conn *conn)
{
    const struct conn_turn *turn = conn->turn;
    if (conn->state == WAITING_FOR_BODY)
        return turn->exchange.spool_fd >= 0;
    if (conn->state != WAITING_TO_SEND_HEAD &&
        conn->state != WAITING_TO_SEND_BODY)
        return false;
    return !turn->interim && turn->exchange.response.file_fd >= 0 &&
           turn->segment < turn->list_count;
}

bool conn_step_is_long(const struct conn *conn)
{
    const struct conn_turn *turn = conn->turn;
    return (conn->state == WAITING_TO_SEND_HEAD ||
            conn->state == WAITING_TO_SEND_BODY) &&
           turn->segment < turn->list_count &&
           turn->list[turn->segment].length - turn->segment_sent >=
               LONG_STEP_BYTES;
}

/* RWF_NOWAIT: the read fails if the page is not in memory. */
static bool page_is_cached(int fd, uint64_t offset)
{
    char byte;
    struct iovec to = {&byte, 1};
    stats_add(STAT_sys_read, 1);
    return preadv2(fd, &to, 1, (off_t)offset, RWF_NOWAIT) >= 0;
}

bool conn_step_is_cached(const struct conn *conn)
{
    const struct conn_turn *turn = conn->turn;
    if (conn->state == WAITING_FOR_BODY)
        return false;
    const struct segment *segment = &turn->list[turn->segment];
    int fd = turn->exchange.response.file_fd;
    uint64_t left = segment->length - turn->segment_sent;
    uint64_t from = (uint64_t)segment->offset + turn->segment_sent;
    if (!segment->in_file)
        return false; /* the text between the parts of several ranges: rare */
    if (left > SEND_STEP_BYTES)
        left = SEND_STEP_BYTES;
    return page_is_cached(fd, from) && page_is_cached(fd, from + left - 1);
}

/* Returns true if bytes of the client's next request are here already. */
static bool next_has_come(const struct conn *conn)
{
    return buffer_length(&conn->in) > conn->turn->raw;
}

enum conn_sent conn_send(struct conn *conn)
{
    struct conn_turn *turn = conn->turn;
    size_t step = 0;
    for (;;) {
        struct iovec vectors[SEND_VECTORS];
        bool file_next = false;
        if (conn->out.failed)
            return SENT_FAILED; /* cut off: the client sees that it is short */
        size_t n = gather(conn, vectors, &file_next);
        bool more = n > 0 || file_next;
        if (step >= SEND_STEP_BYTES && (more || next_has_come(conn)))
            return SENT_SOME;
        if (!more)
            return SENT_ALL;
        ssize_t sent =
            n > 0 ? send_memory(conn, vectors, n, file_next) : send_file(conn);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            stats_add(STAT_sys_send_again, 1);
            return SENT_SOME;
        }
        if (sent < 0)
            return SENT_FAILED; /* the client has gone, or the disk fails */
        if (sent == 0)
            return SENT_FAILED; /* the file has shrunk: the promised length
                                   cannot be kept */
        stats_add(STAT_bytes_out, (uint64_t)sent);
        conn_moved(conn, (size_t)sent);
        step += (size_t)sent;
        if (buffer_length(&conn->out) == 0)
            conn_set_state(conn, turn->interim ? WAITING_TO_SEND_HEAD
                                               : WAITING_TO_SEND_BODY);
    }
}
