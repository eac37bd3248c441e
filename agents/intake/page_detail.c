/* One upload: what is wrong and what to do, questions, warnings, what a guard holds, receipt. */
#include "agents/intake/page.h"

#define FINDINGS_TEXT   40u
#define BATCHES_SHOWN   12u
#define COLUMN_TEXT     600u
#define QUESTIONS_SHOWN (LTH_FINDINGS_SHOWN / 2)

static bool is(const json_t *finding, const char *severity)
{
    return strcmp(lth_text_at(finding, "severity"), severity) == 0;
}

static const char *severity_text(const lth_page *page, const json_t *finding)
{
    if (strcmp(lth_text_at(finding, "code"), "missing_reference") == 0)
        return T(page, "Đang chờ", "Waits"); /* nobody need do anything to this row */
    if (json_is_object(json_object_get(finding, "rejected")))
        return T(page, "Cấp trên", "From above"); /* and then in that person's words */
    static const struct {
        const char *name, *vi, *en;
    } names[] = {{"error", "Sai", "Wrong"},
                 {"warning", "Cảnh báo", "Warning"},
                 {"blocks", "Chặn kỳ báo cáo", "Blocks the period"},
                 {"question", "Cần trả lời", "Question"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (is(finding, names[i].name))
            return page->english ? names[i].en : names[i].vi;
    return "";
}

/* "Ngày sinh (cột F)": as the file itself has it. */
static const char *column_text(const lth_page *page, const json_t *finding, char out[COLUMN_TEXT])
{
    const char *name = lth_text_at(finding, "column"), *letter = lth_text_at(finding, "letter");
    size_t n = lth_format(out, COLUMN_TEXT, "%s", name);
    if (letter[0] != '\0')
        (void)lth_format(out + n, COLUMN_TEXT - n, " (%s %s)", T(page, "cột", "column"), letter);
    return out;
}

static void person_fields(lth_page *page, bool reason)
{
    lth_html(page,
             "<label>%s<input type=\"text\" name=\"by\" required maxlength=\"60\" "
             "autocomplete=\"name\"></label>",
             T(page, "Họ tên thầy cô quyết định", "Name of who decides"));
    if (reason)
        lth_html(page,
                 "<label>%s<input type=\"text\" name=\"reason\" required maxlength=\"200\">"
                 "</label>",
                 T(page, "Lý do", "Reason"));
}

static void form_begin(lth_page *page, const lth_frame_of *f, const json_t *upload,
                       const char *title)
{
    lth_html(page, "<form class=\"card\" method=\"post\" action=\"/tep/%s\"><h2>%s</h2>",
             lth_text_at(upload, "id"), title);
    lth_page_csrf(page, f->csrf);
}

static unsigned waiting_rows(const json_t *tables)
{
    size_t i = 0;
    unsigned rows = 0;
    const json_t *table = NULL;
    json_array_foreach(tables, i, table)
    {
        rows += lth_count_at(table, "waiting");
    }
    return rows;
}

/* What a confirmation does: removes, takes old rows, or only says that nothing came. */
static const char *confirm_text(const lth_page *page, const json_t *tables)
{
    size_t i = 0;
    const json_t *table = NULL;
    const char *text = T(page, "Đúng, tệp không có dòng nào", "Yes, there are no rows");
    json_array_foreach(tables, i, table)
    {
        if (!json_is_object(json_object_get(table, "fault")))
            continue;
        if (lth_count_at(table, "gone") > 0)
            return waiting_rows(tables) > 0
                       ? T(page, "Đúng, xoá và nhận dòng mới", "Yes, remove and take the new rows")
                       : T(page, "Đúng, xoá", "Yes, remove them");
        if (lth_count_at(table, "old") > 0 || lth_count_at(table, "rows") > 0)
            text = T(page, "Đúng, dùng tệp này", "Yes, take this file");
    }
    return text;
}

static void guard_table(lth_page *page, const json_t *table)
{
    unsigned known = lth_count_at(table, "known"), old = lth_count_at(table, "old");
    lth_html(page, "<p class=\"box bad\"><strong>%s</strong>: %s. ",
             lth_said(page, json_object_get(table, "title")),
             lth_said(page, json_object_get(table, "fault")));
    if (old > 0)
        lth_html(page,
                 T(page, "%u dòng trở về như cũ, trong %u bản ghi đã có.",
                   "%u rows went back to an old state, of %u known records."),
                 old, known);
    else if (lth_count_at(table, "rows") == 0)
        lth_html(page,
                 T(page, "Tệp không có dòng nào, mà đã có %u bản ghi.",
                   "The file has no rows, and %u records are known."),
                 known);
    else if (lth_count_at(table, "gone") > 0)
        lth_html(page,
                 T(page, "%u bản ghi không còn trong tệp, trong %u bản ghi đã có.",
                   "%u records are no longer in the file, of %u known."),
                 lth_count_at(table, "gone"), known);
    else
        lth_html(page,
                 T(page, "Trường đang có %u bản ghi; các dòng mới của tệp chưa có ở trường.",
                   "The school has %u records; the new rows of the file are none of them."),
                 known);
    lth_raw(page, "</p>");
}

/* What the guard holds: numbers, and two buttons that say what they do. */
static void guard(lth_page *page, const lth_frame_of *f, const json_t *upload)
{
    size_t i = 0;
    const json_t *table = NULL, *tables = json_object_get(upload, "tables");
    if (!json_is_true(json_object_get(upload, "waiting")))
        return;
    form_begin(page, f, upload, T(page, "Cần thầy cô xác nhận", "Your decision is needed"));
    json_array_foreach(tables, i, table)
    {
        if (json_is_object(json_object_get(table, "fault")))
            guard_table(page, table);
    }
    lth_html(page, "<p>%s</p>",
             T(page,
               "Chưa có gì bị xoá. Nếu tệp thiếu lớp, là bản cũ hay của trường khác, chọn "
               "\"Không\" rồi nộp tệp đúng.",
               "Nothing has been removed yet. If the file lacks classes, is an old one or another "
               "school's, choose \"No\" and upload the right one."));
    if (waiting_rows(tables) > 0)
        lth_html(page,
                 T(page, "<p>%u dòng mới của tệp cũng đang chờ, chưa gửi đi.</p>",
                   "<p>%u new rows of the file wait, too, and were not sent.</p>"),
                 waiting_rows(tables));
    if (lth_upload_sent(upload))
        lth_html(page, "<p>%s</p>",
                 T(page, "Các thay đổi khác trong tệp đã được ghi nhận; nộp tệp đúng sẽ sửa lại.",
                   "Other changes of the file were taken; the right file corrects them."));
    person_fields(page, true);
    lth_html(page,
             "<button class=\"danger\" name=\"act\" value=\"confirm\">%s</button>"
             "<button class=\"second\" name=\"act\" value=\"withdraw\">%s</button></form>",
             confirm_text(page, tables), T(page, "Không, giữ nguyên", "No, keep"));
}

/* What the agent calls a record, with a file under the name that its owner gave it. */
static void candidate_html(lth_page *page, const lth_frame_of *f, const lth_detail_view *view,
                           const json_t *candidate)
{
    char name[LTH_NAME_MAX + 1] = "";
    const char *text = lth_said(page, json_object_get(candidate, "text"));
    const char *last = strrchr(text, ' ');
    size_t n = last != NULL ? strcspn(last + 1, ")") : 0;
    char id[LTH_NAME_MAX + 1], before[400];
    (void)lth_format(id, sizeof id, "%.*s", (int)n, n > 0 ? last + 1 : "");
    if (lth_upload_id_ok(id))
        lth_names_find(view->names, f->code, id, name);
    if (name[0] == '\0') {
        lth_html(page, "%s", text);
        return;
    }
    (void)lth_format(before, sizeof before, "%.*s", (int)(last - text), text);
    lth_html(page, "%s %s%s", before, name, last + 1 + n);
}

/* Its dataset as the tables of the upload call it. */
static const char *title_of(const lth_page *page, const json_t *upload, const char *dataset)
{
    size_t i = 0;
    const json_t *table = NULL;
    json_array_foreach(json_object_get(upload, "tables"), i, table)
    {
        if (strcmp(lth_text_at(table, "dataset"), dataset) == 0)
            return lth_said(page, json_object_get(table, "title"));
    }
    return dataset;
}

static void more_of(lth_page *page, size_t all, size_t shown)
{
    if (all > shown)
        lth_html(page, "<p>%s %zu %s</p>", T(page, "Còn", "Another"), all - shown,
                 T(page, "mục nữa, hiện ra sau khi gửi.", "will be shown after these are sent."));
}

/* Questions and warnings carry what the agent needs in the names and values of their fields. */
static void question(lth_page *page, const lth_frame_of *f, const lth_detail_view *view,
                     const json_t *finding)
{
    size_t i = 0;
    const json_t *candidate = NULL;
    const char *dataset = lth_text_at(finding, "dataset"), *hash = lth_text_at(finding, "hash");
    lth_html(page, "<fieldset><legend>%s, %s %u: %s</legend>",
             title_of(page, view->upload, dataset), T(page, "hàng", "row"),
             lth_count_at(finding, "row"), lth_said(page, json_object_get(finding, "text")));
    json_array_foreach(json_object_get(finding, "candidates"), i, candidate)
    {
        lth_html(page,
                 "<label class=\"choice\"><input type=\"radio\" name=\"q.%s.%s\" value=\"%s\">"
                 "<span>%s ",
                 dataset, hash, lth_text_at(candidate, "record"),
                 T(page, "Chính là:", "The same as:"));
        candidate_html(page, f, view, candidate);
        lth_raw(page, "</span></label>");
    }
    lth_html(page,
             "<label class=\"choice\"><input type=\"radio\" name=\"q.%s.%s\" value=\"new\">"
             "<span>%s</span></label></fieldset>",
             dataset, hash, T(page, "Không phải: là người (bản ghi) mới", "Neither: a new one"));
}

static bool is_open_question(const json_t *finding)
{
    return is(finding, "question") && lth_text_at(finding, "hash")[0] != '\0';
}

static bool is_open_warning(const json_t *finding)
{
    return is(finding, "warning") && !json_is_true(json_object_get(finding, "accepted")) &&
           lth_text_at(finding, "record")[0] != '\0';
}

static bool any(const lth_detail_view *view, bool (*wanted)(const json_t *))
{
    size_t i = 0;
    const json_t *finding = NULL;
    json_array_foreach(view->findings, i, finding)
    {
        if (wanted(finding))
            return true;
    }
    return false;
}

bool lth_detail_asks(const lth_detail_view *view)
{
    return json_is_true(json_object_get(view->upload, "waiting")) || any(view, is_open_question) ||
           any(view, is_open_warning);
}

static void questions(lth_page *page, const lth_frame_of *f, const lth_detail_view *view)
{
    size_t i = 0, shown = 0;
    const json_t *finding = NULL;
    if (!any(view, is_open_question))
        return;
    form_begin(page, f, view->upload, T(page, "Câu hỏi", "Questions"));
    lth_html(page, "<p>%s</p>",
             T(page, "Những dòng này có thể là của ai? Chọn rồi bấm Gửi trả lời.",
               "Whose rows may these be? Choose, then send."));
    json_array_foreach(view->findings, i, finding)
    {
        if (is_open_question(finding) && shown++ < QUESTIONS_SHOWN)
            question(page, f, view, finding);
    }
    more_of(page, shown, QUESTIONS_SHOWN);
    person_fields(page, false);
    lth_html(page, "<button name=\"act\" value=\"answer\">%s</button></form>",
             T(page, "Gửi trả lời", "Send the answers"));
}

static void warnings(lth_page *page, const lth_frame_of *f, const lth_detail_view *view)
{
    char column[COLUMN_TEXT];
    size_t i = 0, shown = 0;
    const json_t *finding = NULL;
    if (!any(view, is_open_warning))
        return;
    form_begin(page, f, view->upload, T(page, "Cảnh báo", "Warnings"));
    lth_html(
        page, "<p>%s</p>",
        T(page,
          "Nếu đúng là như vậy, đánh dấu và ghi lý do. Nếu sai, sửa trong phần mềm rồi nộp lại.",
          "If it is really so, tick it and give the reason. If not, correct it and upload "
          "again."));
    json_array_foreach(view->findings, i, finding)
    {
        if (!is_open_warning(finding) || shown++ >= LTH_FINDINGS_SHOWN)
            continue;
        lth_html(page,
                 "<label class=\"choice\"><input type=\"checkbox\" name=\"w\" "
                 "value=\"%s.%s.%s\"><span>%s %u, %s: %s</span></label>",
                 lth_text_at(finding, "dataset"), lth_text_at(finding, "record"),
                 lth_text_at(finding, "rule"), T(page, "Hàng", "Row"), lth_count_at(finding, "row"),
                 column_text(page, finding, column),
                 lth_said(page, json_object_get(finding, "text")));
    }
    more_of(page, shown, LTH_FINDINGS_SHOWN);
    person_fields(page, true);
    lth_html(page, "<button name=\"act\" value=\"accept\">%s</button></form>",
             T(page, "Chấp nhận các mục đã đánh dấu", "Accept what is ticked"));
}

static const char *tier_name(const json_t *upload, const char *org)
{
    size_t i = 0;
    const json_t *tier = NULL;
    json_array_foreach(json_object_get(upload, "tiers"), i, tier)
    {
        const char *name = lth_text_at(tier, "name");
        if (strcmp(lth_text_at(tier, "org"), org) == 0 && name[0] != '\0')
            return name;
    }
    return org;
}

static void finding_rows(lth_page *page, const lth_detail_view *view)
{
    char column[COLUMN_TEXT];
    size_t i = 0, end = view->first + LTH_FINDINGS_SHOWN;
    const json_t *finding = NULL;
    json_array_foreach(view->findings, i, finding)
    {
        if (i < view->first || i >= end)
            continue;
        bool accepted = json_is_true(json_object_get(finding, "accepted"));
        lth_html(page, "<tr><td class=\"n\">%s %u</td><td>%s</td><td>%s%s: %s",
                 T(page, "Hàng", "Row"), lth_count_at(finding, "row"),
                 column_text(page, finding, column), severity_text(page, finding),
                 accepted ? T(page, " (đã chấp nhận)", " (accepted)") : "",
                 lth_said(page, json_object_get(finding, "text")));
        const char *tier = lth_text_at(finding, "tier");
        if (tier[0] != '\0')
            lth_html(page, " <small>(%s %s)</small>", T(page, "giữ tại", "held at"),
                     tier_name(view->upload, tier));
        lth_raw(page, "</td></tr>");
    }
}

static void findings(lth_page *page, const lth_detail_view *view)
{
    size_t n = json_array_size(view->findings);
    const char *id = lth_text_at(view->upload, "id");
    if (n == 0)
        return;
    lth_html(page, "<section class=\"card\"><h2>%s</h2><p>%s</p>",
             T(page, "Chỗ cần sửa", "What to correct"),
             T(page,
               "Số hàng là số hàng trong Excel. Sửa trong phần mềm của trường rồi xuất và nộp lại; "
               "hoặc tải tệp các dòng sai, sửa ngay trong đó và nộp tệp ấy.",
               "Row numbers are Excel's. Correct in the school's program, export and upload "
               "again; or download the wrong rows, correct them there and upload that file."));
    lth_html(page,
             "<p><a class=\"button\" href=\"/tep/%s/loi.xlsx\">%s</a><a class=\"button second\" "
             "href=\"/tep/%s/zalo\">%s</a></p><table class=\"rows\"><thead><tr><th>%s</th>"
             "<th>%s</th><th>%s</th></tr></thead>",
             id, T(page, "Tải tệp các dòng sai", "Download the wrong rows"), id,
             T(page, "Chép để gửi Zalo", "Copy for a chat"), T(page, "Hàng", "Row"),
             T(page, "Cột", "Column"), T(page, "Sai gì, làm gì", "What is wrong, what to do"));
    finding_rows(page, view);
    lth_raw(page, "</table>");
    if (view->first + LTH_FINDINGS_SHOWN < n)
        lth_html(page, "<p><a class=\"button second\" href=\"/tep/%s?tu=%zu\">%s (%zu)</a></p>", id,
                 view->first + LTH_FINDINGS_SHOWN, T(page, "Xem tiếp", "More"),
                 n - view->first - LTH_FINDINGS_SHOWN);
    lth_raw(page, "</section>");
}

void lth_page_detail(lth_page *page, const lth_frame_of *f, const lth_detail_view *view)
{
    const json_t *upload = view->upload;
    const char *id = lth_text_at(upload, "id");
    lth_page_begin(page, f);
    lth_page_box(page, "good", view->good);
    lth_page_box(page, "bad", view->bad);
    lth_raw(page, "<section class=\"card\">");
    lth_upload_state_html(page, upload);
    lth_upload_steps(page, upload);
    const char *signed_by = lth_said(page, json_object_get(upload, "signed"));
    if (signed_by[0] != '\0' && lth_upload_sent(upload))
        lth_html(page, "<p><small>%s</small></p>", signed_by);
    if (strcmp(lth_text_at(upload, "state"), "done") == 0)
        lth_html(page, "<p><a class=\"button second\" href=\"/tep/%s/bien-nhan\">%s</a></p>", id,
                 T(page, "Biên nhận", "Receipt"));
    lth_raw(page, "</section>");
    guard(page, f, upload);
    questions(page, f, view);
    warnings(page, f, view);
    findings(page, view);
    lth_html(page, "<p><a class=\"button second\" href=\"/\">%s</a></p>",
             T(page, "Về trang nộp tệp", "To the upload page"));
    lth_page_end(page, f);
}

void lth_text_detail(lth_page *page, const lth_frame_of *f, const lth_detail_view *view)
{
    char when[24], column[COLUMN_TEXT];
    size_t i = 0, n = json_array_size(view->findings);
    const json_t *finding = NULL;
    (void)lth_vietnam_time(when, lth_text_at(view->upload, "received"));
    lth_plain(page, "%s (%s)\n%s %s, %s %s\n", f->school, f->code, T(page, "Tệp", "File"),
              view->name, T(page, "nộp lúc", "uploaded at"), when);
    lth_text_outcome(page, view->upload);
    json_array_foreach(view->findings, i, finding)
    {
        if (i >= FINDINGS_TEXT)
            break;
        (void)column_text(page, finding, column);
        lth_plain(page, "%s %u%s%s: %s\n", T(page, "Hàng", "Row"), lth_count_at(finding, "row"),
                  column[0] != '\0' ? ", " : "", column,
                  lth_said(page, json_object_get(finding, "text")));
    }
    if (n > FINDINGS_TEXT)
        lth_plain(page, "%s %zu %s\n", T(page, "... và", "... and"), n - FINDINGS_TEXT,
                  T(page, "chỗ nữa, xem trên trang nộp dữ liệu.", "more, on the upload page."));
}

/* Place in the log of this tier, from its receipt. */
static const json_t *receipt_of(const json_t *receipt, const char *org)
{
    size_t i = 0;
    const json_t *one = NULL;
    json_array_foreach(json_object_get(receipt, "receipts"), i, one)
    {
        if (strcmp(lth_text_at(one, "org"), org) == 0)
            return one;
    }
    return NULL;
}

static const char *form_text(const lth_page *page, const json_t *one)
{
    const char *form = lth_text_at(one, "form");
    if (strcmp(form, "whole") == 0)
        return T(page, "nhận toàn bộ", "received whole");
    return strcmp(form, "redacted") == 0
               ? T(page, "nhận phần được chia sẻ", "received what is shared")
               : T(page, "nhận tiêu đề", "received headers");
}

static void receipt_tiers(lth_page *page, const json_t *upload, const json_t *receipt)
{
    size_t i = 0;
    const json_t *tier = NULL;
    json_array_foreach(json_object_get(upload, "tiers"), i, tier)
    {
        char when[24];
        bool there = lth_vietnam_time(when, lth_text_at(tier, "received"));
        const json_t *one = receipt_of(receipt, lth_text_at(tier, "org"));
        lth_html(page, "<tr><th>%s</th><td>%s", lth_text_at(tier, "name"),
                 there ? when : T(page, "chưa nhận", "not yet"));
        if (one != NULL)
            lth_html(page, ", %s<br>%s %u, %s<br><code>%s</code>", form_text(page, one),
                     T(page, "Nhật ký tới mục", "Log up to entry"), lth_count_at(one, "log_size"),
                     T(page, "gốc nhật ký", "root of the log"), lth_text_at(one, "log_root"));
        lth_raw(page, "</td></tr>");
    }
}

static void receipt_batches(lth_page *page, const json_t *receipt)
{
    size_t i = 0;
    const json_t *batch = NULL;
    json_array_foreach(json_object_get(receipt, "batches"), i, batch)
    {
        if (i < BATCHES_SHOWN)
            lth_html(page, "<tr><th>%s %u.%u</th><td><code>%s</code></td></tr>",
                     T(page, "Gói", "Batch"), lth_count_at(batch, "epoch"),
                     lth_count_at(batch, "seq"), lth_text_at(batch, "header_hash"));
    }
}

static void receipt_row(lth_page *page, const char *name, const char *value, bool code)
{
    lth_html(page,
             code ? "<tr><th>%s</th><td><code>%s</code></td></tr>"
                  : "<tr><th>%s</th><td>%s</td></tr>",
             name, value);
}

void lth_page_receipt(lth_page *page, const lth_frame_of *f, const json_t *upload,
                      const json_t *receipt, const char *name)
{
    char when[24];
    (void)lth_vietnam_time(when, lth_text_at(upload, "received"));
    lth_page_begin(page, f);
    lth_raw(page, "<section class=\"card\"><table>");
    receipt_row(page, T(page, "Trường", "School"), f->school, false);
    receipt_row(page, T(page, "Mã trường", "School code"), f->code, false);
    receipt_row(page, T(page, "Tệp", "File"), name, false);
    receipt_row(page, T(page, "Nhận lúc", "Received at"), when, false);
    receipt_row(page, "SHA-256", lth_text_at(upload, "sha256"), true);
    receipt_tiers(page, upload, receipt);
    receipt_row(page, T(page, "Chữ ký", "Signature"),
                lth_said(page, json_object_get(upload, "signed")), false);
    receipt_row(page, T(page, "Khoá ký", "Signing key"), lth_text_at(receipt, "key_id"), true);
    receipt_batches(page, receipt);
    lth_html(page,
             "</table><p><small>%s</small></p><p><a class=\"button\" "
             "href=\"/tep/%s/bien-nhan.json\">%s</a><a class=\"button second\" "
             "href=\"/tep/%s\">%s</a></p></section>",
             T(page, "Bản JSON có chữ ký của từng cấp, để máy kiểm tra.",
               "The JSON form holds every tier's signature, for a program to check."),
             lth_text_at(upload, "id"), T(page, "Tải biên nhận (JSON)", "Download (JSON)"),
             lth_text_at(upload, "id"), T(page, "Về tệp này", "To this file"));
    lth_page_end(page, f);
}
