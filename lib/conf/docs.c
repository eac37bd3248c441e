#include <string.h>

#include "profile.h"

static const struct {
    const char *name, *vi, *en;
    const conf_item *items;
} FILES[] = {
    {"broker.yaml", "Cấu hình của broker", "Configuration of a broker", lth_conf__broker_items},
    {"agent.yaml", "Cấu hình của agent: một tiến trình, một hay nhiều trường",
     "Configuration of an agent: one process, one or many schools", lth_conf__agent_items},
    {"profiles/*.yaml", "Bộ ánh xạ: một kiểu tệp xuất, cho mọi trường dùng nó",
     "A profile: one layout of file, for every school that uses it", lth_conf__profile_items},
    {"intake.yaml", "Cấu hình của trang nộp dữ liệu", "Configuration of the upload page",
     lth_conf__intake_items},
    {"orgs.yaml", "Danh bạ đơn vị, có ngày hiệu lực", "The dated registry of organisations",
     lth_conf__orgs_items},
    {"routes.yaml", "Dữ liệu nào rời nút này, đến đâu, để làm gì",
     "What leaves this node, to whom, for what purpose", lth_conf__routes_items},
    {"datasets/*.yaml", "Định nghĩa một tập dữ liệu", "Definition of one dataset",
     lth_conf__dataset_items},
    {"codelists/lists.yaml",
     "Các danh mục; mã của mỗi danh mục ở tệp DANH_MỤC.csv bên cạnh, cột code, vi, en, valid_from, "
     "valid_to, parent, replaced_by (từ en trở đi không bắt buộc; ngày dạng 2025-07-01 hoặc trống; "
     "replaced_by: các mã cách nhau dấu cách)",
     "The code lists; the codes of each stand in LIST.csv beside it, columns code, vi, en, "
     "valid_from, valid_to, parent, replaced_by (from en on optional; days as 2025-07-01 or empty; "
     "replaced_by: codes apart by blanks)",
     lth_conf__lists_items},
};

typedef struct writer {
    lth_buf *out;
    lth_err err;
} writer;

static void put(writer *w, const char *fmt, ...) LTH_PRINTF(2, 3);
static void put(writer *w, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    w->err = w->err != LTH_OK ? w->err : lth_buf_format_v(w->out, fmt, args);
    va_end(args);
}

static void put_type(writer *w, const conf_item *item)
{
    static const char *const names[] = {
        [CONF_TEXT] = "chữ · text",
        [CONF_NAME] = "tên · name",
        [CONF_CODE] = "mã đơn vị · org code",
        [CONF_PATH] = "đường dẫn · path",
        [CONF_ENDPOINT] = "tcp://MÁY:CỔNG",
        [CONF_ENUM] = "",
        [CONF_ID] = "org_id",
        [CONF_COUNT] = "số · number",
        [CONF_DURATION] = "thời gian · duration",
        [CONF_BOOL] = "true, false",
        [CONF_DATE] = "YYYY-MM-DD",
        [CONF_TABLE] = "phần · section",
        [CONF_NAMED] = "{ tên: ... }",
        [CONF_ITEMS] = "[ ... ]",
        [CONF_ANY] = "",
    };
    if (item->type == CONF_ENUM) {
        for (const char *p = item->choices; *p != '\0';) {
            size_t n = strcspn(p, "|");
            put(w, "%s%.*s", p == item->choices ? "" : ", ", (int)n, p);
            p += n + (p[n] == '|' ? 1 : 0);
        }
        return;
    }
    put(w, "%s", names[item->type]);
}

static void put_limits(writer *w, const conf_item *item)
{
    char low[32];
    char high[32];
    if (item->type == CONF_COUNT && item->max > 0) {
        put(w, "%lld–%lld", (long long)item->min, (long long)item->max);
    } else if (item->type == CONF_DURATION) {
        lth_conf__duration_text(low, item->min);
        lth_conf__duration_text(high, item->max);
        put(w, "%s–%s", low, high);
    } else if (item->type == CONF_TEXT && item->max > 0) {
        put(w, "≤ %lld", (long long)item->max);
    }
}

/* One row; @p path is what stands before the key. */
static void put_row(writer *w, const char *path, const conf_item *item)
{
    bool later = (item->flags & CONF_LATER) != 0;
    put(w, "| `%s%s` | ", path, item->key);
    put_type(w, item);
    put(w, " | ");
    if (later) {
        put(w, "chưa hỗ trợ · not yet");
    } else if ((item->flags & CONF_REQUIRED) != 0) {
        put(w, "**bắt buộc · required**");
    } else if (item->def != NULL) {
        put(w, "`%s`", item->def);
    }
    put(w, " | ");
    put_limits(w, item);
    put(w, " | %s<br>%s |\n", item->vi, item->en);
}

static void put_items(writer *w, const char *path, const conf_item *items)
{
    for (; items->key != NULL; items++) {
        put_row(w, path, items);
        if (items->items != NULL) {
            char deeper[200];
            const char *step = items->type == CONF_NAMED   ? ".NAME."
                               : items->type == CONF_ITEMS ? "[]."
                                                           : ".";
            (void)lth_format(deeper, sizeof deeper, "%s%s%s", path, items->key, step);
            put_items(w, deeper, items->items);
        }
    }
}

/* The language of `when` and `check`; its exact meaning is in lib/include/lth/rule.h. */
static void put_expressions(writer *w)
{
    static const struct {
        const char *example, *vi, *en;
    } rows[] = {
        {"mark <= 10 and not late", "so sánh == != < <= > >=, nối bằng and, or, not",
         "comparisons, joined by and, or, not"},
        {"mark between 0 and 10", "trong khoảng", "within"},
        {"sex in ['1', '2']", "một trong; not in", "one of; not in"},
        {"reason is not null", "có giá trị; is null: trống", "has a value; is null: has none"},
        {"matches(national_id, '\\d{12}')", "cả chuỗi theo mẫu: [a-z], \\d, \\s, . và ? * + {m,n}",
         "the whole text by a pattern"},
        {"age_on(born, date(2026, 9, 1)) >= 6", "tuổi tròn; today; year(ngày), month(ngày)",
         "whole years; today; year(date), month(date)"},
        {"number(part(code, 1, 2)) > 0", "2 ký tự từ ký tự thứ nhất, đọc thành số; length(chữ)",
         "2 characters from the first, as a number; length(text)"},
        {"code(commune, 'parent') == province", "mã cha của mã vào ngày của bản ghi; 'vi', 'en'",
         "the parent of a code on the record's day; 'vi', 'en'"},
        {"all(marks, score >= 0)", "mọi mục của danh sách; any(...), count(...)",
         "all items of a list; any(...), count(...)"},
    };
    put(w,
        "\n## Biểu thức của quy tắc · Expressions of rules\n\n"
        "Thiếu giá trị thì kết quả là \"không biết\": quy tắc chỉ bị vi phạm khi check SAI. Nhiều "
        "nhất %u phép tính.\n"
        "A missing value makes the result unknown: a rule is broken only when its check is "
        "false. At most %u operations.\n\n"
        "| ví dụ · example | nghĩa · meaning |\n|---|---|\n",
        LTH_EXPR_COST_MAX, LTH_EXPR_COST_MAX);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        put(w, "| `%s` | %s<br>%s |\n", rows[i].example, rows[i].vi, rows[i].en);
    }
}

lth_err lth_conf_docs(lth_buf *out)
{
    writer w = {.out = out};
    put(&w,
        "# Cấu hình · Configuration\n\n"
        "Trang này sinh từ chính các bảng mà chương trình dùng để đọc tệp. Tệp YAML ≤ 1 MiB, "
        "lồng ≤ %u tầng, không neo, bí danh hay thẻ; khoá lạ là lỗi. Đường dẫn tính từ thư mục "
        "của tệp chứa nó.\n\n"
        "Generated from the tables that the programs read their files with. YAML files ≤ 1 MiB, "
        "depth ≤ %u, no anchors, aliases or tags; an unknown key is an error. Paths are relative "
        "to the directory of the file they stand in.\n",
        CONF_DEPTH_MAX, CONF_DEPTH_MAX);
    for (size_t i = 0; i < sizeof FILES / sizeof FILES[0]; i++) {
        put(&w, "\n## %s\n\n%s.\n%s.\n\n", FILES[i].name, FILES[i].vi, FILES[i].en);
        put(&w, "| khoá · key | kiểu · type | mặc định · default | giới hạn · limits | nghĩa · "
                "meaning |\n|---|---|---|---|---|\n");
        put_items(&w, "", FILES[i].items);
    }
    put_expressions(&w);
    return w.err;
}
