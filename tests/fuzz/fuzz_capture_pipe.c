/* The agent's side of the capture pipe. First byte: how the stream is cut into reads; the rest: a
 * stream of messages for the reader, and a request for the child. What is taken whole must encode
 * to the same bytes again. */

#include <stddef.h>
#include <stdint.h>

#include "agents/capture/pipe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void encode_again(const lth_capture_message *m, const uint8_t *bytes, size_t n)
{
    static uint8_t again[LTH_CAPTURE_MESSAGE_MAX + 4];
    _Static_assert(sizeof again >= LTH_CAPTURE_HEADERS_BYTES_MAX, "headers fit");
    size_t again_n = 0;
    const lth_capture_row_head head = {m->table, m->row, m->org};
    if (m->kind == LTH_CAPTURE_ROW) {
        again_n = lth_capture_row_size(&head, m->cells, m->n_cells);
        LTH_ASSERT(again_n == n);
        lth_capture_row_encode(again, &head, m->cells, m->n_cells);
    } else if (m->kind == LTH_CAPTURE_TABLE_END &&
               strlen(m->detail) + strlen(m->detail_en) + 16 == n) {
        again_n = lth_capture_table_end_encode(
            again,
            &(lth_capture_table_end){m->table, m->fault, m->correction, m->detail, m->detail_en});
    } else if (m->kind == LTH_CAPTURE_HEADERS) {
        again_n = lth_capture_headers_encode(again, m->table, m->headers, m->n_headers);
        LTH_ASSERT(again_n == n);
    } else if (m->kind == LTH_CAPTURE_END) {
        again_n = lth_capture_end_encode(again);
    }
    LTH_ASSERT(again_n == 0 || (again_n == n && memcmp(again, bytes, n) == 0));
}

static void read_messages(const uint8_t *data, size_t size, size_t piece)
{
    static lth_capture_message message;
    lth_capture_reader reader;
    lth_capture_reader_init(&reader);
    lth_err err = LTH_E_AGAIN;
    size_t taken = 0;
    for (size_t at = 0; at < size && err == LTH_E_AGAIN; at += piece) {
        size_t room, n = size - at < piece ? size - at : piece;
        uint8_t *p = lth_capture_reader_room(&reader, &room);
        LTH_ASSERT(p != NULL && room >= n);
        memcpy(p, data + at, n);
        lth_capture_reader_put(&reader, n);
        while ((err = lth_capture_reader_next(&reader, &message)) == LTH_OK) {
            size_t whole = 4 + (size_t)lth_get32(data + taken);
            encode_again(&message, data + taken, whole);
            taken += whole;
        }
    }
    lth_capture_reader_fini(&reader);
}

static void read_request(const uint8_t *data, size_t size)
{
    lth_capture_request request;
    lth_arena *arena = lth_arena_new(8u << 20);
    if (arena != NULL &&
        lth_capture_request_decode(&request, lth_slice_of(data, size), arena) == 0) {
        lth_buf again;
        lth_buf_init(&again, LTH_CAPTURE_REQUEST_MAX + 4);
        LTH_ASSERT(lth_capture_request_encode(&again, &request) == LTH_OK);
        LTH_ASSERT(again.n == size + 4 && memcmp(again.p + 4, data, size) == 0);
        lth_buf_fini(&again);
        const char *why;
        for (uint32_t i = 0; i < request.n_tables; i++)
            (void)lth_capture_query_ok(request.tables[i].query, &why);
    }
    lth_arena_free(&arena);
}

static void same_again(const lth_buf *again, const uint8_t *data, size_t size)
{
    LTH_ASSERT(again->n == size + 4 && memcmp(again->p + 4, data, size) == 0);
}

static void read_file_requests(const uint8_t *data, size_t size)
{
    lth_capture_file_request file;
    lth_capture_answer_request answer;
    lth_capture_view_request view;
    lth_arena *arena = lth_arena_new(8u << 20);
    lth_buf again;
    lth_buf_init(&again, LTH_CAPTURE_REQUEST_MAX + 4);
    if (arena != NULL && lth_capture_file_decode(&file, lth_slice_of(data, size), arena) == 0) {
        LTH_ASSERT(lth_capture_file_encode(&again, &file) == LTH_OK);
        same_again(&again, data, size);
    } else if (arena != NULL &&
               lth_capture_answer_decode(&answer, lth_slice_of(data, size), arena) == 0) {
        LTH_ASSERT(lth_capture_answer_encode(&again, &answer) == LTH_OK);
        same_again(&again, data, size);
    } else if (arena != NULL &&
               lth_capture_view_decode(&view, lth_slice_of(data, size), arena) == 0) {
        LTH_ASSERT(lth_capture_view_encode(&again, &view) == LTH_OK);
        same_again(&again, data, size);
    }
    lth_buf_fini(&again);
    lth_arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0) {
        read_messages(data + 1, size - 1, data[0] == 0 ? 65536 : data[0]);
        read_request(data + 1, size - 1);
        read_file_requests(data + 1, size - 1);
    }
    return 0;
}
