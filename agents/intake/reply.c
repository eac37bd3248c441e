/* Answers: what a worker filled in, as an HTTP response. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agents/intake/web.h"

static const char html_type[] = "text/html; charset=utf-8";
static const char text_type[] = "text/plain; charset=utf-8";

void lth_reply_init(lth_request *r)
{
    r->reply = (lth_reply){.status = MHD_HTTP_OK, .type = html_type, .fd = -1};
    lth_page_init(&r->reply.page, r->english);
}

void lth_reply_fini(lth_request *r)
{
    lth_page_fini(&r->reply.page);
    if (r->reply.fd >= 0)
        close(r->reply.fd);
    r->reply.fd = -1;
}

void lth_frame_fill(const lth_request *r, lth_frame_of *frame, const char *title)
{
    bool get = strcmp(r->route != NULL ? r->route->methods : "", "GET") == 0;
    *frame = (lth_frame_of){.conf = r->intake->conf,
                            .title = title,
                            .school = r->known ? r->school.name : NULL,
                            .code = r->known ? r->school.code : NULL,
                            .path = get ? r->path : "/",
                            .csrf = r->csrf};
}

void lth_refuse(lth_request *r, unsigned status, const char *vi, const char *en)
{
    lth_page *page = &r->reply.page;
    lth_frame_of frame;
    r->reply.status = status;
    lth_buf_clear(&page->out);
    page->english = r->english;
    if (r->plain) {
        r->reply.type = text_type;
        lth_plain(page, "%s\n", T(page, vi, en));
        return;
    }
    r->reply.type = html_type;
    lth_frame_fill(r, &frame, T(page, "Chưa được", "Not done"));
    lth_page_say(page, &frame, "bad", T(page, vi, en));
}

void lth_redirect(lth_request *r, const char *to)
{
    r->reply.status = MHD_HTTP_SEE_OTHER;
    r->reply.type = text_type;
    (void)lth_format(r->reply.location, sizeof r->reply.location, "%s", to);
}

static void common_headers(struct MHD_Response *response)
{
    static const char *const headers[][2] = {
        {"Content-Security-Policy",
         "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
         "frame-ancestors 'none'; base-uri 'none'"},
        {"X-Content-Type-Options", "nosniff"},
        {"X-Frame-Options", "DENY"},
        {"Referrer-Policy", "same-origin"},
        {"Cross-Origin-Opener-Policy", "same-origin"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
    };
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++)
        (void)MHD_add_response_header(response, headers[i][0], headers[i][1]);
}

static void own_headers(struct MHD_Response *response, const lth_request *r)
{
    const lth_reply *reply = &r->reply;
    char text[300];
    if (reply->type != NULL)
        (void)MHD_add_response_header(response, "Content-Type", reply->type);
    bool keep = reply->type != NULL && strncmp(reply->type, "text/css", 8) == 0;
    (void)MHD_add_response_header(response, "Cache-Control",
                                  keep ? "public, max-age=3600" : "no-store");
    if (reply->location[0] != '\0')
        (void)MHD_add_response_header(response, "Location", reply->location);
    if (reply->cookie[0] != '\0')
        (void)MHD_add_response_header(response, "Set-Cookie", reply->cookie);
    if (reply->language[0] != '\0') {
        (void)lth_format(text, sizeof text,
                         "lang=%s; Path=/; Max-Age=31536000; Secure; HttpOnly; SameSite=Strict",
                         reply->language);
        (void)MHD_add_response_header(response, "Set-Cookie", text);
    }
    if (reply->file_name[0] != '\0') {
        (void)lth_format(text, sizeof text, "attachment; filename=\"%s\"", reply->file_name);
        (void)MHD_add_response_header(response, "Content-Disposition", text);
    }
    if (reply->retry_s > 0) {
        (void)lth_format(text, sizeof text, "%u", reply->retry_s);
        (void)MHD_add_response_header(response, "Retry-After", text);
    }
    if (reply->status == MHD_HTTP_UNAUTHORIZED)
        (void)MHD_add_response_header(response, "WWW-Authenticate", "Bearer");
    if (reply->status == MHD_HTTP_METHOD_NOT_ALLOWED)
        (void)MHD_add_response_header(response, "Allow", "GET, HEAD, POST, PUT");
}

enum MHD_Result lth_reply_send(lth_request *r)
{
    lth_reply *reply = &r->reply;
    struct MHD_Response *response = NULL;
    struct stat st;
    if (reply->page.bad) {
        lth_refuse(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "Máy chủ hết bộ nhớ, hãy thử lại.",
                   "The server is out of memory, try again.");
        reply->page.bad = false;
    }
    if (reply->fd >= 0 && fstat(reply->fd, &st) == 0) {
        response = MHD_create_response_from_fd64((uint64_t)st.st_size, reply->fd);
        reply->fd = response != NULL ? -1 : reply->fd;
    } else {
        response = MHD_create_response_from_buffer(reply->page.out.n, reply->page.out.p,
                                                   MHD_RESPMEM_MUST_COPY);
    }
    if (response == NULL)
        return MHD_NO;
    common_headers(response);
    own_headers(response, r);
    enum MHD_Result sent = MHD_queue_response(r->connection, reply->status, response);
    MHD_destroy_response(response);
    return sent;
}
