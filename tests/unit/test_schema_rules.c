#include "test_rules_kit.h"

/* Judging values by codes and rules, and saying what was found. */

static lth_rule rules[3];
static const uint16_t REFERENCE_FIELDS[] = {3};
static const lth_reference REFERENCES[] = {
    {.number = 9,
     .id = "other",
     .severity = LTH_SEVERITY_ERROR,
     .dataset = 3,
     .fields = REFERENCE_FIELDS,
     .n_fields = 1,
     .text = {"Chưa có bản ghi {s}", "There is no record {s}"}},
};

static const lth_expr *compile(const char *text)
{
    const lth_expr *out = NULL;
    lth_diag diag;
    assert_int_equal(lth_expr_compile(&out, rules_kit_dataset(), text, rules_kit_arena(), &diag),
                     LTH_OK);
    return out;
}

static lth_findings judge(const lth_row_values *row)
{
    lth_findings out = {.n = 0};
    lth_rules_judge(&rules_kit_schema, row, &out);
    return out;
}

static lth_row_values row_of(const char *given)
{
    static lth_value values[RULES_KIT_FIELDS];
    rules_kit_values(values, given);
    return (lth_row_values){.ds = rules_kit_dataset(), .values = values, .today = 20260901};
}

static void expect(const lth_finding *f, lth_refusal code, lth_severity severity, uint16_t field,
                   uint16_t rule)
{
    assert_string_equal(lth_refusal_name(f->code), lth_refusal_name(code));
    assert_int_equal(f->severity, severity);
    assert_int_equal(f->field, field);
    assert_int_equal(f->rule, rule);
    assert_int_equal(f->column, -1);
}

static void test_rules(void **state)
{
    (void)state;
    lth_row_values row = row_of("n=12\x1f"
                                "d=850");
    lth_findings out = judge(&row);
    assert_int_equal(out.n, 2);
    assert_int_equal(out.errors, 1);
    expect(&out.items[0], LTH_REFUSE_broken_rule, LTH_SEVERITY_ERROR, 1, 1);
    assert_int_equal(out.items[0].group, 1);
    expect(&out.items[1], LTH_REFUSE_broken_rule, LTH_SEVERITY_BLOCKS, 0, 5);
    row = row_of("n=9\x1f"
                 "d=950");
    assert_int_equal(judge(&row).n, 0);
    row = row_of("n=12\x1f"
                 "d=850\x1f"
                 "b=1"); /* `when` is not true */
    assert_int_equal(judge(&row).n, 1);
    row = row_of(""); /* null passes */
    assert_int_equal(judge(&row).n, 0);
}

static void test_withheld(void **state)
{
    (void)state;
    lth_row_values row = row_of("n=12\x1f"
                                "d=850\x1f"
                                "c=zz\x1fq=97");
    uint64_t shown = UINT64_C(0x3ff) & ~UINT64_C(2); /* without d */
    row.shown = &shown;
    lth_findings out = judge(&row);
    assert_int_equal(out.n, 3); /* c, q, rule 1; rule 5 reads d */
    assert_int_equal(out.items[2].rule, 1);
    shown &= ~UINT64_C(0x8); /* nor c */
    out = judge(&row);
    assert_int_equal(out.n, 2);
    rules_kit_dataset()->dated_by = 7;
    shown &= ~UINT64_C(0x40); /* nor the day: that a code is in force cannot be told */
    out = judge(&row);
    rules_kit_dataset()->dated_by = 0;
    assert_int_equal(out.n, 1);
}

static void test_codes(void **state)
{
    (void)state;
    lth_row_values row = row_of("c=zz\x1fq=97\x1fl=a:85:a1;b:85:bad;c::c9");
    lth_findings out = judge(&row);
    assert_int_equal(out.n, 4);
    assert_int_equal(out.errors, 3);
    expect(&out.items[0], LTH_REFUSE_unknown_code, LTH_SEVERITY_ERROR, 4, 0);
    expect(&out.items[1], LTH_REFUSE_unknown_code, LTH_SEVERITY_ERROR, 8, 0);
    assert_int_equal(out.items[1].item, 2);
    assert_int_equal(out.items[1].item_field, 3);
    assert_int_equal(out.items[2].item, 3);
    expect(&out.items[3], LTH_REFUSE_code_not_in_force, LTH_SEVERITY_WARNING, 10, 0);
    rules_kit_dataset()->dated_by = 7;
    row = row_of("q=97\x1fu=20250630");
    assert_int_equal(judge(&row).n, 0);
    row = row_of("q=97\x1fu=20250701");
    assert_int_equal(judge(&row).n, 1);
    row = row_of("q=97"); /* no day of its own: today */
    assert_int_equal(judge(&row).n, 1);
    rules_kit_dataset()->dated_by = 0;
}

/* Errors are kept even when warnings came first. */
static void test_full(void **state)
{
    (void)state;
    lth_findings out = {.n = 0};
    lth_finding one = {.code = LTH_REFUSE_broken_rule, .severity = LTH_SEVERITY_WARNING};
    for (uint16_t i = 0; i < LTH_FINDINGS_MAX + 2; i++) {
        one.rule = i;
        lth_findings_add(&out, &one);
    }
    assert_int_equal(out.n, LTH_FINDINGS_MAX);
    assert_int_equal(out.more, 2);
    one.severity = LTH_SEVERITY_ERROR;
    one.rule = 100;
    for (uint16_t i = 0; i < LTH_FINDINGS_MAX + 1; i++) {
        lth_findings_add(&out, &one);
    }
    assert_int_equal(out.n, LTH_FINDINGS_MAX);
    assert_int_equal(out.errors, LTH_FINDINGS_MAX + 1);
    assert_int_equal(out.more, 2 + LTH_FINDINGS_MAX + 1);
    assert_int_equal(out.items[0].rule, 100);
}

static void expect_text(const char *given, const lth_finding *f, const char *source, const char *vi,
                        const char *en)
{
    lth_row_values row = row_of(given);
    for (int english = 0; english < 2; english++) {
        lth_buf out;
        lth_buf_init(&out, 4096);
        assert_int_equal(lth_finding_text(&out, &rules_kit_schema, f, &row, rules_kit_text(source),
                                          english == 1),
                         LTH_OK);
        assert_int_equal(lth_buf_add(&out, "", 1), LTH_OK);
        assert_string_equal((const char *)out.p, english == 1 ? en : vi);
        lth_buf_fini(&out);
    }
}

static void test_sentences(void **state)
{
    (void)state;
    lth_finding f = {.code = LTH_REFUSE_bad_value, .group = 1, .field = 6};
    expect_text("", &f, "31/02/2012",
                "Ngày sinh 31/02/2012: không có ngày này; nhập dạng ngày/tháng/năm",
                "Date of birth 31/02/2012: there is no such day; write day/month/year");
    expect_text("", &f, "hè 2012", "Ngày sinh hè 2012: không đọc được; nhập dạng ngày/tháng/năm",
                "Date of birth hè 2012: cannot be read; write day/month/year");
    f.field = 2;
    expect_text("", &f, "x", "d x: phải là số, nhiều nhất 2 chữ số sau dấu phẩy",
                "d x: must be a number, at most 2 digits after the point");
    f.field = 5;
    expect_text("", &f, "?", "b ?: phải là Có hoặc Không", "b ?: must be yes or no");
    f.code = LTH_REFUSE_missing_required;
    f.field = 9;
    expect_text("", &f, "", "Thiếu key", "Missing: key");
    f.field = 8;
    f.item = 2;
    f.item_field = 2;
    expect_text("", &f, "", "Thiếu Các môn, mục 2: v", "Missing: Subjects, item 2: v");
    f = (lth_finding){.code = LTH_REFUSE_unknown_code, .field = 10};
    expect_text("", &f, "Kính",
                "Giá trị \"Kính\" không có trong danh mục Dân tộc; ý bạn là \"Kinh\"?",
                "Value \"Kính\" is not in the code list Ethnic groups; did you mean \"Kinh\"?");
    expect_text("q=zz", &f, "",
                "Giá trị \"zz\" không có trong danh mục Dân tộc; chọn một giá trị trong danh mục",
                "Value \"zz\" is not in the code list Ethnic groups; choose a value of the list");
    f.code = LTH_REFUSE_code_not_in_force;
    expect_text(
        "q=97", &f, "",
        "Mã 97 (Cũ) của danh mục Dân tộc không áp dụng vào ngày 1/9/2026; thay bằng 01 "
        "(Kinh), 03 (HMông)",
        "Code 97 (Old) of the code list Ethnic groups is not in force on 1/9/2026; replaced "
        "by 01 (Kinh), 03 (Hmong)");
    f = (lth_finding){.code = LTH_REFUSE_unknown_code, .field = 8, .item = 2, .item_field = 3};
    expect_text("l=a:85:a1;b:85:bad", &f, "",
                "Giá trị \"bad\" không có trong danh mục kinds; chọn một trong: Lá, Hoa, Quả",
                "Value \"bad\" is not in the code list kinds; choose one of: Leaf, Hoa, Fruit");
    f = (lth_finding){.code = LTH_REFUSE_mass_deletion};
    expect_text("", &f, "", lth_refusal_text(LTH_REFUSE_mass_deletion, false),
                lth_refusal_text(LTH_REFUSE_mass_deletion, true));
}

/* What Excel made of a cell is said as that, not as a value that the clerk never typed. */
static void test_cells(void **state)
{
    (void)state;
    lth_finding f = {.code = LTH_REFUSE_bad_value, .group = 1, .field = 6};
    expect_text("", &f, "\x1a#N/A",
                "Ngày sinh: ô báo lỗi #N/A; sửa công thức hoặc gõ thẳng giá trị",
                "Date of birth: the cell shows the error #N/A; mend the formula or type the value");
    f = (lth_finding){.code = LTH_REFUSE_unknown_code, .field = 10};
    expect_text(
        "", &f, "\x1a=",
        "Dân tộc: công thức trong ô chưa được tính; mở tệp bằng Excel, lưu lại rồi nộp, hoặc gõ "
        "thẳng giá trị",
        "Ethnic group: the formula was never calculated; open and save the file in Excel, or type "
        "the "
        "value");
    expect_text("", &f, "1",
                "Giá trị \"1\" không có trong danh mục Dân tộc; ý bạn là \"01\" (Kinh)? Excel hay "
                "bỏ số 0 ở đầu",
                "Value \"1\" is not in the code list Ethnic groups; did you mean \"01\" (Kinh)? "
                "Excel drops zeros in front");
    f = (lth_finding){.code = LTH_REFUSE_bad_value, .group = 2, .field = 9};
    expect_text("", &f, "Trường ở xa, đường đi khó, nhiều suối và đồi cao",
                "key Trường ở xa, đường đi khó, nhiều suối và…: dài 48 ký tự, nhiều nhất 20",
                "key Trường ở xa, đường đi khó, nhiều suối và…: 48 characters long, at most 20");
    expect_text("", &f, "a\x01",
                "key a?: không hợp lệ: có ký tự lạ, hoặc không có trong bảng giá trị của cột",
                "key a?: is not valid: strange characters, or not among the column's values");
}

static void test_templates(void **state)
{
    (void)state;
    lth_finding f = {.code = LTH_REFUSE_broken_rule, .rule = 1};
    expect_text("n=12\x1f"
                "d=850\x1fq=01\x1ft=20120500\x1f"
                "b=1\x1fl=a:85;b:",
                &f, "", "Số = 12, d = 8,50, Kinh, 5/2012, có, 2 mục, (trống) vào 1/9/2026",
                "Number = 12, d = 8.50, Kinh, 5/2012, yes, 2 items, (empty) on 1/9/2026");
    f.rule = 5;
    expect_text("", &f, "", "Không tiếng Anh", "Không tiếng Anh");
    f = (lth_finding){.code = LTH_REFUSE_missing_reference, .rule = 9};
    expect_text("s=X1", &f, "", "Chưa có bản ghi X1", "There is no record X1");
    f.rule = 77;
    expect_text("", &f, "", lth_refusal_text(LTH_REFUSE_missing_reference, false),
                lth_refusal_text(LTH_REFUSE_missing_reference, true));
    size_t n = 0;
    const lth_dataset *ds = rules_kit_dataset();
    assert_null(lth_rule_text_fault(ds, "{n} {n.title} {today} }", false, &n));
    assert_memory_equal(lth_rule_text_fault(ds, "{n} {today.title}", false, &n), "today.title", 11);
    assert_memory_equal(lth_rule_text_fault(ds, "{n", false, &n), "n", 1);
    assert_memory_equal(lth_rule_text_fault(ds, "{} {n}", false, &n), "}", 1);
}

static void test_reference(void **state)
{
    (void)state;
    lth_buf out;
    lth_buf_init(&out, 4096);
    lth_row_values row = row_of("s=X1");
    assert_int_equal(lth_reference_natural(&out, &rules_kit_schema, &REFERENCES[0], &row), LTH_OK);
    assert_int_equal(out.n, 4);
    assert_memory_equal(out.p, "\x4a\x02X1", 4); /* field 9 of the target */
    row = row_of("n=1");
    assert_int_equal(lth_reference_natural(&out, &rules_kit_schema, &REFERENCES[0], &row),
                     LTH_E_NOT_FOUND);
    uint64_t shown = UINT64_C(0x3ff) & ~UINT64_C(4);
    row = row_of("s=X1");
    row.shown = &shown;
    assert_int_equal(lth_reference_natural(&out, &rules_kit_schema, &REFERENCES[0], &row),
                     LTH_E_NOT_FOUND);
    lth_buf_fini(&out);
    assert_ptr_equal(lth_reference_find(rules_kit_dataset(), 9), &REFERENCES[0]);
    assert_null(lth_reference_find(rules_kit_dataset(), 1));
    assert_ptr_equal(lth_rule_find(rules_kit_dataset(), 5), &rules[2]);
    assert_null(lth_rule_find(rules_kit_dataset(), 9));
}

/* What must be unique: bytes of the fields in their order, nothing while one is null or withheld;
 * its sentence names the other record by its natural key alone. */
static void test_unique(void **state)
{
    (void)state;
    static const uint16_t numbers[] = {3, 1};
    lth_dataset *ds = rules_kit_dataset();
    lth_unique unique = {.number = 20,
                         .id = "once",
                         .severity = LTH_SEVERITY_ERROR,
                         .fields = numbers,
                         .n_fields = 2,
                         .when = compile("n > 5"),
                         .text = {"{s} trùng với {other.s}", "{s} is that of {other.s}"}};
    lth_buf out;
    lth_buf_init(&out, 4096);
    ds->uniques = &unique;
    ds->n_uniques = 1;
    lth_row_values row = row_of("s=X1\x1fn=7");
    assert_int_equal(lth_unique_value(&out, &unique, &row), LTH_OK);
    assert_int_equal(out.n, 6);
    assert_memory_equal(out.p, "\x1a\x02X1\x08\x0e", 6); /* protobuf: field 3, then field 1 */
    assert_true(lth_unique_takes_part(&unique, &row));
    uint64_t shown = UINT64_C(0x3ff) & ~UINT64_C(1); /* without n */
    row.shown = &shown;
    assert_int_equal(lth_unique_value(&out, &unique, &row), LTH_E_NOT_FOUND);
    assert_false(lth_unique_takes_part(&unique, &row));
    row = row_of("s=X1\x1fn=5");
    assert_false(lth_unique_takes_part(&unique, &row));
    row = row_of("s=X1");
    assert_int_equal(lth_unique_value(&out, &unique, &row), LTH_E_NOT_FOUND);
    assert_false(lth_unique_takes_part(&unique, &row));
    assert_ptr_equal(lth_unique_find(ds, 20), &unique);
    assert_null(lth_unique_find(ds, 9));
    lth_rule_about about;
    assert_true(lth_rule_about_id(&about, ds, "once"));
    assert_int_equal(about.number, 20);
    assert_true(lth_rule_about_number(&about, ds, 9));
    assert_string_equal(about.id, "other");
    assert_false(lth_rule_about_number(&about, ds, 99));

    const lth_finding f = {
        .code = LTH_REFUSE_not_unique, .severity = LTH_SEVERITY_ERROR, .field = 3, .rule = 20};
    uint16_t natural = ds->natural_group;
    lth_value other[RULES_KIT_FIELDS];
    rules_kit_values(other, "s=Y2");
    row = row_of("s=X1");
    ds->natural_group = ds->fields[2].group;
    lth_buf_clear(&out);
    assert_int_equal(lth_finding_text(&out, &rules_kit_schema, &f, &row, (lth_slice){0}, true),
                     LTH_OK);
    assert_int_equal(out.n, strlen("X1 is that of (not known)"));
    assert_memory_equal(out.p, "X1 is that of (not known)", out.n);
    row.other = other;
    lth_buf_clear(&out);
    assert_int_equal(lth_finding_text(&out, &rules_kit_schema, &f, &row, (lth_slice){0}, false),
                     LTH_OK);
    assert_int_equal(out.n, strlen("X1 trùng với Y2"));
    assert_memory_equal(out.p, "X1 trùng với Y2", out.n);
    ds->natural_group = (uint16_t)(ds->fields[2].group + 1); /* {other.s} is no key now */
    lth_buf_clear(&out);
    assert_int_equal(lth_finding_text(&out, &rules_kit_schema, &f, &row, (lth_slice){0}, true),
                     LTH_OK);
    assert_memory_equal(out.p, "X1 is that of (not known)", out.n);
    ds->natural_group = natural;
    ds->uniques = NULL;
    ds->n_uniques = 0;
    lth_buf_fini(&out);
}

/* A whole record: the bytes of its groups give the values that were encoded. */
static void test_record(void **state)
{
    (void)state;
    const lth_dataset *ds = rules_kit_dataset();
    static const uint8_t salt[16];
    lth_row_values row = row_of("n=12\x1f"
                                "d=850\x1fs=X1\x1fl=a:85;b:;c:100:zz\x1fkey=K\x1fq=97");
    lth_value values[2][RULES_KIT_FIELDS];
    uint64_t shown;
    lth_buf bytes[2];
    lth_record_view record = {
        .form = LTH_FORM_FULL,
        .header = {.op = LTH_OP_STATE, .dataset = 3, .src_commit_time_ms = UINT64_C(1788220800000)},
        .n_groups = 2};
    for (uint32_t g = 0; g < 2; g++) {
        lth_value of_group[RULES_KIT_FIELDS];
        for (uint32_t i = 0; i < ds->groups[g].n_fields; i++) {
            of_group[i] = row.values[ds->groups[g].fields[i] - ds->fields];
        }
        lth_buf_init(&bytes[g], 4096);
        assert_int_equal(lth_group_encode(&bytes[g], &ds->groups[g], of_group), LTH_OK);
        record.groups[g] = (lth_group_view){.number = ds->groups[g].number,
                                            .shown = true,
                                            .salt = salt,
                                            .value = lth_buf_slice(&bytes[g])};
    }
    lth_row_values_read(ds, &record, values[0], &shown);
    assert_int_equal(shown, 0x3ff);
    for (uint32_t i = 0; i < RULES_KIT_FIELDS; i++) {
        assert_int_equal(values[0][i].kind, row.values[i].kind);
        assert_int_equal(values[0][i].number, row.values[i].number);
        assert_true(lth_slice_equal(values[0][i].text, row.values[i].text));
    }
    lth_findings out;
    assert_int_equal(lth_record_judge(&rules_kit_schema, &record, NULL, &out),
                     LTH_REFUSE_unknown_code);
    assert_int_equal(out.n, 4); /* the item's code; q not in force; rules 1 and 5 */
    assert_int_equal(out.errors, 2);
    record.header.op = LTH_OP_DELETE; /* what ends is not judged any more */
    assert_int_equal(lth_record_judge(&rules_kit_schema, &record, NULL, &out), LTH_REFUSE_none);
    record.header.op = LTH_OP_STATE;
    record.groups[0].shown = false;
    record.form = LTH_FORM_REDACTED;
    assert_int_equal(lth_record_judge(&rules_kit_schema, &record, NULL, &out), LTH_REFUSE_none);
    lth_row_values_read(ds, &record, values[1], &shown);
    assert_int_equal(shown, 0x100);
    lth_buf_fini(&bytes[0]);
    lth_buf_fini(&bytes[1]);
}

/* A source row: titles become codes, what is found is blamed on its column. */
static void test_mapped(void **state)
{
    (void)state;
    const lth_dataset *ds = rules_kit_dataset();
    const lth_field *item = ds->fields[7].items;
    const lth_map_field parts[] = {{.field = &item[0], .column = -1, .constant = "A"},
                                   {.field = &item[2], .column = 4}};
    const lth_map_item items[] = {{parts, 2}};
    const lth_map_field maps[] = {
        {.field = &ds->fields[0], .column = 1},
        {.field = &ds->fields[6], .column = 2, .as = "date_vn"},
        {.field = &ds->fields[7], .column = -1, .constant = "", .items = items, .n_items = 1},
        {.field = &ds->fields[8], .column = -1, .constant = "K"},
        {.field = &ds->fields[9], .column = 3},
    };
    const lth_mapping mapping = {.dataset = ds, .n_columns = 5, .fields = maps, .n_fields = 5};
    static const struct {
        const char *cells[5]; /* id, n, u, q, w */
        const char *code;     /* NULL: none */
        uint32_t n, errors;
        uint16_t field;
        int32_t column;
        lth_refusal first;
    } rows[] = {
        {{"", "1", "1/9/2025", "h'mông", "Lá"}, "03", 0, 0, 0, 0, LTH_REFUSE_none},
        {{"", "1", "1/9/2025", "03", "b2"}, "03", 0, 0, 0, 0, LTH_REFUSE_none},
        {{"", "1", "1/9/2019", "Thổ", NULL}, "02", 0, 0, 0, 0, LTH_REFUSE_none},
        {{"", "1", "1/9/2025", "Thổ", NULL}, NULL, 1, 1, 10, 3, LTH_REFUSE_unknown_code},
        {{"", "1", "1/9/2025", "97", NULL}, "97", 1, 0, 10, 3, LTH_REFUSE_code_not_in_force},
        {{"", "1", "1/9/2025", "01", "zz"}, "01", 1, 1, 8, 4, LTH_REFUSE_unknown_code},
        {{"", "12", "1/9/2025", "01", NULL}, "01", 1, 1, 1, 1, LTH_REFUSE_broken_rule},
        {{"", "x", "1/9/2025", "01", NULL}, "01", 1, 1, 1, 1, LTH_REFUSE_bad_value},
    };
    rules_kit_dataset()->dated_by = 7;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        lth_cell cells[5];
        lth_mapped_row out;
        for (int k = 0; k < 5; k++) {
            const uint8_t *p = (const uint8_t *)rows[i].cells[k];
            cells[k] = (lth_cell){p, p == NULL ? -1 : (int64_t)strlen(rows[i].cells[k])};
        }
        assert_int_equal(
            lth_map_row(&out, &mapping, &rules_kit_schema, cells, 20260901, rules_kit_arena()),
            LTH_OK);
        const lth_finding *f = &out.findings.items[0];
        assert_int_equal(out.findings.n, rows[i].n);
        assert_int_equal(out.findings.errors, rows[i].errors);
        if (rows[i].n > 0) {
            assert_string_equal(lth_refusal_name(f->code), lth_refusal_name(rows[i].first));
            assert_int_equal(f->field, rows[i].field);
            assert_int_equal(f->column, rows[i].column);
        }
        const char *code = rows[i].code != NULL ? rows[i].code : "";
        assert_true(lth_slice_equal(out.values[9].text, rules_kit_text(code)));
    }
    rules_kit_dataset()->dated_by = 0;
}

static int setup(void **state)
{
    (void)state;
    rules_kit_open();
    rules[0] = (lth_rule){.number = 1,
                          .id = "one",
                          .severity = LTH_SEVERITY_ERROR,
                          .check = compile("n <= 10"),
                          .field = 1,
                          .text = {"{n.title} = {n}, d = {d}, {q}, {t}, {b}, {l}, {s} vào {today}",
                                   "{n.title} = {n}, d = {d}, {q}, {t}, {b}, {l}, {s} on {today}"}};
    rules[1] = (lth_rule){.number = 2,
                          .id = "two",
                          .severity = LTH_SEVERITY_WARNING,
                          .check = compile("n is null or n < 100")};
    rules[2] = (lth_rule){.number = 5,
                          .id = "five",
                          .severity = LTH_SEVERITY_BLOCKS,
                          .when = compile("b is null"),
                          .check = compile("d > n"),
                          .text = {"Không tiếng Anh", NULL}};
    rules_kit_dataset()->rules = rules;
    rules_kit_dataset()->n_rules = 3;
    rules_kit_dataset()->references = REFERENCES;
    rules_kit_dataset()->n_references = 1;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rules_kit_close();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules),     cmocka_unit_test(test_withheld),
        cmocka_unit_test(test_codes),     cmocka_unit_test(test_full),
        cmocka_unit_test(test_sentences), cmocka_unit_test(test_cells),
        cmocka_unit_test(test_templates), cmocka_unit_test(test_reference),
        cmocka_unit_test(test_unique),    cmocka_unit_test(test_record),
        cmocka_unit_test(test_mapped),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
