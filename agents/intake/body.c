/* Bodies as they come: forms to memory, files to disk. What nobody wants any more is dropped, so
 * that the answer can still be read. */
#include <stdlib.h>

#include "agents/intake/web.h"

static void refuse(lth_request *r, unsigned status, const char *vi, const char *en)
{
    if (r->refused == 0) {
        r->refused = status;
        r->refused_vi = vi;
        r->refused_en = en;
        lth_receive_close(&r->file);
    }
}

static bool open_file(lth_request *r)
{
    lth_diag diag = {0};
    lth_intake *self = r->intake;
    const char *length =
        MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, "Content-Length");
    uint64_t max = (uint64_t)self->conf->upload_mib << 20;
    uint64_t expected = length != NULL ? strtoull(length, NULL, 10) : max;
    const lth_inbox to = {r->school.inbox, max, self->started_ns};
    lth_err err = lth_receive_open(&r->file, &to, expected, &diag);
    if (err == LTH_OK) {
        atomic_store(&r->watch->upload, true);
        return true;
    }
    lth_log_text(&self->log, LTH_LEVEL_ERROR, "inbox_failed", "reason", diag.text);
    refuse(r, MHD_HTTP_INSUFFICIENT_STORAGE,
           "Máy chủ chưa nhận được tệp (đĩa đầy hoặc hỏng). Đã báo quản trị; thử lại sau.",
           "The server cannot take the file (disk full or broken). Try again later.");
    return false;
}

static void feed_file(lth_request *r, const uint8_t *p, size_t n)
{
    if (r->refused != 0 || lth_receive_feed(&r->file, p, n))
        return;
    if (r->file.fault != 0)
        refuse(r, MHD_HTTP_INSUFFICIENT_STORAGE, "Máy chủ không ghi được tệp. Thử lại sau.",
               "The server cannot write the file. Try again later.");
    else
        refuse(r, MHD_HTTP_CONTENT_TOO_LARGE,
               "Tệp quá lớn. Bỏ hình ảnh và các trang không cần rồi nộp lại.",
               "The file is too large. Remove pictures and sheets that are not needed.");
}

static bool part_begin(void *ctx, const lth_multipart_part *part)
{
    lth_request *r = ctx;
    r->part = LTH_PART_OTHER;
    if (!part->is_file) {
        r->part = strcmp(part->name, "csrf") == 0 ? LTH_PART_CSRF : LTH_PART_OTHER;
        return true;
    }
    if (part->file_name[0] == '\0')
        return true; /* the field was left empty */
    if (!lth_csrf_right(r, r->sent_csrf))
        refuse(r, MHD_HTTP_FORBIDDEN, "Trang đã cũ. Tải lại trang rồi nộp lại.",
               "This page is too old. Load it again, then upload.");
    else if (++r->files > 1)
        refuse(r, MHD_HTTP_BAD_REQUEST, "Mỗi lần chỉ nộp một tệp.", "One file at a time.");
    lth_name_clean(r->file_name, part->file_name, strlen(part->file_name));
    if (r->refused == 0 && open_file(r))
        r->part = LTH_PART_FILE;
    return true;
}

static bool part_data(void *ctx, const uint8_t *p, size_t n)
{
    lth_request *r = ctx;
    if (r->part == LTH_PART_FILE)
        feed_file(r, p, n);
    for (size_t i = 0; r->part == LTH_PART_CSRF && i < n; i++)
        if (r->sent_csrf_n + 1 < sizeof r->sent_csrf)
            r->sent_csrf[r->sent_csrf_n++] = (char)p[i];
    return true;
}

static bool part_end(void *ctx)
{
    (void)ctx;
    return true;
}

bool lth_body_begin(lth_request *r)
{
    const lth_multipart_sink sink = {r, part_begin, part_data, part_end};
    const char *type = MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, "Content-Type");
    switch (r->route->body) {
    case LTH_BODY_FORM:
        if (type != NULL && strncmp(type, "application/x-www-form-urlencoded", 33) == 0)
            return true;
        break;
    case LTH_BODY_UPLOAD:
        if (lth_multipart_init(&r->multipart, type, &sink))
            return true;
        break;
    case LTH_BODY_FILE:
        if (r->parts[2] != NULL)
            lth_name_clean(r->file_name, r->parts[2], strlen(r->parts[2]));
        if (open_file(r))
            return true;
        lth_refuse(r, r->refused, r->refused_vi, r->refused_en);
        return false;
    case LTH_BODY_NONE:
    default:
        return true;
    }
    lth_refuse(r, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE, "Dạng dữ liệu gửi lên không đúng.",
               "The form's content type is not right.");
    return false;
}

void lth_body_feed(lth_request *r, const char *p, size_t n)
{
    const uint8_t *bytes = (const uint8_t *)p;
    atomic_fetch_add(&r->watch->bytes, n);
    if (r->refused != 0) {
        r->dropped += n;
        return;
    }
    switch (r->route->body) {
    case LTH_BODY_FORM:
        if (r->body.n + n > LTH_FORM_BODY_MAX || lth_buf_add(&r->body, p, n) != LTH_OK)
            refuse(r, MHD_HTTP_CONTENT_TOO_LARGE, "Biểu mẫu quá dài.", "The form is too long.");
        break;
    case LTH_BODY_UPLOAD:
        if (!lth_multipart_feed(&r->multipart, bytes, n))
            refuse(r, MHD_HTTP_BAD_REQUEST, "Dữ liệu gửi lên bị hỏng giữa đường. Nộp lại tệp.",
                   "What was sent arrived damaged. Upload the file again.");
        break;
    case LTH_BODY_FILE:
        feed_file(r, bytes, n);
        break;
    case LTH_BODY_NONE:
    default:
        r->dropped += n;
    }
}

void lth_body_end(lth_request *r)
{
    atomic_store(&r->watch->upload, false);
    if (r->route->body == LTH_BODY_FORM && r->refused == 0 &&
        (lth_buf_add(&r->body, "", 1) != LTH_OK ||
         !lth_form_parse(&r->form, (char *)r->body.p, r->body.n - 1)))
        refuse(r, MHD_HTTP_BAD_REQUEST, "Biểu mẫu không đọc được.", "The form cannot be read.");
    if (r->route->body == LTH_BODY_FORM && !lth_csrf_right(r, lth_form_get(&r->form, "csrf")))
        refuse(r, MHD_HTTP_FORBIDDEN,
               "Trang đã cũ, hoặc trình duyệt chặn cookie. Tải lại trang rồi làm lại.",
               "This page is too old, or the browser refuses cookies. Load it again.");
    if (r->route->body == LTH_BODY_UPLOAD) {
        if (!lth_multipart_done(&r->multipart))
            refuse(r, MHD_HTTP_BAD_REQUEST, "Tệp chưa gửi hết. Nộp lại tệp.",
                   "The file did not arrive whole. Upload it again.");
        if (!lth_csrf_right(r, r->sent_csrf))
            refuse(r, MHD_HTTP_FORBIDDEN, "Trang đã cũ. Tải lại trang rồi nộp lại.",
                   "This page is too old. Load it again, then upload.");
        if (r->files == 0)
            refuse(r, MHD_HTTP_BAD_REQUEST, "Chưa chọn tệp nào.", "No file was chosen.");
    }
    bool file = r->route->body == LTH_BODY_UPLOAD || r->route->body == LTH_BODY_FILE;
    if (file && r->file.bytes == 0)
        refuse(r, MHD_HTTP_BAD_REQUEST, "Tệp rỗng: lưu lại rồi nộp tệp có dữ liệu.",
               "The file is empty: save it again with data in it.");
    if (r->refused != 0)
        lth_refuse(r, r->refused, r->refused_vi, r->refused_en);
}
