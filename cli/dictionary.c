/* dictionary: the data dictionary as a book in Markdown (docs/tu-dien.md, docs/dictionary.md), from
 * the definitions themselves. A file about.vi.md or about.en.md beside them becomes its last
 * chapter. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"

#define LIST_SHOWN_MAX 100u /* Longer lists: only how long, and where. */
#define ABOUT_MAX      (256u * 1024u)

/* What every chapter is printed with. */
typedef struct book {
    const lth_cli *cli;
    const lth_schema *schema;
    const char *dir;
} book;

static const char *say(const book *b, const char *vi, const char *en)
    __attribute__((format_arg(2), format_arg(3)));
static const char *say(const book *b, const char *vi, const char *en)
{
    return b->cli->english ? en : vi;
}

static const char *title_of(const book *b, const lth_titles *title, const char *name)
{
    const char *first = b->cli->english ? title->en : title->vi;
    const char *other = b->cli->english ? title->vi : title->en;
    return first != NULL ? first : other != NULL ? other : name;
}

/* A cell of a table: '|' would end it. */
static void put_cell(const char *text)
{
    for (; text != NULL && *text != '\0'; text++) {
        if (*text == '|')
            putchar('\\');
        putchar(*text);
    }
}

/* ---- fields ---- */

static void put_limits(const lth_field *field)
{
    lth_buf text;
    lth_buf_init(&text, 256);
    const struct {
        bool has;
        const char *before;
        int64_t number;
    } limits[] = {{field->has_min, " ≥ ", field->min},
                  {field->has_max_value, " ≤ ", field->max_value}};
    for (size_t i = 0; i < 2; i++) {
        lth_value value = {.kind = LTH_VALUE_INT, .number = limits[i].number};
        lth_buf_clear(&text);
        if (limits[i].has && lth_value_text(&text, field, &value) == LTH_OK)
            printf("%s%.*s", limits[i].before, (int)text.n, (const char *)text.p);
    }
    lth_buf_fini(&text);
}

static void put_precision(const book *b, const lth_field *field)
{
    static const struct {
        uint8_t bit;
        const char *vi, *en;
    } parts[] = {{LTH_DATE_DAY, "ngày", "day"},
                 {LTH_DATE_MONTH, "tháng", "month"},
                 {LTH_DATE_YEAR, "năm", "year"}};
    const char *before = " (";
    if (field->precision == LTH_DATE_DAY)
        return;
    for (size_t i = 0; i < 3; i++)
        if ((field->precision & parts[i].bit) != 0) {
            printf("%s%s", before, say(b, parts[i].vi, parts[i].en));
            before = say(b, " hoặc ", " or ");
        }
    putchar(')');
}

static void put_type(const book *b, const lth_field *field)
{
    static const struct {
        const char *vi, *en;
    } names[] = {
        [LTH_TYPE_TEXT] = {"chữ", "text"},
        [LTH_TYPE_CODE] = {"mã", "code"},
        [LTH_TYPE_INTEGER] = {"số nguyên", "integer"},
        [LTH_TYPE_DECIMAL] = {"số thập phân", "decimal"},
        [LTH_TYPE_BOOL] = {"có, không", "yes or no"},
        [LTH_TYPE_DATE] = {"ngày", "date"},
        [LTH_TYPE_LIST] = {"danh sách", "list"},
        [LTH_TYPE_DOCUMENT] = {"văn bản", "document"},
    };
    printf("%s", say(b, names[field->type].vi, names[field->type].en));
    switch (field->type) {
    case LTH_TYPE_TEXT:
    case LTH_TYPE_LIST:
        printf(" ≤ %u", (unsigned)field->max);
        break;
    case LTH_TYPE_CODE:
        if (field->list != NULL)
            printf(" [%s](#%s-%s)", field->list, say(b, "danh-mục", "list"), field->list);
        else
            printf(" ≤ %u", (unsigned)field->max);
        break;
    case LTH_TYPE_DECIMAL:
        printf(" (%u,%u)", (unsigned)field->digits, (unsigned)field->scale);
        put_limits(field);
        break;
    case LTH_TYPE_INTEGER:
        put_limits(field);
        break;
    case LTH_TYPE_DATE:
        put_precision(b, field);
        break;
    default:
        break;
    }
}

static void put_field(const book *b, const lth_dataset *ds, const lth_field *list,
                      const lth_field *field)
{
    const lth_group *group = lth_dataset_group(ds, list != NULL ? list->group : field->group);
    if (list != NULL)
        printf("| %u.%u | `%s.%s` | ", (unsigned)list->number, (unsigned)field->number, list->name,
               field->name);
    else
        printf("| %u | `%s` | ", (unsigned)field->number, field->name);
    put_cell(title_of(b, &field->title, field->name));
    printf(" | ");
    put_type(b, field);
    printf(" | %s | `%s` |\n", field->required ? "**✓**" : "", group != NULL ? group->name : "");
}

static void put_fields(const book *b, const lth_dataset *ds)
{
    puts(
        say(b, "\n| số | trường | nghĩa | kiểu | bắt buộc | nhóm |\n|---|---|---|---|---|---|",
            "\n| number | field | meaning | type | required | group |\n|---|---|---|---|---|---|"));
    for (uint32_t i = 0; i < ds->n_fields; i++) {
        const lth_field *field = &ds->fields[i];
        put_field(b, ds, NULL, field);
        for (uint32_t k = 0; k < field->n_items; k++)
            put_field(b, ds, field, &field->items[k]);
    }
}

/* ---- groups ---- */

static const char *privacy(const book *b, const lth_group *group)
{
    if (group->sensitive)
        return say(b, "**nhạy cảm**", "**sensitive**");
    return group->personal ? say(b, "cá nhân", "personal") : "";
}

static void put_groups(const book *b, const lth_dataset *ds)
{
    puts(say(b, "\n| số | nhóm | nghĩa | dữ liệu | ai viết |\n|---|---|---|---|---|",
             "\n| number | group | meaning | data | who writes it |\n|---|---|---|---|---|"));
    for (uint32_t i = 0; i < ds->n_groups; i++) {
        const lth_group *group = &ds->groups[i];
        printf("| %u | `%s` | ", (unsigned)group->number, group->name);
        put_cell(title_of(b, &group->title, group->name));
        printf(" | %s | %s%s |\n", privacy(b, group),
               group->owner_kind != NULL ? group->owner_kind
                                         : say(b, "đơn vị giữ bản ghi", "the record's owner"),
               group->owner_parent == LTH_PARENT_PROFESSIONAL
                   ? say(b, " (cấp trên chuyên môn)", " (professional parent)")
               : group->owner_parent == LTH_PARENT_ADMINISTRATIVE
                   ? say(b, " (cấp trên hành chính)", " (administrative parent)")
                   : "");
    }
}

/* ---- rules ---- */

static const char *severity(const book *b, lth_severity value)
{
    static const struct {
        const char *vi, *en;
    } names[] = {[LTH_SEVERITY_ERROR] = {"**lỗi**", "**error**"},
                 [LTH_SEVERITY_WARNING] = {"cảnh báo", "warning"},
                 [LTH_SEVERITY_BLOCKS] = {"chặn kỳ", "blocks"}};
    return say(b, names[value].vi, names[value].en);
}

static const char *field_name(const lth_dataset *ds, uint16_t number)
{
    for (uint32_t i = 0; i < ds->n_fields; i++)
        if (ds->fields[i].number == number)
            return ds->fields[i].name;
    return "";
}

static void put_rules(const book *b, const lth_dataset *ds)
{
    if (ds->n_rules == 0)
        return;
    puts(say(b, "\n| số | quy tắc | mức | trường | câu báo |\n|---|---|---|---|---|",
             "\n| number | rule | severity | field | what it says |\n|---|---|---|---|---|"));
    for (uint32_t i = 0; i < ds->n_rules; i++) {
        const lth_rule *rule = &ds->rules[i];
        printf("| %u | `%s` | %s | `%s` | ", (unsigned)rule->number, rule->id,
               severity(b, rule->severity), field_name(ds, rule->field));
        put_cell(title_of(b, &rule->text, rule->id));
        puts(" |");
    }
}

static void put_references(const book *b, const lth_dataset *ds)
{
    if (ds->n_references == 0)
        return;
    puts(say(b, "\n| số | phải có | mức | câu báo |\n|---|---|---|---|",
             "\n| number | must exist | severity | what it says |\n|---|---|---|---|"));
    for (uint32_t i = 0; i < ds->n_references; i++) {
        const lth_reference *reference = &ds->references[i];
        const lth_dataset *target = lth_schema_find(b->schema, reference->dataset);
        printf("| %u | `%s` (", (unsigned)reference->number, target != NULL ? target->name : "");
        for (uint32_t k = 0; k < reference->n_fields; k++)
            printf("%s`%s`", k > 0 ? ", " : "", field_name(ds, reference->fields[k]));
        printf(") | %s | ", severity(b, reference->severity));
        put_cell(title_of(b, &reference->text, reference->id));
        puts(" |");
    }
}

static void put_uniques(const book *b, const lth_dataset *ds)
{
    if (ds->n_uniques == 0)
        return;
    puts(say(b, "\n| số | không được trùng | mức | câu báo |\n|---|---|---|---|",
             "\n| number | must differ | severity | what it says |\n|---|---|---|---|"));
    for (uint32_t i = 0; i < ds->n_uniques; i++) {
        const lth_unique *unique = &ds->uniques[i];
        printf("| %u | `%s` (", (unsigned)unique->number, unique->id);
        for (uint32_t k = 0; k < unique->n_fields; k++)
            printf("%s`%s`", k > 0 ? ", " : "", field_name(ds, unique->fields[k]));
        if (unique->when_text != NULL)
            printf("; %s `%s`", say(b, "khi", "when"), unique->when_text);
        printf(") | %s | ", severity(b, unique->severity));
        put_cell(title_of(b, &unique->text, unique->id));
        puts(" |");
    }
}

/* ---- chapters ---- */

static void put_dataset(const book *b, const lth_dataset *ds)
{
    const lth_group *natural = lth_dataset_group(ds, ds->natural_group);
    printf("\n### %s `%s`\n\n", say(b, "Tập", "Dataset"), ds->name);
    printf("%s. %s %u, %s %u. %s:", title_of(b, &ds->title, ds->name), say(b, "Số hiệu", "Number"),
           (unsigned)ds->number, say(b, "phiên bản", "version"), (unsigned)ds->version,
           say(b, "Khoá tự nhiên", "Natural key"));
    for (uint32_t i = 0; natural != NULL && i < natural->n_fields; i++)
        printf("%s `%s`", i > 0 ? "," : "", natural->fields[i]->name);
    if (ds->dated_by != 0)
        printf(". %s `%s`", say(b, "Mã được xét theo ngày", "Codes are judged at the day of"),
               field_name(ds, ds->dated_by));
    puts(".");
    put_groups(b, ds);
    put_fields(b, ds);
    put_rules(b, ds);
    put_references(b, ds);
    put_uniques(b, ds);
}

static void put_day(uint32_t day)
{
    if (day != 0)
        printf("%04u-%02u-%02u", (unsigned)(day / 10000), (unsigned)(day / 100 % 100),
               (unsigned)(day % 100));
}

static void put_codes(const book *b, const lth_codelist *list)
{
    bool parent = list->parent_list != NULL;
    printf("\n| %s | %s | %s | %s |%s\n|---|---|---|---|%s\n", say(b, "mã", "code"),
           say(b, "tiếng Việt", "Vietnamese"), say(b, "tiếng Anh", "English"),
           say(b, "hiệu lực", "in force"), parent ? say(b, " mã cha |", " parent |") : "",
           parent ? "---|" : "");
    for (uint32_t i = 0; i < list->n_codes; i++) {
        const lth_code *code = &list->codes[i];
        printf("| `%s` | ", code->code);
        put_cell(code->title.vi);
        printf(" | ");
        put_cell(code->title.en);
        printf(" | ");
        put_day(code->from);
        printf("%s", code->from != 0 || code->to != 0 ? " … " : "");
        put_day(code->to);
        if (parent)
            printf(" | %s", code->parent != NULL ? code->parent : "");
        puts(" |");
    }
}

static void put_list(const book *b, const lth_codelist *list)
{
    printf("\n### %s %s\n\n%s.", say(b, "Danh mục", "List"), list->name,
           title_of(b, &list->title, list->name));
    if (list->parent_list != NULL)
        printf(" %s: `%s`.", say(b, "Mã cha thuộc danh mục", "Parent codes are of the list"),
               list->parent_list);
    putchar('\n');
    if (list->n_codes <= LIST_SHOWN_MAX) {
        put_codes(b, list);
        return;
    }
    uint32_t ended = 0;
    for (uint32_t i = 0; i < list->n_codes; i++)
        ended += list->codes[i].to != 0;
    printf(say(b, "\n%u dòng, %u dòng đã có ngày hết hiệu lực: xem `codelists/%s.csv`.\n",
               "\n%u lines, %u of them with a last day: see `codelists/%s.csv`.\n"),
           (unsigned)list->n_codes, (unsigned)ended, list->name);
}

static void put_opening(const book *b)
{
    printf(
        "# %s\n\n%s\n\n## %s\n", say(b, "Từ điển dữ liệu", "The data dictionary"),
        say(b,
            "Sinh bởi `lienthong dictionary` từ `config/datasets` và `config/codelists`.\n\n"
            "Nhóm là đơn vị của quyền riêng tư, quyền viết và chữ ký. Nhóm **nhạy cảm** chỉ rời "
            "một nút khi một tuyến gọi\ntên nhóm ấy. Số hiệu không bao giờ đổi hay dùng lại. Quy "
            "tắc mức **lỗi** giữ riêng bản ghi ấy lại; *cảnh báo* được nhận\nvà ghi vào danh "
            "sách; *chặn kỳ* được nhận nhưng chưa chốt được kỳ báo cáo.",
            "Generated by `lienthong --lang en dictionary` from `config/datasets` and "
            "`config/codelists`.\n\nA group is the unit of privacy, ownership and signature. A "
            "**sensitive** group leaves a node only when a route names it.\nNumbers never change "
            "and are never used again. A rule of severity **error** holds that one record back; "
            "a *warning* is\naccepted and listed; *blocks* is accepted but keeps a period from "
            "being closed."),
        say(b, "Tập dữ liệu", "Datasets"));
}

/* The chapter that people wrote. */
static int put_about(const book *b)
{
    char path[4200];
    struct stat st;
    snprintf(path, sizeof(path), "%s/about.%s.md", b->dir, say(b, "vi", "en"));
    if (stat(path, &st) != 0)
        return 0;
    size_t size;
    uint8_t *text = lth_cli_read_file(b->cli, path, ABOUT_MAX, &size);
    if (text == NULL)
        return 2;
    putchar('\n');
    fwrite(text, 1, size, stdout);
    free(text);
    return 0;
}

static int print_book(const lth_cli *cli, const lth_schema *schema, const char *dir)
{
    const book b = {cli, schema, dir};
    put_opening(&b);
    for (uint32_t i = 0; i < schema->n_datasets; i++)
        put_dataset(&b, &schema->datasets[i]);
    printf("\n## %s\n", say(&b, "Danh mục", "Code lists"));
    for (uint32_t i = 0; i < schema->n_lists; i++)
        put_list(&b, &schema->lists[i]);
    return put_about(&b);
}

int lth_cli_dictionary(const lth_cli *cli)
{
    if (cli->argc > 1)
        return lth_cli_usage(cli);
    return lth_cli_with_schema(cli, cli->argc == 1 ? cli->argv[0] : NULL, print_book);
}
