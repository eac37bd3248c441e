/* Escaping, and what stands around every page. */
#include "agents/intake/page.h"

#include <stdarg.h>

void lth_page_init(lth_page *page, bool english)
{
    *page = (lth_page){.english = english};
    lth_buf_init(&page->out, LTH_PAGE_MAX);
}

void lth_page_fini(lth_page *page)
{
    lth_buf_fini(&page->out);
}

static void put(lth_page *page, const char *p, size_t n)
{
    if (lth_buf_add(&page->out, p, n) != LTH_OK)
        page->bad = true;
}

void lth_raw(lth_page *page, const char *text)
{
    put(page, text, strlen(text));
}

static void put_escaped(lth_page *page, const char *text)
{
    static const struct {
        char c;
        const char *as;
    } marks[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&#39;"}};
    while (*text != '\0') {
        size_t n = strcspn(text, "&<>\"'");
        put(page, text, n);
        text += n;
        for (size_t i = 0; *text != '\0' && i < sizeof marks / sizeof marks[0]; i++)
            if (marks[i].c == *text) {
                lth_raw(page, marks[i].as);
                text++;
                break;
            }
    }
}

/* One conversion at @p fmt (behind the percent sign); what is behind it. */
static const char *convert(lth_page *page, const char *fmt, va_list *args, bool escaped)
{
    char number[24];
    switch (*fmt) {
    case 's': {
        const char *text = va_arg(*args, const char *);
        if (escaped)
            put_escaped(page, text);
        else
            lth_raw(page, text);
        return fmt + 1;
    }
    case 'd':
        put(page, number, lth_format(number, sizeof number, "%d", va_arg(*args, int)));
        return fmt + 1;
    case 'u':
        put(page, number, lth_format(number, sizeof number, "%u", va_arg(*args, unsigned)));
        return fmt + 1;
    case 'z':
        put(page, number, lth_format(number, sizeof number, "%zu", va_arg(*args, size_t)));
        return fmt + 2;
    default:
        LTH_ASSERT(*fmt == '%');
        put(page, "%", 1);
        return fmt + 1;
    }
}

static void format(lth_page *page, const char *fmt, va_list *args, bool escaped)
{
    while (*fmt != '\0') {
        size_t n = strcspn(fmt, "%");
        put(page, fmt, n);
        fmt += n;
        if (*fmt == '%')
            fmt = convert(page, fmt + 1, args, escaped);
    }
}

void lth_html(lth_page *page, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    format(page, fmt, &args, true);
    va_end(args);
}

void lth_plain(lth_page *page, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    format(page, fmt, &args, false);
    va_end(args);
}

const char *lth_said(const lth_page *page, const json_t *text)
{
    const char *own = json_string_value(json_object_get(text, page->english ? "en" : "vi"));
    if (own == NULL)
        own = json_string_value(json_object_get(text, "vi"));
    if (own == NULL)
        own = json_string_value(text);
    return own != NULL ? own : "";
}

const char *lth_text_at(const json_t *from, const char *key)
{
    const char *text = json_string_value(json_object_get(from, key));
    return text != NULL ? text : "";
}

unsigned lth_count_at(const json_t *from, const char *key)
{
    json_int_t n = json_integer_value(json_object_get(from, key));
    return n < 0 ? 0 : n > 4000000000 ? 4000000000u : (unsigned)n;
}

void lth_page_begin(lth_page *page, const lth_frame_of *f)
{
    lth_html(page,
             "<!doctype html>\n<html lang=\"%s\"><head><meta charset=\"utf-8\">"
             "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">",
             T(page, "vi", "en"));
    if (f->refresh_s > 0)
        lth_html(page, "<meta http-equiv=\"refresh\" content=\"%u\">", f->refresh_s);
    lth_html(page,
             "<title>%s</title><link rel=\"stylesheet\" href=\"/style.css\">"
             "</head><body><header><div>"
             "<strong>%s</strong><span>%s</span></div><nav>",
             f->title, f->conf->name, T(page, "Nộp dữ liệu", "Data upload"));
    if (f->code != NULL)
        lth_html(page, "<a href=\"/\">%s</a><a href=\"/tai-khoan\">%s</a>",
                 T(page, "Nộp tệp", "Upload"), T(page, "Tài khoản", "Account"));
    lth_html(page, "<a href=\"%s?lang=%s\" lang=\"%s\">%s</a></nav></header><main>", f->path,
             T(page, "en", "vi"), T(page, "en", "vi"), T(page, "English", "Tiếng Việt"));
    if (f->code != NULL)
        lth_html(page, "<p class=\"who\">%s <small>%s</small></p>",
                 f->school[0] != '\0' ? f->school : T(page, "Trường", "School"), f->code);
    lth_html(page, "<h1>%s</h1>", f->title);
}

void lth_page_end(lth_page *page, const lth_frame_of *f)
{
    lth_raw(page, "</main><footer>");
    if (f->code != NULL) {
        lth_raw(page, "<form method=\"post\" action=\"/dang-xuat\">");
        lth_page_csrf(page, f->csrf);
        lth_html(page, "<button class=\"quiet\">%s</button></form>",
                 T(page, "Đăng xuất", "Sign out"));
    }
    if (f->conf->help != NULL)
        lth_html(page, "<p>%s: %s</p>", T(page, "Cần giúp, liên hệ", "Need help? Ask"),
                 f->conf->help);
    lth_raw(page, "</footer></body></html>\n");
}

void lth_page_box(lth_page *page, const char *kind, const char *text)
{
    if (text != NULL)
        lth_html(page, "<p class=\"box %s\" role=\"status\">%s</p>", kind, text);
}

void lth_page_csrf(lth_page *page, const char *csrf)
{
    lth_html(page, "<input type=\"hidden\" name=\"csrf\" value=\"%s\">", csrf);
}

void lth_page_say(lth_page *page, const lth_frame_of *f, const char *kind, const char *text)
{
    lth_page_begin(page, f);
    lth_page_box(page, kind, text);
    lth_html(page, "<p><a class=\"button\" href=\"/\">%s</a></p>",
             T(page, "Về trang nộp tệp", "To the upload page"));
    lth_page_end(page, f);
}

const char lth_style[] =
    ":root{--ink:#1b2530;--dim:#5a6672;--line:#d5dbe1;--main:#0b5fa5;--good:#1e7a3c;--bad:#b3261e;"
    "--warn:#8a5a00}"
    "*{box-sizing:border-box}body{margin:0;font:17px/1.5 system-ui,'Segoe UI',Roboto,'Noto Sans',"
    "sans-serif;color:var(--ink);background:#f4f6f8}"
    "header{background:var(--main);color:#fff;padding:.6rem 1rem;display:flex;flex-wrap:wrap;"
    "gap:.5rem 1.5rem;justify-content:space-between;align-items:center}"
    "header strong,header span{display:block}header span{font-size:.85rem;opacity:.9}"
    "nav{display:flex;flex-wrap:wrap;gap:.25rem}"
    "nav a{color:#fff;padding:.6rem .7rem;border-radius:6px;text-decoration:none}"
    "nav a:hover,nav a:focus{background:#ffffff33}"
    "main,footer{max-width:52rem;margin:0 auto;padding:1rem}"
    "footer{color:var(--dim);font-size:.9rem}.who{margin:0;font-weight:600}small{color:var(--dim);"
    "font-weight:400}h1{font-size:1.45rem;line-height:1.25;margin:.3rem 0 1rem}"
    "h2{font-size:1.15rem;margin:1.6rem 0 .6rem}"
    ".card{background:#fff;border:1px solid var(--line);border-radius:10px;padding:1rem;"
    "margin:0 0 1rem}"
    ".card h2,.card h3{margin:0 0 .4rem}h3{font-size:1.05rem;overflow-wrap:anywhere}"
    "label{display:block;font-weight:600;margin:.8rem 0 .25rem}"
    "input[type=text],input[type=password],textarea{width:100%;font:inherit;padding:.7rem;"
    "border:1px solid #8a97a3;border-radius:8px;background:#fff}"
    "input[type=radio],input[type=checkbox]{width:1.4rem;height:1.4rem;margin:0 .6rem 0 0;"
    "flex:none}"
    ".drop{border:2px dashed var(--main);border-radius:10px;background:#eef5fb;text-align:center;"
    "padding:1rem;margin:0}"
    ".drop input{display:block;width:100%;padding:2.2rem .5rem 1rem;font:inherit;cursor:pointer}"
    "input::file-selector-button{font:inherit;padding:.6rem 1rem;margin-right:.7rem;cursor:pointer}"
    ".choice{display:flex;align-items:center;padding:.6rem;margin:.3rem 0;border:1px solid "
    "var(--line);border-radius:8px;font-weight:400;background:#fff}"
    "button,.button{display:inline-block;font:inherit;font-weight:600;color:#fff;"
    "background:var(--main);border:0;border-radius:8px;padding:.75rem 1.3rem;margin:.8rem .5rem 0 "
    "0;"
    "min-height:48px;cursor:pointer;text-decoration:none}"
    ".second{background:#fff;color:var(--main);box-shadow:inset 0 0 0 2px var(--main)}"
    ".danger{background:var(--bad)}.quiet{background:none;color:var(--dim);padding:.5rem 0;"
    "text-decoration:underline;margin:0}"
    ".box{border-left:5px solid;padding:.7rem 1rem;background:#fff;border-radius:6px}"
    ".good{border-color:var(--good)}.bad{border-color:var(--bad)}.warn{border-color:var(--warn)}"
    ".said::first-letter,.box::first-letter{text-transform:uppercase}"
    ".state{font-weight:700}.state.good{color:var(--good)}.state.bad{color:var(--bad)}"
    ".state.warn{color:var(--warn)}"
    "ul.steps{list-style:none;padding:0;margin:.5rem 0 0}ul.steps li{padding:.15rem 0 .15rem "
    "1.7rem;position:relative}ul.steps li:before{content:'\\25CB';position:absolute;left:.2rem;"
    "color:var(--dim)}ul.steps li.yes:before{content:'\\2713';color:var(--good);font-weight:700}"
    "table{border-collapse:collapse;width:100%;font-size:.95rem}th,td{text-align:left;"
    "padding:.45rem .5rem;border-bottom:1px solid var(--line);vertical-align:top}"
    "td.n,th.n{text-align:right;white-space:nowrap}.wide{overflow-x:auto}"
    "code,pre{font:.85rem/1.45 ui-monospace,Consolas,monospace;overflow-wrap:anywhere;"
    "white-space:pre-wrap}pre{background:#eef1f4;padding:.7rem;border-radius:8px;margin:.4rem 0}"
    "@media(max-width:36rem){button,.button{width:100%;text-align:center}"
    "table.rows thead{display:none}table.rows tr{display:block;border-bottom:2px solid "
    "var(--line);padding:.4rem 0}table.rows td{display:block;border:0;padding:.1rem 0}}"
    "@media print{header,footer,.button{display:none}body{background:#fff}"
    ".card{border:0;padding:0}}";
