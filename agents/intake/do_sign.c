/* Signing in and out, passphrases, tokens. */
#include "agents/intake/web.h"

static const char *field(const lth_request *r, const char *name)
{
    const char *value = lth_form_get(&r->form, name);
    return value != NULL ? value : "";
}

static void sign_in_page(lth_request *r, const char *vi, const char *en)
{
    lth_frame_of frame;
    char code[LTH_CODE_MAX + 1];
    lth_page *page = &r->reply.page;
    lth_frame_fill(r, &frame, T(page, "Đăng nhập", "Sign in"));
    frame.path = "/dang-nhap";
    if (!lth_code_clean(code, field(r, "code")))
        code[0] = '\0';
    lth_page_sign_in(page, &frame, code, vi != NULL ? T(page, vi, en) : NULL);
}

static void first_page(lth_request *r, const char *vi, const char *en)
{
    lth_frame_of frame;
    char code[LTH_CODE_MAX + 1];
    lth_page *page = &r->reply.page;
    lth_frame_fill(r, &frame, T(page, "Đặt mật khẩu", "Set the passphrase"));
    frame.path = "/lan-dau";
    if (!lth_code_clean(code, field(r, "code")))
        code[0] = '\0';
    const char *once = field(r, "once");
    lth_page_first(page, &frame, code, strlen(once) <= 80 ? once : "",
                   vi != NULL ? T(page, vi, en) : NULL);
}

void lth_do_sign_in_page(lth_request *r)
{
    if (r->known)
        lth_redirect(r, "/");
    else
        sign_in_page(r, NULL, NULL);
}

void lth_do_first_page(lth_request *r)
{
    first_page(r, NULL, NULL);
}

/* Must this try wait? Says so, in the same words whoever is asked for. */
static bool must_wait(lth_request *r, const char *code,
                      void (*page)(lth_request *r, const char *vi, const char *en))
{
    char vi[200], en[200];
    lth_failures *failures = r->intake->failures;
    int64_t account_s = lth_failures_wait(failures, LTH_WHOM_ACCOUNT, code);
    int64_t address_s = lth_failures_wait(failures, LTH_WHOM_ADDRESS, r->group);
    int64_t wait_s = account_s > address_s ? account_s : address_s;
    unsigned minutes = (unsigned)(wait_s + 59) / 60;
    if (wait_s <= 0)
        return false;
    r->reply.status = MHD_HTTP_TOO_MANY_REQUESTS;
    r->reply.retry_s = (unsigned)wait_s;
    (void)lth_format(vi, sizeof vi, "Đã thử sai nhiều lần. Đợi %u phút rồi thử lại.", minutes);
    (void)lth_format(en, sizeof en, "Too many failures. Try again in %u minutes.", minutes);
    page(r, vi, en);
    return true;
}

/* Every try counts as failed until it has succeeded. */
static void count_try(lth_request *r, const char *code)
{
    lth_failures_add(r->intake->failures, LTH_WHOM_ACCOUNT, code);
    lth_failures_add(r->intake->failures, LTH_WHOM_ADDRESS, r->group);
}

static void enter(lth_request *r, const char *code, const lth_account *account)
{
    lth_session session = {.code = ""};
    lth_intake *self = r->intake;
    lth_failures_success(self->failures, LTH_WHOM_ACCOUNT, code);
    lth_failures_success(self->failures, LTH_WHOM_ADDRESS, r->group);
    (void)lth_format(session.code, sizeof session.code, "%s", code);
    (void)lth_format(session.generation, sizeof session.generation, "%s", account->generation);
    lth_session_end(self->sessions, r->cookie);
    lth_cookie_new(r); /* never the one from before the sign-in */
    lth_session_begin(self->sessions, r->cookie, &session);
    lth_log_event(&self->log, LTH_LEVEL_INFO, "signed_in", "org=%s", code);
    lth_redirect(r, "/");
}

static bool is_served(lth_request *r, const char *code,
                      void (*page)(lth_request *r, const char *vi, const char *en))
{
    if (lth_schools_find(r->intake->schools, code, &r->school))
        return true;
    r->reply.status = MHD_HTTP_SERVICE_UNAVAILABLE;
    if (lth_schools_none(r->intake->schools))
        page(r, "Hệ thống đang khởi động. Đợi một phút rồi thử lại.",
             "The system is starting. Try again in a minute.");
    else
        page(r, "Trường chưa được mở nộp tệp ở đây: hỏi Sở.",
             "Uploads are not open for this school here: ask the department.");
    return false;
}

void lth_do_sign_in(lth_request *r)
{
    char code[LTH_CODE_MAX + 1];
    lth_account account;
    bool named = lth_code_clean(code, field(r, "code"));
    if (!named)
        (void)lth_format(code, sizeof code, "?");
    if (must_wait(r, code, sign_in_page))
        return;
    count_try(r, code);
    if (lth_account_sign_in(&account, &r->intake->accounts, code, field(r, "pass")) && named) {
        if (is_served(r, code, sign_in_page))
            enter(r, code, &account);
        return;
    }
    r->reply.status = MHD_HTTP_FORBIDDEN;
    lth_log_event(&r->intake->log, LTH_LEVEL_INFO, "sign_in_failed", "%s", "");
    sign_in_page(r, "Mã trường hoặc mật khẩu không đúng.",
                 "The school code or the passphrase is wrong.");
}

/* What is wrong with a new passphrase; NULL: nothing. */
static const char *const *passphrase_fault(const lth_request *r, const char *code)
{
    static const char *const faults[][2] = {
        [LTH_PASSPHRASE_OK] = {NULL, NULL},
        [LTH_PASSPHRASE_SHORT] = {"Mật khẩu cần ít nhất 10 ký tự.",
                                  "The passphrase needs at least 10 characters."},
        [LTH_PASSPHRASE_LONG] = {"Mật khẩu quá dài hoặc có ký tự lạ.",
                                 "The passphrase is too long or has odd characters."},
        [LTH_PASSPHRASE_COMMON] =
            {"Mật khẩu này quá dễ đoán. Hãy dùng một câu ngắn của riêng mình.",
             "This passphrase is easily guessed. Use a short sentence."},
        [LTH_PASSPHRASE_CODE] = {"Mật khẩu không được là mã trường.",
                                 "The passphrase must not be the school code."},
    };
    static const char *const differ[] = {"Hai lần nhập mật khẩu không giống nhau.",
                                         "The two passphrases are not the same."};
    const char *pass = field(r, "pass");
    if (strcmp(pass, field(r, "again")) != 0)
        return differ;
    const char *const *fault = faults[lth_passphrase_judge(pass, code)];
    return fault[0] != NULL ? fault : NULL;
}

/* One that cannot be a code guesses nothing and is not counted. */
static bool is_mistyped(lth_request *r)
{
    char once[LTH_ONCE_SIZE];
    if (lth_once_clean(once, field(r, "once")) && lth_once_checked(once))
        return false;
    r->reply.status = MHD_HTTP_BAD_REQUEST;
    first_page(r, "Mã dùng một lần gõ chưa đúng: xem lại từng chữ, từng số.",
               "The one-time code is mistyped: look at every letter and digit.");
    return true;
}

void lth_do_first(lth_request *r)
{
    char code[LTH_CODE_MAX + 1];
    lth_account account;
    lth_diag diag = {0};
    if (!lth_code_clean(code, field(r, "code")))
        (void)lth_format(code, sizeof code, "?");
    const char *const *fault = passphrase_fault(r, code);
    if (fault != NULL) {
        r->reply.status = MHD_HTTP_BAD_REQUEST;
        first_page(r, fault[0], fault[1]);
        return;
    }
    if (must_wait(r, code, first_page))
        return;
    if (is_mistyped(r))
        return;
    count_try(r, code);
    lth_err err = lth_account_open(&account, &r->intake->accounts, code, field(r, "once"),
                                   field(r, "pass"), &diag);
    if (err == LTH_OK) {
        if (is_served(r, code, first_page))
            enter(r, code, &account);
        return;
    }
    if (err != LTH_E_REFUSED) {
        lth_log_text(&r->intake->log, LTH_LEVEL_ERROR, "account_failed", "reason", diag.text);
        lth_refuse(r, MHD_HTTP_INSUFFICIENT_STORAGE, "Máy chủ không ghi được. Thử lại sau.",
                   "The server cannot write. Try again later.");
        return;
    }
    r->reply.status = MHD_HTTP_FORBIDDEN;
    first_page(r, "Mã trường hoặc mã dùng một lần không đúng, hoặc mã đã dùng rồi.",
               "The school code or the one-time code is wrong, or the code was used.");
}

void lth_do_sign_out(lth_request *r)
{
    lth_session_end(r->intake->sessions, r->cookie);
    lth_cookie_new(r);
    lth_redirect(r, "/dang-nhap");
}

static void account_page(lth_request *r, lth_account_view *view)
{
    lth_account account;
    lth_frame_of frame;
    lth_page *page = &r->reply.page;
    if (lth_account_load(&account, &r->intake->accounts, r->school.code) != LTH_OK) {
        lth_redirect(r, "/dang-nhap");
        return;
    }
    view->account = &account;
    lth_frame_fill(r, &frame, T(page, "Tài khoản", "Account"));
    frame.path = "/tai-khoan";
    lth_page_account(page, &frame, view);
}

void lth_do_account(lth_request *r)
{
    const char *done = lth_query(r, "m");
    lth_account_view view = {.account = NULL};
    if (done != NULL && strcmp(done, "doi") == 0)
        view.good = T(&r->reply.page, "Đã đổi mật khẩu.", "The passphrase was changed.");
    if (done != NULL && strcmp(done, "thu") == 0)
        view.good = T(&r->reply.page, "Đã thu hồi chìa khoá.", "The token was revoked.");
    account_page(r, &view);
}

static void not_written(lth_request *r, const lth_diag *diag)
{
    lth_log_text(&r->intake->log, LTH_LEVEL_ERROR, "account_failed", "reason", diag->text);
    lth_refuse(r, MHD_HTTP_INSUFFICIENT_STORAGE, "Máy chủ không ghi được. Thử lại sau.",
               "The server cannot write. Try again later.");
}

void lth_do_token(lth_request *r)
{
    char token[LTH_KEY_TEXT] = "", name[LTH_NAME_MAX + 1];
    lth_diag diag = {0};
    lth_account_view view = {.account = NULL};
    bool named = lth_line_clean(name, LTH_NAME_MAX, field(r, "name"));
    lth_err err = named ? lth_token_make(token, &r->intake->accounts, r->school.code, name, &diag)
                        : LTH_E_USAGE;
    if (err != LTH_OK && err != LTH_E_LIMIT && err != LTH_E_USAGE) {
        not_written(r, &diag);
        return;
    }
    if (err == LTH_OK)
        view.token = token;
    else if (err == LTH_E_LIMIT)
        view.bad = T(&r->reply.page, "Đã có 8 chìa khoá: thu hồi bớt trước.",
                     "There are 8 tokens: revoke one first.");
    else
        view.bad = T(&r->reply.page, "Cần ghi máy nào sẽ dùng.", "Say which computer will use it.");
    r->reply.status = err == LTH_OK ? MHD_HTTP_OK : MHD_HTTP_BAD_REQUEST;
    account_page(r, &view);
    lth_crypto_cleanse(token, sizeof token);
}

void lth_do_revoke(lth_request *r)
{
    lth_diag diag = {0};
    lth_err err = lth_token_revoke(&r->intake->accounts, r->school.code, field(r, "id"), &diag);
    if (err == LTH_OK || err == LTH_E_NOT_FOUND)
        lth_redirect(r, "/tai-khoan?m=thu");
    else
        not_written(r, &diag);
}

static void account_says(lth_request *r, unsigned status, const char *const *text)
{
    lth_account_view view = {.bad = T(&r->reply.page, text[0], text[1])};
    r->reply.status = status;
    account_page(r, &view);
}

void lth_do_passphrase(lth_request *r)
{
    static const char *const wrong[] = {"Mật khẩu đang dùng không đúng.",
                                        "The present passphrase is wrong."};
    static const char *const locked[] = {"Đã thử sai nhiều lần. Đợi rồi thử lại.",
                                         "Too many failures. Wait, then try again."};
    lth_account account;
    lth_diag diag = {0};
    lth_intake *self = r->intake;
    const char *code = r->school.code;
    const char *const *fault = passphrase_fault(r, code);
    if (fault != NULL) {
        account_says(r, MHD_HTTP_BAD_REQUEST, fault);
        return;
    }
    if (lth_failures_wait(self->failures, LTH_WHOM_ACCOUNT, code) > 0) {
        account_says(r, MHD_HTTP_TOO_MANY_REQUESTS, locked);
        return;
    }
    count_try(r, code);
    if (!lth_account_sign_in(&account, &self->accounts, code, field(r, "old"))) {
        account_says(r, MHD_HTTP_FORBIDDEN, wrong);
        return;
    }
    if (lth_account_change(&account, &self->accounts, code, field(r, "pass"), &diag) != LTH_OK) {
        not_written(r, &diag);
        return;
    }
    enter(r, code, &account); /* every other session of the school is over */
    lth_redirect(r, "/tai-khoan?m=doi");
}
