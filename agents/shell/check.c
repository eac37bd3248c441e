/* source check: the first rows of a school's tables, as mapped fields. Shown on the local socket to
 * the owner of the data, stored and logged nowhere. */

#include <stdlib.h>

#include "agents/shell/engine.h"

#define CHECK_ROWS  5u
#define ARENA_BYTES (4u * 1024u * 1024u)
#define VALUE_BYTES (512u * 1024u)

typedef struct lth_check {
    struct lth_check *next;
    lth_engine *engine;
    lth_control_call *call;
    uint32_t school;
    lth_arena *arena;
    lth_buf text;
    bool fault;
} lth_check;

static const lth_child_listener listener;

/* ---- rows ---- */

static json_t *field_json(lth_check *self, const lth_group *group, const lth_field *field,
                          const lth_value *value)
{
    lth_buf_clear(&self->text);
    if (lth_value_text(&self->text, field, value) != LTH_OK)
        return NULL;
    json_t *text = json_stringn((const char *)self->text.p, self->text.n);
    return json_pack("{s:s,s:s,s:s,s:o}", "name", field->name, "title",
                     field->title.vi != NULL ? field->title.vi : field->name, "group", group->name,
                     "value", text != NULL ? text : json_string(""));
}

static json_t *fields_json(lth_check *self, const lth_dataset *dataset, const lth_mapped_row *row)
{
    json_t *list = json_array();
    for (uint32_t g = 0; g < row->n_groups; g++) {
        const lth_group *group = lth_dataset_group(dataset, row->groups[g].number);
        const lth_field *field;
        lth_value value;
        size_t at = 0;
        while (group != NULL && lth_group_next(group, row->groups[g].value, &at, &field, &value)) {
            json_t *one = field_json(self, group, field, &value);
            if (one != NULL)
                json_array_append_new(list, one);
        }
    }
    return list;
}

static json_t *row_json(const lth_check *self, uint32_t table)
{
    const lth_agent_node *node = &self->engine->node;
    return json_pack("{s:s,s:s,s:s}", "kind", "source", "org",
                     node->conf->schools[self->school].org, "dataset",
                     node->schools[self->school].tables[table].mapping->dataset->name);
}

static const char *field_name(const lth_dataset *dataset, uint16_t number)
{
    for (uint32_t i = 0; i < dataset->n_fields; i++) {
        if (dataset->fields[i].number == number)
            return dataset->fields[i].name;
    }
    return "";
}

static void on_row(void *ctx, const lth_child_row *read)
{
    lth_check *self = ctx;
    const lth_mapping *mapping =
        self->engine->node.schools[self->school].tables[read->table].mapping;
    lth_mapped_row *row = lth_arena_alloc(self->arena, sizeof *row);
    if (row == NULL || lth_map_row(row, mapping, NULL, read->cells, 0, self->arena) != LTH_OK) {
        self->fault = true;
        lth_arena_reset(self->arena);
        return;
    }
    json_t *out = row_json(self, read->table);
    json_object_set_new(out, "fields", fields_json(self, mapping->dataset, row));
    if (row->findings.errors > 0) {
        const lth_finding *first = &row->findings.items[0];
        self->fault = true;
        json_object_set_new(out, "fault",
                            json_pack("{s:s,s:s,s:s}", "code", lth_refusal_name(first->code), "vi",
                                      lth_refusal_text(first->code, false), "en",
                                      lth_refusal_text(first->code, true)));
        json_object_set_new(out, "detail", json_string(field_name(mapping->dataset, first->field)));
    }
    lth_control_row(self->call, out);
    lth_arena_reset(self->arena);
}

static void on_table_end(void *ctx, const lth_child_end *end)
{
    lth_check *self = ctx;
    if (end->fault == LTH_SCAN_none)
        return;
    self->fault = true;
    json_t *out = row_json(self, end->table);
    json_object_set_new(out, "fault", lth_engine_json_fault(end->fault));
    json_object_set_new(out, "detail", json_string(end->detail));
    lth_control_row(self->call, out);
}

static void on_end(void *ctx)
{
    lth_check *self = ctx;
    self->engine->trim = true;
    lth_control_end(self->call, self->fault ? 1 : 0, NULL);
}

static const lth_child_listener listener = {
    .row = on_row, .table_end = on_table_end, .end = on_end};

/* ---- the call ---- */

/* The call is over, whoever ended it. */
static void check_free(void *state)
{
    lth_check *self = state;
    lth_children_drop(&self->engine->children, &listener, self);
    lth_check **at = &self->engine->checks;
    while (*at != NULL && *at != self)
        at = &(*at)->next;
    if (*at != NULL)
        *at = self->next;
    lth_arena_free(&self->arena);
    lth_buf_fini(&self->text);
    free(self);
}

/* Nothing to do between the child's words. */
static void idle(void *ctx, lth_control_call *call, void *state)
{
    (void)ctx;
    (void)call;
    (void)state;
}

void lth_engine_checks_cancel(lth_engine *self)
{
    for (lth_check *check = self->checks; check != NULL; check = check->next) {
        lth_children_drop(&self->children, &listener, check);
        lth_control_error(check->call, 4, "reloaded", "cấu hình vừa được nạp lại, hãy thử lại",
                          "the configuration was loaded again, try once more");
    }
    self->checks = NULL;
}

static uint64_t tables_of(const lth_agent_school *school, const char *dataset)
{
    uint64_t tables = 0;
    for (uint32_t i = 0; i < school->n_tables; i++) {
        bool wanted =
            dataset == NULL || strcmp(dataset, school->tables[i].mapping->dataset->name) == 0;
        tables |= wanted ? UINT64_C(1) << i : 0;
    }
    return tables;
}

static void start(lth_engine *self, lth_control_call *call, uint32_t school, uint64_t tables)
{
    lth_diag diag = {0};
    lth_check *check = calloc(1, sizeof *check);
    if (check == NULL) {
        lth_control_error(call, 4, "nomem", "hết bộ nhớ", "out of memory");
        return;
    }
    *check = (lth_check){.next = self->checks,
                         .engine = self,
                         .call = call,
                         .school = school,
                         .arena = lth_arena_new(ARENA_BYTES)};
    self->checks = check;
    lth_buf_init(&check->text, VALUE_BYTES);
    lth_control_continue(call, idle, check, check_free);
    lth_control_pause(call, true);
    const lth_source_conf *source = &self->node.conf->schools[school];
    lth_child_plan plan = {.source = source,
                           .name = source->org,
                           .tables = tables,
                           .rows_max = CHECK_ROWS,
                           .listener = &listener,
                           .ctx = check};
    if (check->arena == NULL ||
        lth_children_start(&self->children, &plan, lth_platform_now().mono, &diag) != LTH_OK)
        lth_control_error(call, 4, "capture_not_started", diag.text, diag.text);
}

static uint32_t checks_under_way(const lth_engine *self)
{
    uint32_t n = 0;
    for (const lth_check *check = self->checks; check != NULL; check = check->next)
        n++;
    return n;
}

void lth_engine_source_check(void *ctx, lth_control_call *call, const json_t *request)
{
    lth_engine *self = ctx;
    const char *dataset = json_string_value(json_object_get(request, "dataset"));
    uint32_t school;
    if (!lth_engine_school_named(self, call, request, &school))
        return;
    uint64_t tables = tables_of(&self->node.schools[school], dataset);
    if (self->node.conf->schools[school].profile != NULL)
        lth_control_error(call, 4, "no_database", "trường này nộp tệp, không có nguồn để đọc thử",
                          "this school hands in files, there is no source to try");
    else if (tables == 0)
        lth_control_error(call, 4, "unknown_dataset", "trường này không có tập dữ liệu đó",
                          "this school has no such dataset");
    else if (checks_under_way(self) == LTH_ENGINE_CHECKS_MAX)
        lth_control_error(call, 4, "busy", "đang kiểm tra nguồn khác, hãy thử lại",
                          "other sources are being checked, try again");
    else
        start(self, call, school, tables);
}
