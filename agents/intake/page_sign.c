/* Signing in, the first time, the account. */
#include "agents/intake/page.h"

void lth_page_sign_in(lth_page *page, const lth_frame_of *f, const char *code, const char *message)
{
    lth_page_begin(page, f);
    lth_page_box(page, "bad", message);
    lth_raw(page, "<form class=\"card\" method=\"post\" action=\"/dang-nhap\">");
    lth_page_csrf(page, f->csrf);
    lth_html(page,
             "<label for=\"code\">%s</label><input type=\"text\" id=\"code\" name=\"code\" "
             "value=\"%s\" autocomplete=\"username\" autocapitalize=\"none\" required "
             "maxlength=\"35\"><label for=\"pass\">%s</label><input type=\"password\" id=\"pass\" "
             "name=\"pass\" autocomplete=\"current-password\" required maxlength=\"200\">"
             "<button>%s</button></form>",
             T(page, "Mã trường", "School code"), code, T(page, "Mật khẩu", "Passphrase"),
             T(page, "Đăng nhập", "Sign in"));
    lth_html(page, "<p>%s <a href=\"/lan-dau\">%s</a></p>",
             T(page, "Lần đầu dùng, hoặc quên mật khẩu?", "First time, or passphrase forgotten?"),
             T(page, "Đặt mật khẩu bằng mã dùng một lần", "Set one with your one-time code"));
    lth_page_end(page, f);
}

static void passphrase_fields(lth_page *page)
{
    lth_html(page,
             "<label for=\"pass\">%s</label><input type=\"password\" id=\"pass\" name=\"pass\" "
             "autocomplete=\"new-password\" required minlength=\"10\" maxlength=\"200\">"
             "<p><small>%s</small></p><label for=\"again\">%s</label><input type=\"password\" "
             "id=\"again\" name=\"again\" autocomplete=\"new-password\" required "
             "minlength=\"10\" maxlength=\"200\">",
             T(page, "Mật khẩu mới", "New passphrase"),
             T(page,
               "Ít nhất 10 ký tự, có thể có dấu cách và dấu tiếng Việt. Một câu ngắn dễ nhớ là "
               "tốt nhất. Đừng dùng mã trường, dãy số hay \"matkhau\".",
               "At least 10 characters, blanks allowed. A short sentence is best. Not the school "
               "code, a run of digits or \"password\"."),
             T(page, "Nhập lại mật khẩu mới", "New passphrase again"));
}

void lth_page_first(lth_page *page, const lth_frame_of *f, const char *code, const char *once,
                    const char *message)
{
    lth_page_begin(page, f);
    lth_page_box(page, "bad", message);
    lth_raw(page, "<form class=\"card\" method=\"post\" action=\"/lan-dau\">");
    lth_page_csrf(page, f->csrf);
    lth_html(page,
             "<label for=\"code\">%s</label><input type=\"text\" id=\"code\" name=\"code\" "
             "value=\"%s\" autocomplete=\"username\" autocapitalize=\"none\" required "
             "maxlength=\"35\"><label for=\"once\">%s</label><input type=\"text\" id=\"once\" "
             "name=\"once\" value=\"%s\" autocomplete=\"one-time-code\" "
             "autocapitalize=\"characters\" required "
             "maxlength=\"80\"><p><small>%s</small></p>",
             T(page, "Mã trường", "School code"), code, T(page, "Mã dùng một lần", "One-time code"),
             once,
             T(page, "Sở đã gửi cho trường: 8 nhóm, mỗi nhóm 4 chữ và số. Hoa hay thường đều được.",
               "Sent to the school: 8 groups of 4 letters and digits, in either case."));
    passphrase_fields(page);
    lth_html(page, "<button>%s</button></form><p><a href=\"/dang-nhap\">%s</a></p>",
             T(page, "Đặt mật khẩu và vào", "Set it and go in"),
             T(page, "Đã có mật khẩu: đăng nhập", "I have one: sign in"));
    lth_page_end(page, f);
}

static void token_rows(lth_page *page, const lth_frame_of *f, const lth_account *account)
{
    char when[24];
    for (uint32_t i = 0; i < account->n_tokens; i++) {
        const lth_token *t = &account->tokens[i];
        (void)lth_vietnam_time(when, t->made);
        lth_raw(page, "<form class=\"choice\" method=\"post\" action=\"/tai-khoan/thu-hoi\">");
        lth_page_csrf(page, f->csrf);
        lth_html(page,
                 "<input type=\"hidden\" name=\"id\" value=\"%s\"><span>%s<br><small>%s %s · %s"
                 "</small><br><button class=\"quiet\">%s</button></span></form>",
                 t->id, t->name, T(page, "tạo lúc", "made at"), when, t->id,
                 T(page, "Thu hồi", "Revoke"));
    }
}

static void tokens(lth_page *page, const lth_frame_of *f, const lth_account_view *view)
{
    const char *url = f->conf->url != NULL ? f->conf->url : "https://...";
    lth_html(page, "<section class=\"card\"><h2>%s</h2><p>%s</p>",
             T(page, "Nộp tự động bằng máy", "Upload by a program"),
             T(page,
               "Tạo một chìa khoá (token) để máy tính của trường tự nộp tệp mỗi ngày bằng "
               "nop-du-lieu.cmd hoặc curl. Ai có chìa khoá này nộp được tệp thay trường: giữ như "
               "mật khẩu.",
               "Make a token so that the school's computer uploads by itself every day with "
               "nop-du-lieu.cmd or curl. Whoever has it can upload for the school: keep it like "
               "the passphrase."));
    if (view->token != NULL)
        lth_html(page,
                 "<p class=\"box good\">%s</p><pre id=\"token\">%s</pre><pre>curl -T tep.xlsx -H "
                 "\"Authorization: Bearer %s\" %s/nop/%s/</pre>",
                 T(page, "Chép ngay: chìa khoá chỉ hiện một lần này.",
                   "Copy it now: it is shown this once."),
                 view->token, view->token, url, f->code);
    token_rows(page, f, view->account);
    lth_raw(page, "<form method=\"post\" action=\"/tai-khoan/token\">");
    lth_page_csrf(page, f->csrf);
    lth_html(page,
             "<label for=\"name\">%s</label><input type=\"text\" id=\"name\" name=\"name\" "
             "required maxlength=\"60\"><button>%s</button></form></section>",
             T(page, "Máy nào sẽ dùng", "Which computer will use it"),
             T(page, "Tạo chìa khoá", "Make a token"));
}

void lth_page_account(lth_page *page, const lth_frame_of *f, const lth_account_view *view)
{
    lth_page_begin(page, f);
    lth_page_box(page, "good", view->good);
    lth_page_box(page, "bad", view->bad);
    tokens(page, f, view);
    lth_html(page, "<section class=\"card\"><h2>%s</h2>",
             T(page, "Đổi mật khẩu", "Change the passphrase"));
    lth_raw(page, "<form method=\"post\" action=\"/tai-khoan/mat-khau\">");
    lth_page_csrf(page, f->csrf);
    lth_html(page,
             "<label for=\"old\">%s</label><input type=\"password\" id=\"old\" name=\"old\" "
             "autocomplete=\"current-password\" required maxlength=\"200\">",
             T(page, "Mật khẩu đang dùng", "Present passphrase"));
    passphrase_fields(page);
    lth_html(page, "<button>%s</button></form></section>", T(page, "Đổi mật khẩu", "Change it"));
    lth_page_end(page, f);
}
