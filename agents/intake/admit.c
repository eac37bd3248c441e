/* Everything that can be known before the body comes: route, who asks, whether they may. */
#include <arpa/inet.h>
#include <stdlib.h>

#include "agents/intake/web.h"

#define SESSION_COOKIE "__Host-phien"

typedef struct lth_hour {
    char code[LTH_CODE_MAX + 1];
    int64_t hour;
    uint32_t n;
} lth_hour;

static const char *header(const lth_request *r, const char *name)
{
    return MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name);
}

/* The peer, or whom our own proxy says it speaks for. */
static void find_address(lth_request *r)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *peer = info != NULL ? info->client_addr : NULL;
    char forwarded[LTH_ADDRESS_SIZE];
    (void)lth_format(r->address, sizeof r->address, "?");
    if (peer != NULL && peer->sa_family == AF_INET)
        (void)inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)peer)->sin_addr,
                        r->address, sizeof r->address);
    else if (peer != NULL && peer->sa_family == AF_INET6)
        (void)inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr,
                        r->address, sizeof r->address);
    if (lth_address_in(r->address, r->intake->conf->proxies) &&
        lth_forwarded_get(forwarded, header(r, "X-Forwarded-For")))
        (void)lth_format(r->address, sizeof r->address, "%s", forwarded);
    lth_address_group(r->group, r->address);
}

static void find_language(lth_request *r)
{
    char cookie[8] = "";
    const char *chosen = MHD_lookup_connection_value(r->connection, MHD_GET_ARGUMENT_KIND, "lang");
    bool choice = chosen != NULL && (strcmp(chosen, "en") == 0 || strcmp(chosen, "vi") == 0);
    (void)lth_cookie_get(cookie, sizeof cookie, header(r, "Cookie"), "lang");
    r->english = strcmp(choice ? chosen : cookie, "en") == 0;
    r->reply.page.english = r->english;
    if (choice)
        (void)lth_format(r->reply.language, sizeof r->reply.language, "%s", chosen);
}

/* Parts of the path into r->parts; how many, or SIZE_MAX when there are too many. */
static size_t split(lth_request *r, const char *url)
{
    size_t n = 0;
    char *at = r->buffer;
    (void)lth_format(r->buffer, sizeof r->buffer, "%s", url);
    while (*at == '/') {
        *at++ = '\0';
        if (n == sizeof r->parts / sizeof r->parts[0])
            return SIZE_MAX;
        r->parts[n++] = at;
        at += strcspn(at, "/");
    }
    return n;
}

static bool path_fits(const lth_request *r, size_t n, const char *pattern)
{
    for (size_t i = 0; i < n; i++) {
        if (*pattern != '/')
            return false;
        size_t size = strcspn(++pattern, "/");
        bool any = size == 1 && *pattern == '*';
        if (!any && (strlen(r->parts[i]) != size || memcmp(r->parts[i], pattern, size) != 0))
            return false;
        pattern += size;
    }
    return *pattern == '\0';
}

static bool find_route(lth_request *r, const char *url, const char *method)
{
    const char *wanted = strcmp(method, "HEAD") == 0 ? "GET" : method;
    bool path_known = false;
    size_t n = strlen(url) < sizeof r->buffer ? split(r, url) : SIZE_MAX;
    for (size_t i = 0; n != SIZE_MAX && i < lth_n_page_routes; i++) {
        const lth_page_route *route = &lth_page_routes[i];
        if (!path_fits(r, n, route->path))
            continue;
        path_known = true;
        r->plain |= route->auth == LTH_AUTH_TOKEN;
        const char *found = strstr(route->methods, wanted);
        size_t size = strlen(wanted);
        bool whole = found != NULL && (found == route->methods || found[-1] == ' ') &&
                     (found[size] == '\0' || found[size] == ' ');
        if (whole && size > 0) {
            r->route = route;
            (void)lth_format(r->path, sizeof r->path, "%s", url);
            return true;
        }
    }
    if (path_known)
        lth_refuse(r, MHD_HTTP_METHOD_NOT_ALLOWED, "Cách gọi này không dùng được ở đây.",
                   "This method is not allowed here.");
    else
        lth_refuse(r, MHD_HTTP_NOT_FOUND, "Không có trang này.", "There is no such page.");
    return false;
}

static bool room_for(lth_request *r)
{
    lth_intake *self = r->intake;
    uint32_t same = 0;
    (void)pthread_mutex_lock(&self->lock);
    for (const lth_request *other = self->requests; other != NULL; other = other->next)
        same += other != r && strcmp(other->group, r->group) == 0;
    (void)pthread_mutex_unlock(&self->lock);
    if (same < self->conf->per_address)
        return true;
    r->reply.retry_s = 10;
    lth_refuse(r, MHD_HTTP_TOO_MANY_REQUESTS,
               "Quá nhiều yêu cầu cùng lúc từ mạng này. Đợi 10 giây rồi thử lại.",
               "Too many requests at once from this network. Try again in 10 seconds.");
    return false;
}

void lth_csrf_of(lth_request *r, const char *cookie)
{
    uint8_t digest[LTH_HASH_SIZE];
    lth_hasher hasher;
    LTH_ASSERT(lth_crypto_hasher_new(&hasher, NULL) == LTH_OK);
    hasher.hmac(hasher.ctx, lth_slice_of(r->intake->secret, sizeof r->intake->secret),
                lth_slice_of(cookie, strlen(cookie)), digest);
    lth_crypto_hasher_free(&hasher);
    lth_hex(r->csrf, digest, sizeof digest);
}

bool lth_csrf_right(const lth_request *r, const char *sent)
{
    return r->cookie[0] != '\0' && sent != NULL && strlen(sent) == sizeof r->csrf - 1 &&
           lth_crypto_same(sent, r->csrf, sizeof r->csrf);
}

/* The browser's cookie; a new one goes out with a page that has a form. */
static void find_session(lth_request *r)
{
    lth_session session;
    lth_account account;
    uint8_t bytes[32];
    lth_intake *self = r->intake;
    if (!lth_cookie_get(r->cookie, sizeof r->cookie, header(r, "Cookie"), SESSION_COOKIE) ||
        !lth_unhex(bytes, sizeof bytes, r->cookie, strlen(r->cookie)))
        r->cookie[0] = '\0';
    if (r->cookie[0] != '\0' && lth_session_find(self->sessions, r->cookie, &session)) {
        r->known = lth_account_load(&account, &self->accounts, session.code) == LTH_OK &&
                   strcmp(account.generation, session.generation) == 0 &&
                   lth_schools_find(self->schools, session.code, &r->school);
        if (!r->known)
            lth_session_end(self->sessions, r->cookie);
    }
    bool get = strcmp(r->route->methods, "GET") == 0;
    if (r->cookie[0] == '\0' && get && r->route->auth == LTH_AUTH_NONE)
        lth_cookie_new(r);
    else if (r->cookie[0] != '\0')
        lth_csrf_of(r, r->cookie);
}

void lth_cookie_new(lth_request *r)
{
    lth_random_text(r->cookie, 32);
    lth_csrf_of(r, r->cookie);
    (void)lth_format(r->reply.cookie, sizeof r->reply.cookie,
                     SESSION_COOKIE "=%s; Path=/; Secure; HttpOnly; SameSite=Strict", r->cookie);
}

static bool session_auth(lth_request *r)
{
    if (r->known)
        return true;
    if (strcmp(r->route->methods, "GET") == 0)
        lth_redirect(r, "/dang-nhap");
    else
        lth_refuse(r, MHD_HTTP_FORBIDDEN,
                   "Phiên làm việc đã hết. Đăng nhập lại rồi làm lại bước vừa rồi.",
                   "Your session has ended. Sign in and do that again.");
    return false;
}

static bool token_auth(lth_request *r)
{
    char code[LTH_CODE_MAX + 1], token[LTH_KEY_TEXT + 1];
    lth_intake *self = r->intake;
    int64_t wait_s = lth_failures_wait(self->failures, LTH_WHOM_ADDRESS, r->group);
    if (wait_s > 0) {
        r->reply.retry_s = (unsigned)wait_s;
        lth_refuse(r, MHD_HTTP_TOO_MANY_REQUESTS, "Thử sai quá nhiều lần. Đợi rồi thử lại.",
                   "Too many failures. Wait, then try again.");
        return false;
    }
    bool right = lth_code_clean(code, r->parts[1]) &&
                 lth_bearer_get(token, sizeof token, header(r, "Authorization")) &&
                 lth_token_right(&self->accounts, code, token) &&
                 lth_schools_find(self->schools, code, &r->school);
    r->known = right;
    if (right)
        return true;
    lth_failures_add(self->failures, LTH_WHOM_ADDRESS, r->group);
    lth_refuse(r, MHD_HTTP_UNAUTHORIZED,
               "Mã trường hoặc chìa khoá (token) không đúng, hoặc chìa khoá đã thu hồi.",
               "The school code or the token is wrong, or the token was revoked.");
    return false;
}

/* Files of this school within the running hour; counts this one. */
static bool within_hour(lth_intake *self, const char *code)
{
    int64_t hour = self->clock->mono_ms(self->clock->ctx) / 3600000;
    lth_hour *found = NULL;
    (void)pthread_mutex_lock(&self->lock);
    for (size_t i = 0; i < self->n_hours && found == NULL; i++)
        if (strcmp(self->hours[i].code, code) == 0)
            found = &self->hours[i];
    if (found == NULL) {
        lth_hour *more = realloc(self->hours, (self->n_hours + 1) * sizeof *more);
        if (more != NULL) {
            self->hours = more;
            found = &more[self->n_hours++];
            *found = (lth_hour){.hour = hour};
            (void)lth_format(found->code, sizeof found->code, "%s", code);
        }
    }
    bool room = found != NULL;
    if (room) {
        found->n = found->hour == hour ? found->n : 0;
        found->hour = hour;
        room = found->n < self->conf->per_hour;
        found->n += room;
    }
    (void)pthread_mutex_unlock(&self->lock);
    return room;
}

static bool school_busy(lth_request *r)
{
    uint32_t same = 0;
    (void)pthread_mutex_lock(&r->intake->lock);
    for (const lth_request *other = r->intake->requests; other != NULL; other = other->next)
        same += other != r && other->counted && strcmp(other->school.code, r->school.code) == 0;
    r->counted = same < r->intake->conf->per_school;
    (void)pthread_mutex_unlock(&r->intake->lock);
    return !r->counted;
}

static bool upload_allowed(lth_request *r)
{
    const char *length = header(r, "Content-Length");
    uint64_t max = (uint64_t)r->intake->conf->upload_mib << 20;
    uint64_t expected = length != NULL ? strtoull(length, NULL, 10) : 0;
    if (expected > max + LTH_FORM_BODY_MAX) {
        lth_refuse(r, MHD_HTTP_CONTENT_TOO_LARGE,
                   "Tệp quá lớn. Bỏ hình ảnh và các trang không cần rồi nộp lại.",
                   "The file is too large. Remove pictures and sheets that are not needed.");
        return false;
    }
    if (school_busy(r) || !within_hour(r->intake, r->school.code)) {
        r->reply.retry_s = r->counted ? 600 : 15;
        lth_refuse(r, MHD_HTTP_TOO_MANY_REQUESTS, "Trường đang nộp quá nhiều tệp. Đợi rồi thử lại.",
                   "Too many files from this school. Wait, then try again.");
        return false;
    }
    return true;
}

bool lth_admit(lth_request *r, const char *url, const char *method)
{
    find_language(r);
    find_address(r);
    if (!find_route(r, url, method) || !room_for(r))
        return false;
    if (atomic_load(&r->intake->stopping)) {
        r->reply.retry_s = 10;
        lth_refuse(r, MHD_HTTP_SERVICE_UNAVAILABLE, "Máy chủ đang khởi động lại. Thử lại sau.",
                   "The server is restarting. Try again.");
        return false;
    }
    if (r->route->auth != LTH_AUTH_TOKEN)
        find_session(r);
    if ((r->route->auth == LTH_AUTH_SESSION && !session_auth(r)) ||
        (r->route->auth == LTH_AUTH_TOKEN && !token_auth(r)))
        return false;
    bool file = r->route->body == LTH_BODY_UPLOAD || r->route->body == LTH_BODY_FILE;
    return !file || upload_allowed(r);
}
