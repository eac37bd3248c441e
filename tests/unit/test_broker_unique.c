/* What no two living records of a school may have alike: who is held, how it heals, what a new, a
 * changed and a removed constraint do, and that the tier above follows. After every batch the index
 * is compared with the records that live, and every hold with who has its value. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/store/store_mem.h"
#include "lth/rule.h"
#include "lth/schema.h"
#include "test_broker_fixture.h"

#define RULE   201u
#define SECOND 202u

static const uint16_t share_all[] = {1, 2, 3, 4};
static const uint16_t study[] = {2}, secret[] = {4}, both[] = {2, 4};
static lth_field fields[4];
static const lth_field *of_group[4];
static lth_group groups[4];
static lth_dataset with, without;
static lth_schema schema, plain;
static lth_unique uniques[2];
static lth_rule rules[1];
static lth_arena *memory;

static node province, ministry;
static school a, b;

static const lth_expr *compile(const char *text)
{
    const lth_expr *out = NULL;
    lth_diag diag = {0};
    if (lth_expr_compile(&out, &without, text, memory, &diag) != LTH_OK) {
        fail_msg("%s: %s", text, diag.text);
    }
    return out;
}

static void make_schemas(void)
{
    without = country_schema()->datasets[0];
    for (uint32_t i = 0; i < 4; i++) {
        groups[i] = without.groups[i];
        fields[i] = *groups[i].fields[0];
        of_group[i] = &fields[i];
        groups[i].fields = &of_group[i];
    }
    without.groups = groups;
    without.fields = fields;
    rules[0] = (lth_rule){.number = 3,
                          .id = "no_bad",
                          .severity = LTH_SEVERITY_ERROR,
                          .check = compile("secret != 'bad'"),
                          .field = 4};
    without.rules = rules;
    without.n_rules = 1;
    uniques[0] = (lth_unique){.number = RULE,
                              .id = "once",
                              .severity = LTH_SEVERITY_ERROR,
                              .fields = study,
                              .n_fields = 1};
    uniques[1] = (lth_unique){.number = SECOND,
                              .id = "secret_once",
                              .severity = LTH_SEVERITY_WARNING,
                              .fields = secret,
                              .n_fields = 1};
    with = without;
    with.uniques = uniques;
    with.n_uniques = 1;
    schema = (lth_schema){.dict_ver = 1, .datasets = &with, .n_datasets = 1};
    plain = (lth_schema){.dict_ver = 1, .datasets = &without, .n_datasets = 1};
}

static void reload(node *self, const lth_schema *to)
{
    self->env.schema = to;
    lth_broker_reload(self->broker, self->env.registry, to, self->env.policy);
}

static void begin_epoch(school *s, uint32_t n)
{
    lth_frame hello = {.kind = LTH_FRAME_HELLO,
                       .hello = {.origin = test_org(n), .session = s->at.epoch + 1, .head = s->at}};
    lth_frame request = {.kind = LTH_FRAME_EPOCH_REQUEST,
                         .epoch_request = {.origin = test_org(n), .head = s->at}};
    node_frame(&province, n, &hello);
    node_frame(&province, n, &request);
    carry(&province, &ministry);
    assert_non_null(node_take(&province, PEER_OF(n), LTH_FRAME_EPOCH_GRANT));
    s->n = n;
    s->at.epoch++; /* What it closes is the last batch of the one before: the hash stays. */
    s->at.seq = 0;
    s->next_rec_seq = 1;
}

static int setup_with(const lth_schema *first)
{
    country_init();
    memory = lth_arena_new((size_t)1 << 20);
    make_schemas();
    node_init(&ministry, ORG_MINISTRY, false);
    node_init(&province, ORG_PROVINCE, true);
    reload(&ministry, &schema);
    reload(&province, first);
    node_route(&province, LTH_SEND_GROUPS, share_all, 4);
    link_up(&province, &ministry);
    node_greet(&province, ORG_A);
    node_greet(&province, ORG_B);
    a = b = (school){.n = 0};
    begin_epoch(&a, ORG_A);
    begin_epoch(&b, ORG_B);
    node_clear(&province);
    return 0;
}

static int setup(void **state)
{
    (void)state;
    return setup_with(&schema);
}

static int setup_plain(void **state)
{
    (void)state;
    return setup_with(&plain);
}

static int teardown(void **state)
{
    (void)state;
    node_fini(&province);
    node_fini(&ministry);
    lth_arena_free(&memory);
    country_fini();
    return 0;
}

/* ---- the store, read by itself ---- */

static lth_slice text_of(const lth_record_row *row, uint16_t group)
{
    lth_rd rd = lth_rd_of(row->wire);
    lth_record_view view;
    assert_int_equal(lth_record_parse(&view, &rd), LTH_REFUSE_none);
    const lth_group_view *found = lth_record_group(&view, group);
    return found != NULL && found->shown ? found->value : (lth_slice){0};
}

/* Records that live in one school and have this field; with @p value only those that have it. */
static uint32_t count_living(uint32_t org, uint16_t group, const lth_slice *value)
{
    lth_txn *txn;
    lth_cursor *cursor;
    lth_slice key, bytes;
    lth_id prefix = test_org(org);
    uint32_t n = 0;
    assert_int_equal(lth_store_begin(province.store, false, &txn), LTH_OK);
    assert_int_equal(lth_cursor_open(txn, LTH_T_record, &cursor), LTH_OK);
    while (lth_cursor_next(cursor, &key, &bytes) == LTH_OK) {
        lth_record_row row;
        assert_true(lth_record_row_decode(&row, bytes));
        lth_slice has = text_of(&row, group);
        bool counts = row.state == LTH_ROW_LIVE && memcmp(key.p + 2, prefix.b, 8) == 0 &&
                      lth_get16(key.p + 18) == 0 && has.n > 0;
        n += counts && (value == NULL || lth_slice_equal(*value, has)) ? 1 : 0;
    }
    lth_cursor_close(&cursor);
    lth_store_abort(&txn);
    return n;
}

/* With one constraint, without condition: nobody shares a value, all who have one are entered, and
 * whoever is held for one waits for somebody. */
static void expect_sound(void)
{
    lth_txn *txn;
    lth_cursor *cursor;
    lth_slice key, bytes;
    assert_int_equal(lth_store_begin(province.store, false, &txn), LTH_OK);
    assert_int_equal(lth_cursor_open(txn, LTH_T_record, &cursor), LTH_OK);
    while (lth_cursor_next(cursor, &key, &bytes) == LTH_OK) {
        lth_record_row row;
        assert_true(lth_record_row_decode(&row, bytes));
        lth_slice has = text_of(&row, 2);
        if (row.state == LTH_ROW_LIVE && has.n > 0) {
            uint32_t org = memcmp(key.p + 2, test_org(ORG_A).b, 8) == 0 ? ORG_A : ORG_B;
            assert_int_equal(count_living(org, 2, &has), 1);
        }
    }
    lth_cursor_close(&cursor);
    assert_int_equal(lth_cursor_open(txn, LTH_T_held, &cursor), LTH_OK);
    while (lth_cursor_next(cursor, &key, &bytes) == LTH_OK) {
        lth_held_row held;
        assert_true(lth_held_row_decode(&held, bytes));
        if (held.code != LTH_REFUSE_not_unique) {
            continue;
        }
        bool found = false;
        lth_cursor *look;
        lth_slice at, none;
        assert_int_equal(lth_cursor_open(txn, LTH_T_unique, &look), LTH_OK);
        while (lth_cursor_next(look, &at, &none) == LTH_OK) {
            assert_int_equal(at.n, 44);
            found = found || (memcmp(at.p, held.record_id.b, 8) == 0 &&
                              memcmp(at.p + 12, held.wait.hash, 16) == 0 &&
                              memcmp(at.p + 28, held.record_id.b, 16) != 0);
        }
        lth_cursor_close(&look);
        assert_true(found);
    }
    lth_cursor_close(&cursor);
    lth_store_abort(&txn);
    assert_int_equal(node_entries(&province, LTH_T_unique),
                     count_living(ORG_A, 2, NULL) + count_living(ORG_B, 2, NULL));
    assert_int_equal(node_entries(&province, LTH_T_wake), 0);
    assert_int_equal(node_entries(&ministry, LTH_T_unique), 0);
    assert_int_equal(node_entries(&ministry, LTH_T_indexed), 0);
}

static void run_slices(void)
{
    for (uint32_t i = 0; lth_broker_deadline(province.broker) <= province.now.mono; i++) {
        assert_true(i < 1000);
        node_timer(&province, 0);
    }
    carry(&province, &ministry);
}

#define SEND_OF(school, ...)                                                                       \
    do {                                                                                           \
        static const record sent_[] = {__VA_ARGS__};                                               \
        send_good(&province, school, sent_, sizeof sent_ / sizeof *sent_);                         \
        run_slices();                                                                              \
    } while (0)
#define SEND(...)                                                                                  \
    do {                                                                                           \
        SEND_OF(&a, __VA_ARGS__);                                                                  \
        expect_sound();                                                                            \
    } while (0)

static bool row_of(node *self, uint32_t id, lth_record_row *out)
{
    return node_row(self, record_id(ORG_A, id), 0, out);
}

static void expect_row(uint32_t id, lth_row_state state, uint64_t rec_seq)
{
    lth_record_row here, above;
    assert_true(row_of(&province, id, &here));
    assert_true(row_of(&ministry, id, &above));
    assert_int_equal(here.state, state);
    assert_int_equal(above.state, state);
    assert_int_equal(here.rec_seq, rec_seq);
    assert_int_equal(above.rec_seq, rec_seq);
}

static void expect_none(uint32_t id)
{
    lth_record_row row;
    assert_false(row_of(&province, id, &row));
    assert_false(row_of(&ministry, id, &row));
}

static void expect_open(uint64_t n)
{
    lth_head here, above;
    assert_true(node_head(&province, ORG_A, &here));
    assert_true(node_head(&ministry, ORG_A, &above));
    assert_int_equal(here.held, n);
    assert_int_equal(above.held, n);
    assert_int_equal(node_entries(&province, LTH_T_held), n);
    assert_int_equal(node_entries(&ministry, LTH_T_held), n);
    assert_int_equal(node_entries(&province, LTH_T_owed), 0);
}

static lth_frame_held told(void)
{
    const lth_frame *frame = node_take(&province, PEER_OF(ORG_A), LTH_FRAME_HELD);
    assert_non_null(frame);
    return frame->held;
}

/* ---- one is held ---- */

static void later_record_waits_until_the_other_ends(void **state)
{
    (void)state;
    SEND({.id = 9, .natural = "9", .study = "v"});
    SEND({.id = 1, .natural = "1", .study = "v"}, {.id = 2, .natural = "2", .study = "w"},
         {.id = 3, .natural = "3"}, {.id = 4, .natural = "4"});
    lth_frame_held held = told();
    assert_int_equal(held.code, LTH_REFUSE_not_unique);
    assert_int_equal(held.rule, RULE);
    assert_int_equal(held.group, 2);
    assert_int_equal(held.field, 2);
    assert_int_equal(held.other.n, 16);
    assert_memory_equal(held.other.p, record_id(ORG_A, 9).b, 16);
    expect_open(1);
    expect_none(1);
    expect_row(2, LTH_ROW_LIVE, 3);
    assert_int_equal(node_entries(&ministry, LTH_T_wanted), 0);
    SEND({.id = 9, .op = LTH_OP_DELETE, .natural = "9"});
    assert_int_equal(told().code, LTH_REFUSE_none);
    expect_open(0);
    expect_row(1, LTH_ROW_LIVE, 2);
    assert_int_equal(node_entries(&province, LTH_T_wanted), 0);
}

static void another_school_is_not_looked_at(void **state)
{
    (void)state;
    SEND({.id = 1, .natural = "1", .study = "v"});
    SEND_OF(&b, {.id = 1, .natural = "1", .study = "v"});
    expect_sound();
    expect_open(0);
    lth_record_row row;
    assert_true(node_row(&ministry, record_id(ORG_B, 1), 0, &row));
}

static void heals_when_the_other_changes(void **state)
{
    (void)state;
    SEND({.id = 1, .natural = "1", .study = "v"});
    SEND({.id = 2, .natural = "2", .study = "v"});
    SEND({.id = 3, .natural = "3", .study = "v"});
    expect_open(2);
    SEND({.id = 1, .natural = "1", .study = "v", .secret = "same"});
    expect_open(2);
    SEND({.id = 1, .natural = "1", .study = "w"});
    expect_open(1); /* The first that came gets it. */
    expect_row(2, LTH_ROW_LIVE, 2);
    expect_none(3);
    lth_frame_held last = {0}; /* 3 learns who has it now. */
    while (node_count(&province, PEER_OF(ORG_A), LTH_FRAME_HELD) > 0) {
        lth_frame_held next = told();
        last = next.code == LTH_REFUSE_not_unique ? next : last;
    }
    assert_memory_equal(last.record_id.b, record_id(ORG_A, 3).b, 16);
    assert_memory_equal(last.other.p, record_id(ORG_A, 2).b, 16);
    SEND({.id = 2, .natural = "2"}); /* No value at all. */
    expect_open(0);
    expect_row(3, LTH_ROW_LIVE, 3);
}

static void heals_by_its_own_next_version(void **state)
{
    (void)state;
    SEND({.id = 1, .natural = "1", .study = "v"}, {.id = 2, .natural = "2", .study = "w"});
    SEND({.id = 2, .natural = "2", .study = "v"});
    expect_open(1);
    expect_row(2, LTH_ROW_LIVE, 2); /* It stays what it was, with its value. */
    SEND({.id = 3, .natural = "3", .study = "w"});
    expect_open(2);
    SEND({.id = 2, .natural = "2", .study = "x"});
    expect_open(0);
    expect_row(2, LTH_ROW_LIVE, 5);
    expect_row(3, LTH_ROW_LIVE, 4);
}

static void of_one_batch_the_later_is_held(void **state)
{
    (void)state;
    SEND({.id = 8, .natural = "8", .study = "v"}, {.id = 2, .natural = "2", .study = "v"},
         {.id = 5, .natural = "5", .study = "v"});
    expect_open(2);
    expect_row(8, LTH_ROW_LIVE, 1);
    assert_memory_equal(told().other.p, record_id(ORG_A, 8).b, 16);
    assert_memory_equal(told().other.p, record_id(ORG_A, 8).b, 16);
    /* Who has the value goes before who wants it, wherever they stand. */
    SEND({.id = 1, .natural = "1", .study = "v"}, {.id = 8, .natural = "8", .study = "v"});
    expect_open(3);
    expect_row(8, LTH_ROW_LIVE, 5);
    expect_none(1);
    SEND({.id = 8, .natural = "8", .study = "z"});
    expect_open(2);
    expect_row(2, LTH_ROW_LIVE, 2);
}

/* ---- swaps ---- */

static void two_swap_in_one_batch(void **state)
{
    (void)state;
    SEND({.id = 1, .natural = "1", .study = "v"}, {.id = 2, .natural = "2", .study = "w"});
    SEND({.id = 1, .natural = "1", .study = "w"}, {.id = 2, .natural = "2", .study = "v"});
    expect_open(0);
    expect_row(1, LTH_ROW_LIVE, 3);
    expect_row(2, LTH_ROW_LIVE, 4);
    SEND({.id = 3, .natural = "3", .study = "v"}, {.id = 2, .op = LTH_OP_DELETE, .natural = "2"});
    expect_open(0);
    expect_row(3, LTH_ROW_LIVE, 5);
}

static void a_swap_of_which_one_is_held_leaves_both(void **state)
{
    (void)state;
    SEND({.id = 1, .natural = "1", .study = "v"}, {.id = 2, .natural = "2", .study = "w"},
         {.id = 3, .natural = "3", .study = "x"});
    /* 1 -> w, 2 -> x, 3 -> v; but 3 breaks a rule. */
    SEND({.id = 1, .natural = "1", .study = "w"}, {.id = 2, .natural = "2", .study = "x"},
         {.id = 3, .natural = "3", .study = "v", .secret = "bad"});
    expect_open(3);
    expect_row(1, LTH_ROW_LIVE, 1);
    expect_row(2, LTH_ROW_LIVE, 2);
    SEND({.id = 3, .natural = "3", .study = "y"});
    expect_open(0);
    expect_row(1, LTH_ROW_LIVE, 4);
    expect_row(2, LTH_ROW_LIVE, 5);
}

/* One that is held for its value keeps its natural key, and who wanted that is held, too. */
static void natural_keys_and_values_together(void **state)
{
    (void)state;
    SEND({.id = 1, .natural = "k1", .study = "v"}, {.id = 2, .natural = "k2", .study = "w"},
         {.id = 3, .natural = "k3", .study = "x"}, {.id = 4, .natural = "k4", .study = "y"});
    SEND({.id = 2, .natural = "n2", .study = "v"}, {.id = 3, .natural = "k2", .study = "z"},
         {.id = 4, .natural = "k4", .study = "x"});
    expect_open(3);
    assert_int_equal(node_entries(&province, LTH_T_natural), 4);
    SEND({.id = 1, .op = LTH_OP_DELETE, .natural = "k1"});
    expect_open(0);
    expect_row(2, LTH_ROW_LIVE, 5);
    expect_row(3, LTH_ROW_LIVE, 6);
    expect_row(4, LTH_ROW_LIVE, 7);
}

/* 2 lost against 1, which is held for another reason: nobody will ever give the value up. */
static void loser_against_a_held_one_is_looked_at_again(void **state)
{
    (void)state;
    uniques[1].severity = LTH_SEVERITY_ERROR;
    with.n_uniques = 2;
    reload(&province, &schema);
    SEND_OF(&a, {.id = 9, .natural = "9", .secret = "s"});
    SEND_OF(&a, {.id = 1, .natural = "1", .study = "v", .secret = "s"},
            {.id = 2, .natural = "2", .study = "v"});
    expect_open(1);
    expect_none(1);
    expect_row(2, LTH_ROW_LIVE, 3);
}

/* ---- snapshots ---- */

static void records_that_a_range_ends_give_up_their_values(void **state)
{
    (void)state;
    SEND({.id = 1, .natural = "1", .study = "v"}, {.id = 2, .natural = "2", .study = "w"});
    SEND({.id = 3, .natural = "3", .study = "v"});
    expect_open(1);
    SEND({.op = LTH_OP_RANGE, .lo = 0, .hi = 1000}, {.id = 2, .natural = "2", .study = "w"},
         {.id = 3, .natural = "3", .study = "v"});
    expect_open(0);
    expect_row(1, LTH_ROW_ABSENT, 4);
    expect_row(3, LTH_ROW_LIVE, 6);
}

static void snapshot_of_a_new_epoch(void **state)
{
    (void)state;
    SEND({.id = 1, .natural = "1", .study = "v"}, {.id = 2, .natural = "2", .study = "w"});
    SEND({.id = 3, .natural = "3", .study = "w"});
    expect_open(1);
    begin_epoch(&a, ORG_A);
    SEND({.op = LTH_OP_RANGE, .lo = 0, .hi = 2}, {.id = 1, .natural = "1", .study = "w"},
         {.id = 2, .natural = "2", .study = "v"});
    expect_open(1);
    SEND({.op = LTH_OP_RANGE, .lo = 2, .hi = 1000}, {.id = 3, .natural = "3", .study = "w"});
    expect_open(1);
    SEND({.id = 3, .natural = "3", .study = "u"});
    expect_open(0);
    expect_row(1, LTH_ROW_LIVE, 2);
}

/* ---- conditions, several fields, warnings ---- */

static void takes_part_only_while_the_condition_is_true(void **state)
{
    (void)state;
    uniques[0].when = compile("secret is null");
    uniques[0].when_text = "secret is null";
    reload(&province, &schema);
    SEND_OF(&a, {.id = 1, .natural = "1", .study = "v"});
    SEND_OF(&a, {.id = 2, .natural = "2", .study = "v", .secret = "left"});
    expect_open(0);
    SEND_OF(&a, {.id = 3, .natural = "3", .study = "v"});
    expect_open(1);
    assert_int_equal(node_entries(&province, LTH_T_unique), 1);
    SEND_OF(&a, {.id = 1, .natural = "1", .study = "v", .secret = "left"});
    expect_open(0);
    expect_row(3, LTH_ROW_LIVE, 3);
    SEND_OF(&a, {.id = 1, .natural = "1", .study = "v"}); /* And back. */
    expect_open(1);
    expect_row(1, LTH_ROW_LIVE, 4);
    assert_int_equal(node_entries(&province, LTH_T_unique), 1);
}

static void several_fields_are_alike_only_together(void **state)
{
    (void)state;
    uniques[0].fields = both;
    uniques[0].n_fields = 2;
    reload(&province, &schema);
    SEND_OF(&a, {.id = 1, .natural = "1", .study = "v", .secret = "s"},
            {.id = 2, .natural = "2", .study = "v", .secret = "t"},
            {.id = 3, .natural = "3", .study = "v"}, {.id = 4, .natural = "4", .study = "v"});
    expect_open(0);
    SEND_OF(&a, {.id = 3, .natural = "3", .study = "v", .secret = "t"});
    expect_open(1);
    assert_int_equal(told().field, 2);
}

static void warning_lists_the_later_one(void **state)
{
    (void)state;
    uniques[0].severity = LTH_SEVERITY_WARNING;
    reload(&province, &schema);
    SEND_OF(&a, {.id = 1, .natural = "1", .study = "v"});
    SEND_OF(&a, {.id = 2, .natural = "2", .study = "v"}, {.id = 3, .natural = "3", .study = "v"});
    expect_open(0);
    assert_int_equal(node_entries(&province, LTH_T_warning), 2);
    assert_int_equal(node_entries(&ministry, LTH_T_warning), 0);
    assert_int_equal(node_entries(&province, LTH_T_unique), 3);
    SEND_OF(&a, {.id = 2, .natural = "2", .study = "w"});
    assert_int_equal(node_entries(&province, LTH_T_warning), 1);
    SEND_OF(&a, {.id = 1, .natural = "1", .study = "x"}, {.id = 3, .natural = "3", .study = "v"});
    assert_int_equal(node_entries(&province, LTH_T_warning), 0);
}

/* ---- definitions that come, change and go ---- */

static void constraint_is_added_and_removed(void **state)
{
    (void)state;
    SEND_OF(&a, {.id = 1, .natural = "1", .study = "v"}, {.id = 2, .natural = "2", .study = "v"},
            {.id = 3, .natural = "3", .study = "w"});
    assert_int_equal(node_entries(&province, LTH_T_indexed), 0);
    reload(&province, &schema);
    run_slices();
    assert_int_equal(node_entries(&province, LTH_T_unique), 3);
    expect_open(0); /* Who shares a value already stays. */
    expect_row(2, LTH_ROW_LIVE, 2);
    SEND_OF(&a, {.id = 2, .natural = "2", .study = "v", .secret = "s"},
            {.id = 4, .natural = "4", .study = "w"});
    expect_open(2);
    expect_row(2, LTH_ROW_LIVE, 2);
    SEND_OF(&a, {.id = 1, .natural = "1", .study = "u"});
    expect_open(1);
    expect_row(2, LTH_ROW_LIVE, 4);
    expect_sound();
    reload(&province, &plain);
    run_slices();
    expect_open(0); /* The ministry still has it, and follows. */
    expect_row(4, LTH_ROW_LIVE, 5);
    assert_int_equal(node_entries(&province, LTH_T_unique), 0);
    assert_int_equal(node_entries(&province, LTH_T_indexed), 0);
}

#define MANY  3000u
#define CHUNK 1000u

static void send_many(void)
{
    static record list[CHUNK];
    static char names[CHUNK][8];
    for (uint32_t i = 0; i < MANY; i++) {
        uint32_t at = i % CHUNK;
        (void)lth_format(names[at], sizeof names[at], "n%u", (unsigned)i);
        list[at] = (record){.id = i + 1, .natural = names[at], .study = names[at], .secret = "s"};
        if (at == CHUNK - 1) {
            send_good(&province, &a, list, CHUNK);
            run_slices();
        }
    }
}

static uint32_t indexing(void)
{
    lth_broker_info info;
    lth_broker_info_of(province.broker, &info);
    return info.indexing;
}

static void index_is_built_across_crashes_while_intake_goes_on(void **state)
{
    (void)state;
    send_many();
    reload(&province, &schema);
    node_timer(&province, 0);
    assert_int_equal(indexing(), 1);
    uint64_t some = node_entries(&province, LTH_T_unique);
    assert_true(some > 0 && some < MANY);
    node_restart(&province);
    link_up(&province, &ministry);
    node_greet(&province, ORG_A);
    assert_true(node_entries(&province, LTH_T_unique) >= some);
    assert_int_equal(indexing(), 1);
    static const record more[] = {{.id = 5000, .natural = "5000", .study = "fresh"},
                                  {.id = 1, .natural = "n0", .study = "other"},
                                  {.id = 2880, .op = LTH_OP_DELETE, .natural = "n2879"}};
    send_good(&province, &a, more, 3);
    assert_int_equal(indexing(), 1);
    node_restart(&province);
    link_up(&province, &ministry);
    node_greet(&province, ORG_A);
    run_slices();
    assert_int_equal(indexing(), 0);
    assert_int_equal(count_living(ORG_A, 2, NULL), MANY);
    assert_int_equal(node_entries(&province, LTH_T_unique), MANY);
    /* A change of the definition makes it anew; held ones do not slip through meanwhile. */
    SEND_OF(&a, {.id = 5001, .natural = "5001", .study = "n5"});
    expect_open(1);
    uniques[0].when = compile("study != 'n7'");
    uniques[0].when_text = "study != 'n7'";
    reload(&province, &schema);
    run_slices();
    expect_open(1);
    assert_int_equal(node_entries(&province, LTH_T_unique), MANY - 1);
    SEND_OF(&a, {.id = 5002, .natural = "5002", .study = "n7"});
    expect_open(1);
}

static void holds_wait_across_a_crash(void **state)
{
    (void)state;
    SEND({.id = 1, .natural = "1", .study = "v"});
    SEND({.id = 2, .natural = "2", .study = "v"});
    node_restart(&province);
    link_up(&province, &ministry);
    node_greet(&province, ORG_A);
    run_slices();
    expect_open(1);
    SEND({.id = 1, .natural = "1", .study = "w"});
    expect_open(0);
    expect_row(2, LTH_ROW_LIVE, 2);
}

/* ---- anything, in any order ---- */

static uint64_t rng;

static uint32_t below(uint32_t n)
{
    rng = rng * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(rng >> 33) % n;
}

static void random_histories_stay_sound(void **state)
{
    (void)state;
    static const char *const keys[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    static const char *const values[] = {"p", "q", "r", "s", "t", NULL};
    static record list[8];
    rng = 20261122;
    for (uint32_t step = 0; step < 400; step++) {
        uint32_t n = 1 + below(6);
        if (step % 40 == 39) {
            list[0] = (record){.op = LTH_OP_RANGE, .lo = below(4), .hi = 4 + below(5)};
        }
        for (uint32_t i = step % 40 == 39 ? 1 : 0; i < n; i++) {
            uint32_t id = 1 + below(8);
            list[i] = (record){.id = id,
                               .op = below(6) == 0 ? LTH_OP_DELETE : LTH_OP_STATE,
                               .natural = keys[below(3) == 0 ? below(8) : id - 1],
                               .study = values[below(6)],
                               .secret = below(8) == 0 ? "bad" : NULL};
        }
        send_good(&province, &a, list, n);
        run_slices();
        expect_sound();
        if (below(50) == 0) {
            node_restart(&province);
            link_up(&province, &ministry);
            node_greet(&province, ORG_A);
        }
        node_clear(&province);
        node_clear(&ministry);
    }
    lth_head here, above;
    assert_true(node_head(&province, ORG_A, &here));
    assert_true(node_head(&ministry, ORG_A, &above));
    assert_int_equal(here.held, above.held);
    uint8_t one[LTH_HASH_SIZE], two[LTH_HASH_SIZE];
    node_table_hash(&province, LTH_T_natural, one);
    node_table_hash(&ministry, LTH_T_natural, two);
    assert_memory_equal(one, two, sizeof one);
}

#define TEST(f)       cmocka_unit_test_setup_teardown(f, setup, teardown)
#define TEST_PLAIN(f) cmocka_unit_test_setup_teardown(f, setup_plain, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(later_record_waits_until_the_other_ends),
        TEST(another_school_is_not_looked_at),
        TEST(heals_when_the_other_changes),
        TEST(heals_by_its_own_next_version),
        TEST(of_one_batch_the_later_is_held),
        TEST(two_swap_in_one_batch),
        TEST(a_swap_of_which_one_is_held_leaves_both),
        TEST(natural_keys_and_values_together),
        TEST(loser_against_a_held_one_is_looked_at_again),
        TEST(records_that_a_range_ends_give_up_their_values),
        TEST(snapshot_of_a_new_epoch),
        TEST(takes_part_only_while_the_condition_is_true),
        TEST(several_fields_are_alike_only_together),
        TEST(warning_lists_the_later_one),
        TEST_PLAIN(constraint_is_added_and_removed),
        TEST_PLAIN(index_is_built_across_crashes_while_intake_goes_on),
        TEST(holds_wait_across_a_crash),
        TEST(random_histories_stay_sound)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
