/* The main page: a place for the file, and what became of the latest ones. */
#include "agents/intake/page.h"

static const struct {
    const char *state, *kind, *vi, *en;
    bool moving;
} STATES[] = {
    {"received", "warn", "Đã nhận, đang chờ đọc", "Received, waiting to be read", true},
    {"reading", "warn", "Đang đọc và kiểm tra", "Being read and checked", true},
    {"done", "good", "Đã kiểm tra xong", "Checked", false},
    {"refused", "bad", "Không dùng được tệp này", "This file cannot be used", false},
    {"waiting", "bad", "Chờ thầy cô xác nhận", "Waiting for your decision", false},
    {"withdrawn", "warn", "Đã dừng theo ý thầy cô", "Stopped at your word", false},
};
#define N_STATES (sizeof STATES / sizeof STATES[0])

static size_t state_of(const json_t *upload)
{
    const char *name = lth_text_at(upload, "state");
    for (size_t i = 0; i < N_STATES; i++)
        if (strcmp(STATES[i].state, name) == 0)
            return i;
    return 0;
}

static bool on_the_way(const json_t *upload)
{
    size_t i = 0;
    const json_t *tier = NULL;
    if (strcmp(lth_text_at(upload, "state"), "done") != 0)
        return STATES[state_of(upload)].moving;
    json_array_foreach(json_object_get(upload, "tiers"), i, tier)
    {
        if (lth_text_at(tier, "received")[0] == '\0')
            return true;
    }
    return false;
}

unsigned lth_upload_refresh(const json_t *upload, int64_t now_s)
{
    int64_t age_s = now_s - lth_iso_seconds(lth_text_at(upload, "received"));
    int64_t wait_s = age_s / 8;
    if (!on_the_way(upload))
        return 0;
    return wait_s < 5 ? 5 : wait_s > 120 ? 120 : (unsigned)wait_s;
}

static void table_line(lth_page *page, const json_t *table)
{
    static const struct {
        const char *key, *vi, *en;
        bool always;
    } parts[] = {
        {"fresh", "mới", "new", true},
        {"changed", "thay đổi", "changed", true},
        {"same", "không đổi", "unchanged", true},
        {"ended", "kết thúc", "ended", false},
        {"held", "sai, giữ lại", "wrong, held", false},
        {"asked", "cần thầy cô trả lời", "to be answered", false},
        {"waiting", "mới, chờ xác nhận", "new, waiting", false},
        {"warned", "cảnh báo", "warnings", false},
    };
    const char *title = lth_said(page, json_object_get(table, "title"));
    lth_plain(page, "%s: %u %s", title[0] != '\0' ? title : lth_text_at(table, "dataset"),
              lth_count_at(table, "rows"), T(page, "dòng", "rows"));
    const char *before = ": ";
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (parts[i].always || lth_count_at(table, parts[i].key) > 0) {
            lth_plain(page, "%s%u %s", before, lth_count_at(table, parts[i].key),
                      page->english ? parts[i].en : parts[i].vi);
            before = ", ";
        }
}

/* A part of the file that says nothing: not there, and nothing comes of it. */
static bool is_silent(const json_t *table)
{
    return lth_count_at(table, "rows") == 0 && lth_count_at(table, "ended") == 0 &&
           lth_count_at(table, "gone") == 0 && !json_is_object(json_object_get(table, "fault"));
}

/* The lines of tables were written as plain text: escape them when the page is HTML. */
static void tables_html(lth_page *page, const json_t *upload)
{
    size_t i = 0;
    const json_t *table = NULL;
    json_array_foreach(json_object_get(upload, "tables"), i, table)
    {
        lth_page line;
        if (is_silent(table))
            continue;
        lth_page_init(&line, page->english);
        table_line(&line, table);
        if (lth_buf_add(&line.out, "", 1) == LTH_OK)
            lth_html(page, "<p>%s</p>", (const char *)line.out.p);
        lth_page_fini(&line);
    }
}

static void step(lth_page *page, const char *what, const char *iso, const char *not_yet)
{
    char when[24];
    if (lth_vietnam_time(when, iso))
        lth_html(page, "<li class=\"yes\">%s: %s</li>", what, when);
    else
        lth_html(page, "<li>%s: %s</li>", what, not_yet);
}

bool lth_upload_sent(const json_t *upload)
{
    size_t i = 0;
    const json_t *table = NULL;
    const char *state = lth_text_at(upload, "state");
    if (strcmp(state, "done") == 0)
        return true;
    if (strcmp(state, "waiting") != 0 && strcmp(state, "withdrawn") != 0)
        return false;
    json_array_foreach(json_object_get(upload, "tables"), i, table)
    {
        if (lth_count_at(table, "fresh") + lth_count_at(table, "changed") > 0)
            return true;
    }
    return false;
}

void lth_upload_steps(lth_page *page, const json_t *upload)
{
    size_t i = 0;
    const json_t *tier = NULL, *tiers = json_object_get(upload, "tiers");
    lth_raw(page, "<ul class=\"steps\">");
    step(page, T(page, "Đã nhận tệp", "File received"), lth_text_at(upload, "received"),
         T(page, "chưa", "not yet"));
    step(page, T(page, "Đã kiểm tra", "Checked"), lth_text_at(upload, "done"),
         T(page, "chưa", "not yet"));
    if (!lth_upload_sent(upload))
        tiers = NULL;
    json_array_foreach(tiers, i, tier)
    {
        char what[300];
        const char *name = lth_text_at(tier, "name");
        (void)lth_format(what, sizeof what, "%s %s",
                         name[0] != '\0' ? name : lth_text_at(tier, "org"),
                         T(page, "đã nhận", "has received it"));
        step(page, what, lth_text_at(tier, "received"), T(page, "chưa", "not yet"));
    }
    lth_raw(page, "</ul>");
}

void lth_upload_state_html(lth_page *page, const json_t *upload)
{
    size_t s = state_of(upload);
    unsigned findings = lth_count_at(upload, "findings") + lth_count_at(upload, "held_above");
    bool done = strcmp(STATES[s].state, "done") == 0;
    lth_html(page, "<p><span class=\"state %s\">%s</span>",
             done && findings > 0 ? "warn" : STATES[s].kind,
             page->english ? STATES[s].en : STATES[s].vi);
    if (done && findings > 0)
        lth_html(page, "<span class=\"state warn\">%s %u %s</span>", T(page, ", còn", ","),
                 findings, T(page, "chỗ cần xem", "places to look at"));
    lth_raw(page, "</p>");
    const json_t *fault = json_object_get(upload, "fault");
    if (json_is_object(fault))
        lth_html(page, "<p class=\"said\">%s</p>", lth_said(page, fault));
    const char *detail = lth_said(page, json_object_get(upload, "detail"));
    if (detail[0] != '\0')
        lth_html(page, "<p class=\"said\">%s</p>", detail);
    tables_html(page, upload);
}

void lth_text_outcome(lth_page *page, const json_t *upload)
{
    size_t s = state_of(upload), i = 0;
    const json_t *row = NULL;
    lth_plain(page, "%s", page->english ? STATES[s].en : STATES[s].vi);
    const json_t *fault = json_object_get(upload, "fault");
    if (json_is_object(fault))
        lth_plain(page, ": %s", lth_said(page, fault));
    const char *detail = lth_said(page, json_object_get(upload, "detail"));
    if (detail[0] != '\0')
        lth_plain(page, "%s%s", json_is_object(fault) ? "; " : ": ", detail);
    lth_raw(page, "\n");
    json_array_foreach(json_object_get(upload, "tables"), i, row)
    {
        if (is_silent(row))
            continue;
        lth_raw(page, "- ");
        table_line(page, row);
        lth_raw(page, "\n");
    }
    json_array_foreach(lth_upload_sent(upload) ? json_object_get(upload, "tiers") : NULL, i, row)
    {
        char when[24];
        bool there = lth_vietnam_time(when, lth_text_at(row, "received"));
        lth_plain(page, "- %s %s %s\n", lth_text_at(row, "name"),
                  there ? T(page, "đã nhận lúc", "received it at")
                        : T(page, "chưa nhận", "has not received it yet"),
                  when);
    }
}

static void card(lth_page *page, const lth_frame_of *f, const lth_main_view *view,
                 const json_t *upload)
{
    char name[LTH_NAME_MAX + 1];
    const char *id = lth_text_at(upload, "id");
    if (!lth_upload_id_ok(id))
        return;
    lth_names_find(view->names, f->code, id, name);
    lth_html(page, "<article class=\"card\"><h3><a href=\"/tep/%s\">%s</a></h3>", id,
             name[0] != '\0' ? name : id);
    lth_upload_state_html(page, upload);
    lth_upload_steps(page, upload);
    bool ask = json_is_true(json_object_get(upload, "waiting")) ||
               lth_count_at(upload, "findings") > 0 || lth_count_at(upload, "held_above") > 0;
    lth_html(page, "<p><a class=\"button%s\" href=\"/tep/%s\">%s</a></p></article>",
             ask ? "" : " second", id,
             ask ? T(page, "Xem và sửa", "Look and correct") : T(page, "Xem chi tiết", "Details"));
}

static void fresh_card(lth_page *page, const lth_frame_of *f, const lth_main_view *view,
                       const char *id)
{
    char name[LTH_NAME_MAX + 1];
    lth_names_find(view->names, f->code, id, name);
    lth_html(page, "<article class=\"card\"><h3>%s</h3><p class=\"state warn\">%s</p></article>",
             name[0] != '\0' ? name : id,
             T(page, "Đã nhận trọn vẹn, đang chờ đọc", "Received whole, waiting to be read"));
}

static void upload_form(lth_page *page, const lth_frame_of *f)
{
    lth_raw(page, "<form class=\"card\" method=\"post\" action=\"/nop\" "
                  "enctype=\"multipart/form-data\">");
    lth_page_csrf(page, f->csrf);
    lth_html(page,
             "<label class=\"drop\" for=\"tep\">%s<input type=\"file\" id=\"tep\" name=\"tep\" "
             "required accept=\".xlsx,.xls,.csv,.xlsm\"></label><p><small>%s %u MB.</small></p>"
             "<button>%s</button></form>",
             T(page, "Chọn tệp Excel, hoặc kéo tệp thả vào đây",
               "Choose the Excel file, or drop it here"),
             T(page, "Tệp xuất từ phần mềm của trường (.xlsx, .xls, .csv), nhiều nhất",
               "The export of the school's program (.xlsx, .xls, .csv), at most"),
             f->conf->upload_mib, T(page, "Nộp tệp", "Upload"));
}

void lth_page_main(lth_page *page, const lth_frame_of *f, const lth_main_view *view)
{
    size_t i = 0;
    const json_t *upload = NULL;
    lth_page_begin(page, f);
    lth_page_box(page, "good", view->good);
    lth_page_box(page, "bad", view->bad);
    upload_form(page, f);
    lth_html(page, "<h2>%s</h2>", T(page, "Các tệp đã nộp", "Uploaded files"));
    if (view->uploads == NULL)
        lth_page_box(page, "warn",
                     T(page,
                       "Hệ thống kiểm tra đang tạm nghỉ. Vẫn nộp được tệp: tệp được giữ an toàn và "
                       "sẽ được đọc sau.",
                       "Checking is paused. You can still upload: files are kept safe and read "
                       "later."));
    for (i = 0; i < view->n_fresh; i++)
        fresh_card(page, f, view, view->fresh[i]);
    json_array_foreach(view->uploads, i, upload)
    {
        card(page, f, view, upload);
    }
    if (view->uploads != NULL && json_array_size(view->uploads) == 0 && view->n_fresh == 0)
        lth_html(page, "<p>%s</p>", T(page, "Chưa có tệp nào.", "None yet."));
    if (!view->all && json_array_size(view->uploads) >= 5)
        lth_html(page, "<p><a class=\"button second\" href=\"/?tat-ca=1\">%s</a></p>",
                 T(page, "Xem các tệp cũ hơn", "Older files"));
    lth_page_end(page, f);
}
