#include "lth/public.h"

#include "internal.h"

#define ALWAYS     10000101 /* Of a natural key, which has no empty field. */
#define MEDIA_TYPE "application/yaml"
#define WORDS      16u

/* ---- the two datasets ---- */

static const lth_field definition_fields[] = {
    {.name = "kind",
     .number = 1,
     .group = LTH_PUBLIC_NATURAL,
     .type = LTH_TYPE_TEXT,
     .required = true,
     .max = 20,
     .title = {"Loại", "Kind"}},
    {.name = "name",
     .number = 2,
     .group = LTH_PUBLIC_NATURAL,
     .type = LTH_TYPE_TEXT,
     .required = true,
     .max = 64,
     .title = {"Tên", "Name"}},
    {.name = "version",
     .number = 3,
     .group = LTH_PUBLIC_CONTENT,
     .type = LTH_TYPE_INTEGER,
     .required = true,
     .has_min = true,
     .min = 1,
     .title = {"Phiên bản", "Version"}},
    {.name = "content",
     .number = 4,
     .group = LTH_PUBLIC_CONTENT,
     .type = LTH_TYPE_DOCUMENT,
     .required = true,
     .title = {"Văn bản", "Text"}},
};

#define TEXT(name_, number_, group_, max_, required_, vi_, en_)                                    \
    {                                                                                              \
        .name = (name_), .number = (number_), .group = (group_), .type = LTH_TYPE_TEXT,            \
        .required = (required_), .max = (max_), .title = {                                         \
            (vi_),                                                                                 \
            (en_)                                                                                  \
        }                                                                                          \
    }
#define DAY(name_, number_, group_, required_, vi_, en_)                                           \
    {                                                                                              \
        .name = (name_), .number = (number_), .group = (group_), .type = LTH_TYPE_DATE,            \
        .required = (required_), .precision = LTH_DATE_DAY, .title = {                             \
            (vi_),                                                                                 \
            (en_)                                                                                  \
        }                                                                                          \
    }

static const lth_field code_fields[] = {
    TEXT("list", 1, LTH_PUBLIC_NATURAL, 64, true, "Danh mục", "List"),
    TEXT("code", 2, LTH_PUBLIC_NATURAL, 64, true, "Mã", "Code"),
    DAY("valid_from", 3, LTH_PUBLIC_NATURAL, true, "Từ ngày", "From"),
    TEXT("vi", 4, LTH_PUBLIC_CONTENT, 500, false, "Tên tiếng Việt", "Vietnamese"),
    TEXT("en", 5, LTH_PUBLIC_CONTENT, 500, false, "Tên tiếng Anh", "English"),
    DAY("valid_to", 6, LTH_PUBLIC_CONTENT, false, "Đến hết ngày", "To"),
    TEXT("parent", 7, LTH_PUBLIC_CONTENT, 64, false, "Thuộc mã", "Parent"),
    TEXT("replaced_by", 8, LTH_PUBLIC_CONTENT, 1000, false, "Thay bằng", "Replaced by"),
};

static const lth_field *const definition_key[] = {&definition_fields[0], &definition_fields[1]};
static const lth_field *const definition_content[] = {&definition_fields[2], &definition_fields[3]};
static const lth_field *const code_key[] = {&code_fields[0], &code_fields[1], &code_fields[2]};
static const lth_field *const code_content[] = {&code_fields[3], &code_fields[4], &code_fields[5],
                                                &code_fields[6], &code_fields[7]};

#define GROUP(name_, number_, fields_, vi_, en_)                                                   \
    {                                                                                              \
        .name = (name_), .number = (number_), .fields = (fields_),                                 \
        .n_fields = sizeof(fields_) / sizeof *(fields_), .title = {                                \
            (vi_),                                                                                 \
            (en_)                                                                                  \
        }                                                                                          \
    }
static const lth_group definition_groups[] = {
    GROUP("key", LTH_PUBLIC_NATURAL, definition_key, "Khoá", "Key"),
    GROUP("content", LTH_PUBLIC_CONTENT, definition_content, "Nội dung", "Content")};
static const lth_group code_groups[] = {
    GROUP("key", LTH_PUBLIC_NATURAL, code_key, "Khoá", "Key"),
    GROUP("content", LTH_PUBLIC_CONTENT, code_content, "Nội dung", "Content")};

static const lth_dataset datasets[] = {
    {.name = "definition",
     .number = LTH_PUBLIC_DEFINITION,
     .version = 1,
     .title = {"Định nghĩa", "Definition"},
     .groups = definition_groups,
     .n_groups = 2,
     .fields = definition_fields,
     .n_fields = sizeof definition_fields / sizeof *definition_fields,
     .natural_group = LTH_PUBLIC_NATURAL},
    {.name = "code",
     .number = LTH_PUBLIC_CODE,
     .version = 1,
     .title = {"Mã trong danh mục", "Code of a list"},
     .groups = code_groups,
     .n_groups = 2,
     .fields = code_fields,
     .n_fields = sizeof code_fields / sizeof *code_fields,
     .natural_group = LTH_PUBLIC_NATURAL},
};
#define N_DATASETS (sizeof datasets / sizeof *datasets)
static const lth_schema schema = {.datasets = datasets, .n_datasets = N_DATASETS};

const lth_schema *lth_public_schema(void)
{
    return &schema;
}

bool lth_public_is(uint16_t dataset)
{
    return lth_schema_find(&schema, dataset) != NULL;
}

lth_err lth_public_extend(lth_schema *out, const lth_schema *in, lth_arena *arena, lth_diag *diag)
{
    uint32_t n = 0, from = 0;
    lth_dataset *all = lth_arena_alloc(arena, (in->n_datasets + N_DATASETS) * sizeof *all);
    if (all == NULL) {
        return LTH_E_NOMEM;
    }
    for (size_t i = 0; i < N_DATASETS; i++) {
        if (lth_schema_find(in, datasets[i].number) != NULL ||
            lth_schema_find_name(in, datasets[i].name) != NULL) {
            return lth_fail(diag, LTH_E_CONFIG,
                            "tập dữ liệu %s, số hiệu %u là của giao thức: đặt tên và số khác / "
                            "dataset %s, number %u belong to the protocol: choose others",
                            datasets[i].name, (unsigned)datasets[i].number, datasets[i].name,
                            (unsigned)datasets[i].number);
        }
        while (from < in->n_datasets && in->datasets[from].number < datasets[i].number) {
            all[n++] = in->datasets[from++];
        }
        all[n++] = datasets[i];
    }
    while (from < in->n_datasets) {
        all[n++] = in->datasets[from++];
    }
    *out = *in;
    out->datasets = all;
    out->n_datasets = n;
    return LTH_OK;
}

const lth_org *lth_public_author(const lth_registry *registry, const lth_org *org, uint32_t day)
{
    const lth_org *above = org;
    for (uint32_t steps = 0; above != NULL && steps < 32; steps++) {
        org = above;
        above = lth_registry_path_parent(registry, org, day);
    }
    return above == NULL ? org : NULL;
}

/* ---- records ---- */

static const char *const kinds[] = {[LTH_PUBLIC_DATASET] = "dataset",
                                    [LTH_PUBLIC_LIST] = "codelist",
                                    [LTH_PUBLIC_ACT] = "publication"};
#define N_KINDS (sizeof kinds / sizeof *kinds)

const char *lth_public_kind_name(lth_public_kind kind)
{
    size_t i = (size_t)kind;
    return i < N_KINDS && kinds[i] != NULL ? kinds[i] : "unknown";
}

static lth_value text_value(lth_slice text)
{
    return text.n == 0 ? (lth_value){.kind = LTH_VALUE_NULL}
                       : (lth_value){.kind = LTH_VALUE_TEXT, .text = text};
}

static lth_value number_value(int64_t number)
{
    return number == 0 ? (lth_value){.kind = LTH_VALUE_NULL}
                       : (lth_value){.kind = LTH_VALUE_INT, .number = number};
}

static lth_err encode(lth_buf *out, const lth_dataset *ds, uint16_t group, const lth_value *values)
{
    lth_buf_clear(out);
    return lth_group_encode(out, lth_dataset_group(ds, group), values);
}

static lth_err add_part(lth_buf *out, uint8_t number, lth_slice bytes)
{
    uint8_t head[16];
    uint8_t *end = lth_schema__varint_put(head, (uint64_t)number << 3 | WIRE_BYTES);
    end = lth_schema__varint_put(end, bytes.n);
    lth_err err = lth_buf_add(out, head, (size_t)(end - head));
    return err == LTH_OK ? lth_buf_add(out, bytes.p, bytes.n) : err;
}

static lth_err add_document(lth_buf *out, const lth_hasher *h, lth_slice text)
{
    uint8_t hash[LTH_HASH_SIZE];
    lth_sha256(h, text.p, text.n, hash);
    lth_err err = add_part(out, 1, lth_slice_of(MEDIA_TYPE, sizeof MEDIA_TYPE - 1));
    err = err == LTH_OK ? add_part(out, 2, lth_slice_of(hash, sizeof hash)) : err;
    return err == LTH_OK ? add_part(out, 3, text) : err;
}

lth_err lth_public_definition_encode(lth_buf *natural, lth_buf *content, const lth_hasher *h,
                                     const lth_public_definition *in)
{
    const char *kind = lth_public_kind_name(in->kind);
    const lth_value key[] = {text_value(lth_slice_of(kind, strlen(kind))), text_value(in->name)};
    lth_buf document;
    if (in->text.n == 0 || in->text.n > LTH_PUBLIC_TEXT_MAX) {
        return LTH_E_LIMIT;
    }
    lth_buf_init(&document, LTH_RECORD_MAX);
    lth_err err = add_document(&document, h, in->text);
    const lth_value values[] = {number_value(in->version), text_value(lth_buf_slice(&document))};
    err = err == LTH_OK ? encode(natural, &datasets[0], LTH_PUBLIC_NATURAL, key) : err;
    err = err == LTH_OK ? encode(content, &datasets[0], LTH_PUBLIC_CONTENT, values) : err;
    lth_buf_fini(&document);
    return err;
}

lth_err lth_public_code_encode(lth_buf *natural, lth_buf *content, const lth_public_code *in)
{
    const lth_value key[] = {text_value(in->list), text_value(in->code),
                             number_value(in->from == 0 ? ALWAYS : in->from)};
    const lth_value values[] = {text_value(in->vi), text_value(in->en), number_value(in->to),
                                text_value(in->parent), text_value(in->replaced_by)};
    lth_err err = encode(natural, &datasets[1], LTH_PUBLIC_NATURAL, key);
    return err == LTH_OK ? encode(content, &datasets[1], LTH_PUBLIC_CONTENT, values) : err;
}

/* Values of both groups by field number; NULL where there is none. False: a group is not shown or
 * not what the dataset says. */
static bool values_of(const lth_record_view *record, const lth_dataset *ds, lth_value values[WORDS])
{
    memset(values, 0, WORDS * sizeof *values);
    if (record->form == LTH_FORM_LEAF || record->header.dataset != ds->number ||
        record->header.op != LTH_OP_STATE) {
        return false;
    }
    for (uint32_t i = 0; i < ds->n_groups; i++) {
        const lth_group_view *group = lth_record_group(record, ds->groups[i].number);
        const lth_field *field;
        lth_value value;
        size_t at = 0;
        if (group == NULL || !group->shown ||
            lth_group_check(&ds->groups[i], group->value, NULL) != LTH_REFUSE_none) {
            return false;
        }
        while (lth_group_next(&ds->groups[i], group->value, &at, &field, &value)) {
            LTH_ASSERT(field->number < WORDS);
            values[field->number] = value;
        }
    }
    return true;
}

/* Media type, hash and bytes of a document that was checked; false: the bytes are not there or not
 * those of the hash. */
static bool read_document(lth_slice *out, const lth_hasher *h, lth_slice document)
{
    const uint8_t *p = document.p, *end = p + document.n;
    uint8_t hash[LTH_HASH_SIZE];
    token t[3];
    for (uint32_t i = 0; i < 3; i++) {
        if (p == end || !lth_schema__token(&t[i], &p, end)) {
            return false;
        }
    }
    *out = t[2].bytes;
    lth_sha256(h, out->p, out->n, hash);
    return lth_slice_equal(t[1].bytes, lth_slice_of(hash, sizeof hash));
}

bool lth_public_definition_read(lth_public_definition *out, const lth_hasher *h,
                                const lth_record_view *record)
{
    lth_value values[WORDS];
    *out = (lth_public_definition){.version = 0};
    if (!values_of(record, &datasets[0], values) || values[3].number > UINT32_MAX) {
        return false;
    }
    for (size_t i = 1; i < N_KINDS; i++) {
        if (lth_slice_equal(values[1].text, lth_slice_of(kinds[i], strlen(kinds[i])))) {
            out->kind = (lth_public_kind)i;
        }
    }
    out->name = values[2].text;
    out->version = (uint32_t)values[3].number;
    return out->kind != 0 && read_document(&out->text, h, values[4].text);
}

bool lth_public_code_read(lth_public_code *out, const lth_record_view *record)
{
    lth_value v[WORDS];
    if (!values_of(record, &datasets[1], v)) {
        return false;
    }
    *out = (lth_public_code){.list = v[1].text,
                             .code = v[2].text,
                             .from = v[3].number == ALWAYS ? 0 : (uint32_t)v[3].number,
                             .vi = v[4].text,
                             .en = v[5].text,
                             .to = (uint32_t)v[6].number,
                             .parent = v[7].text,
                             .replaced_by = v[8].text};
    return true;
}

void lth_public_record_id(lth_id *out, const lth_hasher *h, const lth_id *author, uint16_t dataset,
                          lth_slice natural)
{
    static const uint8_t open_key[32];
    lth_record_id_make(out, h, author, open_key, dataset, natural);
}
