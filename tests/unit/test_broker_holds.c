/* What becomes of held records: references, keys that get free, rules that change, people's
 * decisions, guarded snapshots, warnings; and that the tier above follows by statements. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/store/store_mem.h"
#include "lth/rule.h"
#include "lth/schema.h"
#include "test_broker_fixture.h"

#define OTHER 2u /* Its records name one of dataset 1 by field 2. */

static const uint16_t share_all[] = {1, 2, 3, 4};
static const uint16_t named[] = {2};
static lth_reference needs = {.number = 7,
                              .id = "needs",
                              .severity = LTH_SEVERITY_ERROR,
                              .dataset = DATASET,
                              .fields = named,
                              .n_fields = 1};
static lth_rule rules[2];
static lth_field fields[4];
static const lth_field *of_group[4];
static lth_group groups[4];
static lth_dataset datasets[2];
static lth_schema schema, lax;
static lth_dataset lax_datasets[2];

static node province, ministry;
static school a;
static lth_arena *memory;

static const lth_expr *compile(const char *text)
{
    const lth_expr *out = NULL;
    lth_diag diag = {0};
    if (lth_expr_compile(&out, &datasets[0], text, memory, &diag) != LTH_OK) {
        fail_msg("%s: %s", text, diag.text);
    }
    return out;
}

/* Dataset 1 with an error rule on `study` and a warning on `secret`; dataset 2 refers to it. */
static void make_schemas(void)
{
    datasets[0] = country_schema()->datasets[0];
    for (uint32_t i = 0; i < 4; i++) { /* Rules want the groups' fields to be the dataset's. */
        groups[i] = datasets[0].groups[i];
        fields[i] = *groups[i].fields[0];
        of_group[i] = &fields[i];
        groups[i].fields = &of_group[i];
    }
    datasets[0].groups = groups;
    datasets[0].fields = fields;
    datasets[1] = datasets[0];
    datasets[1].name = "other";
    datasets[1].number = OTHER;
    datasets[1].references = &needs;
    datasets[1].n_references = 1;
    rules[0] = (lth_rule){.number = 3,
                          .id = "no_bad",
                          .severity = LTH_SEVERITY_ERROR,
                          .check = compile("study != 'bad'"),
                          .field = 2};
    rules[1] = (lth_rule){.number = 4,
                          .id = "odd",
                          .severity = LTH_SEVERITY_BLOCKS,
                          .check = compile("secret != 'odd'"),
                          .field = 4};
    datasets[0].rules = rules;
    datasets[0].n_rules = 2;
    schema = (lth_schema){.dict_ver = 1, .datasets = datasets, .n_datasets = 2};
    memcpy(lax_datasets, datasets, sizeof datasets);
    lax_datasets[0].n_rules = 0;
    lax_datasets[1].n_references = 0;
    lax = (lth_schema){.dict_ver = 1, .datasets = lax_datasets, .n_datasets = 2};
    needs.severity = LTH_SEVERITY_ERROR;
}

static void reload(node *self, const lth_schema *to)
{
    self->env.schema = to;
    lth_broker_reload(self->broker, self->env.registry, to, self->env.policy);
}

static int setup(void **state)
{
    (void)state;
    lth_id id = test_org(ORG_A);
    lth_frame hello = {.kind = LTH_FRAME_HELLO, .hello = {.origin = id, .session = 1}};
    lth_frame request = {.kind = LTH_FRAME_EPOCH_REQUEST, .epoch_request = {.origin = id}};
    country_init();
    memory = lth_arena_new((size_t)1 << 20);
    make_schemas();
    node_init(&ministry, ORG_MINISTRY, false);
    node_init(&province, ORG_PROVINCE, true);
    reload(&ministry, &schema);
    reload(&province, &schema);
    node_route_both(&province, share_all, 4);
    link_up(&province, &ministry);
    node_greet(&province, ORG_A);
    node_frame(&province, ORG_A, &hello);
    node_frame(&province, ORG_A, &request);
    carry(&province, &ministry);
    assert_non_null(node_take(&province, PEER_OF(ORG_A), LTH_FRAME_EPOCH_GRANT));
    node_clear(&province);
    a = (school){.n = ORG_A, .at = {.epoch = 1}, .next_rec_seq = 1};
    return 0;
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

#define SEND(...)                                                                                  \
    do {                                                                                           \
        static const record sent_[] = {__VA_ARGS__};                                               \
        send_good(&province, &a, sent_, sizeof sent_ / sizeof *sent_);                             \
        settle_all();                                                                              \
    } while (0)

static void settle_all(void)
{
    for (uint32_t i = 0; lth_broker_deadline(province.broker) <= province.now.mono; i++) {
        assert_true(i < 1000);
        node_timer(&province, 0);
    }
    carry(&province, &ministry);
}

static bool get_row(node *self, uint16_t dataset, uint32_t id, lth_record_row *out)
{
    uint8_t key[20] = {0};
    lth_slice value;
    lth_txn *txn;
    lth_id made = record_id(ORG_A, id);
    lth_put16(key, dataset);
    memcpy(key + 2, made.b, 16);
    assert_int_equal(lth_store_begin(self->store, false, &txn), LTH_OK);
    bool found = lth_get(txn, LTH_T_record, lth_slice_of(key, sizeof key), &value) == LTH_OK;
    assert_true(!found || lth_record_row_decode(out, value));
    lth_store_abort(&txn);
    return found;
}

static bool lives(node *self, uint16_t dataset, uint32_t id)
{
    lth_record_row row;
    return get_row(self, dataset, id, &row) && row.state == LTH_ROW_LIVE;
}

static void expect_lives(uint16_t dataset, uint32_t id, bool yes)
{
    assert_int_equal(lives(&province, dataset, id), yes);
    assert_int_equal(lives(&ministry, dataset, id), yes);
}

/* Open at both tiers; the newest reason told to the school. */
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

/* ---- references ---- */

static void missing_reference_waits_and_heals(void **state)
{
    (void)state;
    SEND({.id = 1, .dataset = OTHER, .natural = "x", .study = "c1"},
         {.id = 2, .dataset = OTHER, .natural = "y", .study = "c2"});
    lth_frame_held held = told();
    assert_int_equal(held.code, LTH_REFUSE_missing_reference);
    assert_int_equal(held.rule, 7);
    assert_int_equal(held.field, 2);
    (void)told();
    expect_open(2);
    expect_lives(OTHER, 1, false);
    assert_int_equal(node_entries(&province, LTH_T_wanted), 2);
    assert_int_equal(node_entries(&ministry, LTH_T_wanted), 0);
    SEND({.id = 9, .natural = "c1"});
    expect_open(1);
    expect_lives(OTHER, 1, true);
    expect_lives(OTHER, 2, false);
    assert_int_equal(told().code, LTH_REFUSE_none);
    assert_int_equal(node_entries(&province, LTH_T_wanted), 1);
    assert_int_equal(node_entries(&province, LTH_T_wake), 0);
    /* A target that ends does not end what named it. */
    SEND({.id = 9, .op = LTH_OP_DELETE, .natural = "c1"});
    expect_lives(OTHER, 1, true);
}

static void reference_within_one_batch(void **state)
{
    (void)state;
    SEND({.id = 1, .dataset = OTHER, .natural = "x", .study = "c1"}, {.id = 9, .natural = "c1"});
    expect_open(0);
    expect_lives(OTHER, 1, true);
    /* The one it names is held itself: so it waits. */
    SEND({.id = 2, .dataset = OTHER, .natural = "y", .study = "c2"},
         {.id = 8, .natural = "c2", .study = "bad"});
    expect_open(2);
    expect_lives(OTHER, 2, false);
    SEND({.id = 8, .natural = "c2", .study = "good"});
    expect_open(0);
    expect_lives(OTHER, 2, true);
}

static void held_reference_keeps_the_version_before(void **state)
{
    (void)state;
    SEND({.id = 9, .natural = "c1"}, {.id = 1, .dataset = OTHER, .natural = "x", .study = "c1"},
         {.id = 2, .dataset = OTHER, .natural = "y", .study = "c1"});
    expect_open(0);
    /* 1 gives "x" up for "z" and names nobody; 2 wanted "x": both stay as they were. */
    SEND({.id = 1, .dataset = OTHER, .natural = "z", .study = "nobody"},
         {.id = 2, .dataset = OTHER, .natural = "x", .study = "c1"});
    expect_open(2);
    lth_record_row row;
    assert_true(get_row(&province, OTHER, 1, &row));
    assert_int_equal(row.rec_seq, 2);
    assert_true(get_row(&province, OTHER, 2, &row));
    assert_int_equal(row.rec_seq, 3);
    assert_int_equal(node_entries(&province, LTH_T_natural), 3);
    SEND({.id = 7, .natural = "nobody"}); /* Now 1 moves, and so 2 may. */
    expect_open(0);
    assert_true(get_row(&ministry, OTHER, 2, &row));
    assert_int_equal(row.rec_seq, 5);
}

static void waiting_records_survive_a_crash(void **state)
{
    (void)state;
    SEND({.id = 1, .dataset = OTHER, .natural = "x", .study = "c1"});
    expect_open(1);
    node_restart(&province);
    link_up(&province, &ministry);
    node_greet(&province, ORG_A);
    SEND({.id = 9, .natural = "c1"});
    expect_open(0);
    expect_lives(OTHER, 1, true);
}

/* ---- rules ---- */

static void broken_rule_names_itself_and_heals_by_reload(void **state)
{
    (void)state;
    SEND({.id = 1, .natural = "1", .study = "bad"}, {.id = 2, .natural = "2", .study = "fine"});
    lth_frame_held held = told();
    assert_int_equal(held.code, LTH_REFUSE_broken_rule);
    assert_int_equal(held.rule, 3);
    assert_int_equal(held.group, 2);
    expect_open(1);
    reload(&province, &lax);
    settle_all();
    expect_open(0); /* The ministry still has the rule, and follows. */
    expect_lives(DATASET, 1, true);
}

static void natural_key_gets_free(void **state)
{
    (void)state;
    SEND({.id = 1, .natural = "k"});
    SEND({.id = 2, .natural = "k"});
    expect_open(1);
    SEND({.id = 3, .natural = "k"});
    expect_open(2);
    SEND({.id = 1, .op = LTH_OP_DELETE, .natural = "k"});
    expect_open(1); /* The first that came gets it. */
    expect_lives(DATASET, 2, true);
    expect_lives(DATASET, 3, false);
}

/* ---- people ---- */

static lth_decision decision;

static lth_decided decide(node *self, lth_decide what, uint64_t accept_no, uint32_t index)
{
    decision = (lth_decision){
        .what = what, .by = lth_slice_of("tester", 6), .why = lth_slice_of("because", 7), .n = 1};
    decision.holds[0].accept_no = accept_no;
    decision.holds[0].index = index;
    lth_event event = {.kind = LTH_EVENT_DECIDE, .decision = &decision};
    node_event(self, &event);
    settle_all();
    return decision.holds[0].result;
}

static void rejected_stays_out_until_its_next_version(void **state)
{
    (void)state;
    SEND({.id = 1, .dataset = OTHER, .natural = "x", .study = "c1"});
    (void)told();
    assert_int_equal(decide(&ministry, LTH_DECIDE_REJECT, 1, 0), LTH_DECIDED_NOT_HERE);
    lth_id entry = test_org(ORG_PROVINCE);
    assert_memory_equal(decision.holds[0].tier_org.b, entry.b, 16);
    assert_int_equal(decide(&province, LTH_DECIDE_REJECT, 5, 0), LTH_DECIDED_NOT_FOUND);
    assert_int_equal(decide(&province, LTH_DECIDE_REJECT, 1, 0), LTH_DECIDED_DONE);
    assert_int_equal(told().code, LTH_REFUSE_rejected);
    expect_open(1);
    SEND({.id = 9, .natural = "c1"}); /* What it waited for. */
    expect_open(1);
    expect_lives(OTHER, 1, false);
    assert_int_equal(decide(&province, LTH_DECIDE_RETRY, 1, 0), LTH_DECIDED_DONE);
    expect_open(0);
    expect_lives(OTHER, 1, true);
}

/* What a rejection says of who and why, and its code. */
static void expect_said(lth_frame_held held, const char *by, const char *why, uint64_t ms)
{
    assert_int_equal(held.code, LTH_REFUSE_rejected);
    assert_true(lth_slice_equal(held.by, lth_slice_of(by, strlen(by))));
    assert_true(lth_slice_equal(held.why, lth_slice_of(why, strlen(why))));
    assert_int_equal(held.decided_ms, ms);
}

static uint64_t reject(const char *by, const char *why)
{
    decision = (lth_decision){.what = LTH_DECIDE_REJECT,
                              .by = lth_slice_of(by, strlen(by)),
                              .why = lth_slice_of(why, strlen(why)),
                              .n = 1};
    decision.holds[0].accept_no = 1;
    lth_event event = {.kind = LTH_EVENT_DECIDE, .decision = &decision};
    node_event(&province, &event);
    uint64_t ms = province.now.wall_ms;
    settle_all();
    assert_int_equal(decision.holds[0].result, LTH_DECIDED_DONE);
    return ms;
}

/* The school comes back and hears again what is held. */
static void greet_again(uint32_t version)
{
    lth_id id = test_org(ORG_A);
    lth_frame hello = {.kind = LTH_FRAME_HELLO,
                       .hello = {.origin = id, .head = a.at, .session = 2}};
    node_greet_as(&province, ORG_A, version);
    node_frame(&province, ORG_A, &hello);
}

static void a_rejection_says_who_and_why(void **state)
{
    (void)state;
    SEND({.id = 1, .natural = "1", .study = "bad"});
    assert_int_equal(told().by.n, 0);
    uint64_t ms = reject("co Lan", "another school's pupil");
    expect_said(told(), "co Lan", "another school's pupil", ms);
    ms = reject("thay An", "no paper");
    expect_said(told(), "thay An", "no paper", ms);

    greet_again(LTH_PROTOCOL_VERSION);
    expect_said(told(), "thay An", "no paper", ms);
    greet_again(LTH_PROTOCOL_VERSION - 1); /* Hears the code, and no more. */
    expect_said(told(), "", "", 0);
    node_restart(&province);
    link_up(&province, &ministry);
    greet_again(LTH_PROTOCOL_VERSION);
    expect_said(told(), "thay An", "no paper", ms);

    assert_int_equal(decide(&province, LTH_DECIDE_RETRY, 1, 0), LTH_DECIDED_HELD);
    lth_frame_held held = told();
    assert_int_equal(held.code, LTH_REFUSE_broken_rule);
    assert_int_equal(held.by.n + held.why.n, 0);
    (void)reject("co Lan", "still");
    (void)told();
    SEND({.id = 1, .natural = "1", .study = "fine"});
    held = told();
    assert_int_equal(held.code, LTH_REFUSE_none);
    assert_int_equal(held.by.n + held.why.n + held.decided_ms, 0);
    expect_open(0);
}

/* What is longest fits, and so does a row that names no act. */
static void rows_of_before_name_no_act(void **state)
{
    (void)state;
    uint8_t value[LTH_HELD_ROW_MAX];
    lth_held_row row = {.code = LTH_REFUSE_rejected, .rule = 9, .decided_no = 77}, back;
    size_t n = lth_held_row_encode(value, &row);
    assert_true(lth_held_row_decode(&back, lth_slice_of(value, n)));
    assert_int_equal(back.decided_no, 77);
    assert_true(lth_held_row_decode(&back, lth_slice_of(value, n - 8)));
    assert_int_equal(back.decided_no, 0);
    assert_int_equal(back.rule, 9);
    assert_false(lth_held_row_decode(&back, lth_slice_of(value, n - 1)));
    char by[LTH_BY_MAX + 1] = {0}, why[LTH_WHY_MAX + 1] = {0};
    memset(by, 'b', LTH_BY_MAX);
    memset(why, 'w', LTH_WHY_MAX);
    SEND({.id = 1, .natural = "1", .study = "bad"});
    (void)told();
    uint64_t ms = reject(by, why);
    expect_said(told(), by, why, ms);
}

/* A broker between a tier that rejected and the school passes on what the school can read. */
static void a_rejection_from_above_passes_through(void **state)
{
    (void)state;
    lth_frame held = {.kind = LTH_FRAME_HELD,
                      .held = {.origin = test_org(ORG_A),
                               .epoch = 1,
                               .seq = 1,
                               .code = LTH_REFUSE_rejected,
                               .tier_org = test_org(ORG_MINISTRY),
                               .by = lth_slice_of("Bo", 2),
                               .why = lth_slice_of("twice", 5),
                               .decided_ms = 9}};
    lth_event event = {.kind = LTH_EVENT_FRAME,
                       .peer = LTH_PEER_PARENT,
                       .user = test_org(ORG_MINISTRY),
                       .role = LTH_ROLE_BROKER,
                       .frame = &held};
    node_event(&province, &event);
    expect_said(told(), "Bo", "twice", 9);
    greet_again(LTH_PROTOCOL_VERSION - 1);
    node_event(&province, &event);
    expect_said(told(), "", "", 0);
}

static void retry_of_what_is_still_wrong(void **state)
{
    (void)state;
    SEND({.id = 1, .natural = "1", .study = "bad"});
    (void)told();
    uint64_t acts = node_entries(&province, LTH_T_act);
    assert_int_equal(decide(&province, LTH_DECIDE_RETRY, 1, 0), LTH_DECIDED_HELD);
    assert_int_equal(decision.holds[0].code, LTH_REFUSE_broken_rule);
    assert_null(node_take(&province, PEER_OF(ORG_A), LTH_FRAME_HELD));
    assert_int_equal(node_entries(&province, LTH_T_act), acts + 1); /* Who asked, and why. */
    expect_open(1);
}

/* ---- guard ---- */

#define MANY 100u

static void send_many(void)
{
    static record list[MANY];
    static char names[MANY][8];
    for (uint32_t i = 0; i < MANY; i++) {
        (void)lth_format(names[i], sizeof names[i], "n%u", (unsigned)i);
        list[i] = (record){.id = i + 1, .natural = names[i]};
    }
    send_good(&province, &a, list, MANY);
    settle_all();
}

static void mass_deletion_waits_for_a_person(void **state)
{
    (void)state;
    uint64_t live, absent;
    send_many();
    SEND({.op = LTH_OP_RANGE, .lo = 0, .hi = 1000}, {.id = 1, .natural = "n0"},
         {.id = 500, .natural = "new"});
    lth_frame_held held = told();
    assert_int_equal(held.code, LTH_REFUSE_mass_deletion);
    expect_open(1);
    expect_lives(DATASET, 500, true); /* Its records merge. */
    expect_lives(DATASET, 77, true);
    SEND({.id = 77, .natural = "n76", .study = "later"});
    assert_int_equal(decide(&province, LTH_DECIDE_RETRY, 2, 0), LTH_DECIDED_DONE);
    expect_open(0);
    node_counts(&province, ORG_A, &live, &absent);
    assert_int_equal(live, 3); /* 1, 77 whose version is newer, 500 */
    assert_int_equal(absent, MANY - 2);
    node_counts(&ministry, ORG_A, &live, &absent);
    assert_int_equal(live, 3);
}

static void loss_spread_over_chunks_is_seen(void **state)
{
    (void)state;
    send_many();
    /* Four chunks, each ends 19: 19, 38 pass, with 57 it is more than 50 and a fifth. */
    static const uint32_t upto[] = {0, 20, 40, 60, 100};
    static char names[4][8];
    for (uint32_t i = 0; i < 4; i++) {
        (void)lth_format(names[i], sizeof names[i], "n%u", (unsigned)upto[i]);
        record chunk[] = {{.op = LTH_OP_RANGE, .lo = upto[i], .hi = upto[i + 1]},
                          {.id = upto[i] + 1, .natural = names[i]}};
        send_good(&province, &a, chunk, 2);
        settle_all();
    }
    expect_open(2);
    expect_lives(DATASET, 30, false);
    expect_lives(DATASET, 50, true);
    expect_lives(DATASET, 90, true);
    /* The next snapshot covers both, and is complete. */
    record all[MANY + 1] = {{.op = LTH_OP_RANGE, .lo = 0, .hi = 1000}};
    static char again[MANY][8];
    uint32_t n = 1;
    for (uint32_t i = 0; i < MANY; i++) {
        (void)lth_format(again[i], sizeof again[i], "n%u", (unsigned)i);
        all[n++] = (record){.id = i + 1, .natural = again[i]};
    }
    send_good(&province, &a, all, n);
    settle_all();
    expect_open(0);
}

static void small_losses_pass(void **state)
{
    (void)state;
    SEND({.id = 1, .natural = "1"}, {.id = 2, .natural = "2"});
    SEND({.op = LTH_OP_RANGE, .lo = 0, .hi = 1000}, {.id = 1, .natural = "1"});
    expect_open(0);
    expect_lives(DATASET, 2, false);
}

/* ---- warnings ---- */

static void warnings_come_and_go_with_versions(void **state)
{
    (void)state;
    needs.severity = LTH_SEVERITY_WARNING;
    SEND({.id = 1, .natural = "1", .secret = "odd"},
         {.id = 2, .dataset = OTHER, .natural = "x", .study = "nobody"});
    expect_open(0);
    expect_lives(OTHER, 2, true);
    assert_int_equal(node_entries(&province, LTH_T_warning), 2);
    assert_int_equal(node_entries(&province, LTH_T_warned), 2);
    assert_int_equal(node_entries(&ministry, LTH_T_warning), 0);
    decision = (lth_decision){.what = LTH_DECIDE_ACCEPT,
                              .by = lth_slice_of("tester", 6),
                              .why = lth_slice_of("true", 4),
                              .dataset = DATASET,
                              .rule = 4,
                              .record_id = record_id(ORG_A, 1)};
    lth_event event = {.kind = LTH_EVENT_DECIDE, .decision = &decision};
    node_event(&province, &event);
    assert_int_equal(decision.result, LTH_DECIDED_DONE);
    decision.rule = 5;
    node_event(&province, &event);
    assert_int_equal(decision.result, LTH_DECIDED_NOT_FOUND);
    SEND({.id = 1, .natural = "1", .secret = "odd", .study = "changed"});
    assert_int_equal(node_entries(&province, LTH_T_warning), 2); /* Forgotten, and warned anew. */
    SEND({.id = 1, .natural = "1", .secret = "even"});
    SEND({.id = 2, .dataset = OTHER, .op = LTH_OP_DELETE, .natural = "x"});
    assert_int_equal(node_entries(&province, LTH_T_warning), 0);
    assert_int_equal(node_entries(&province, LTH_T_warned), 0);
}

static bool get_warning(uint32_t id, uint16_t rule, lth_warning_row *out)
{
    uint8_t key[20];
    static uint8_t kept[LTH_WARNING_ROW_MAX];
    lth_id made = record_id(ORG_A, id);
    lth_slice value;
    lth_txn *txn;
    lth_put16(key, DATASET);
    memcpy(key + 2, made.b, 16);
    lth_put16(key + 18, rule);
    assert_int_equal(lth_store_begin(province.store, false, &txn), LTH_OK);
    bool found = lth_get(txn, LTH_T_warning, lth_slice_of(key, sizeof key), &value) == LTH_OK;
    if (found) {
        memcpy(kept, value.p, value.n);
        assert_true(lth_warning_row_decode(out, lth_slice_of(kept, value.n)));
    }
    lth_store_abort(&txn);
    return found;
}

static void say_accepted(uint32_t from, uint32_t origin, uint16_t rule, const char *why)
{
    lth_frame frame = {.kind = LTH_FRAME_ACCEPTED,
                       .accepted = {.origin = test_org(origin),
                                    .dataset = DATASET,
                                    .record_id = record_id(ORG_A, 1),
                                    .rule = rule,
                                    .by = lth_slice_of("clerk", 5),
                                    .why = lth_slice_of(why, strlen(why)),
                                    .accepted_ms = 77}};
    node_frame(&province, from, &frame);
}

/* Shown beside the warning, which stays open; gone with the version. */
static void a_school_says_that_it_accepted(void **state)
{
    (void)state;
    lth_warning_row row;
    SEND({.id = 1, .natural = "1", .secret = "odd"});
    node_greet(&province, ORG_B);
    say_accepted(ORG_B, ORG_A, 4, "not its school");
    say_accepted(ORG_B, ORG_B, 4, "not its record");
    say_accepted(ORG_A, ORG_A, 5, "no such warning");
    assert_int_equal(node_entries(&province, LTH_T_warning), 1);
    assert_true(get_warning(1, 4, &row));
    assert_int_equal(row.said_ms, 0);

    greet_again(LTH_PROTOCOL_VERSION);
    say_accepted(ORG_A, ORG_A, 4, "so it is");
    assert_true(get_warning(1, 4, &row));
    assert_true(lth_slice_equal(row.said_why, lth_slice_of("so it is", 8)));
    assert_true(lth_slice_equal(row.said_by, lth_slice_of("clerk", 5)));
    assert_int_equal(row.said_ms, 77);
    assert_int_equal(row.accepted_ms, 0);

    decision = (lth_decision){.what = LTH_DECIDE_ACCEPT,
                              .by = lth_slice_of("tester", 6),
                              .why = lth_slice_of("true", 4),
                              .dataset = DATASET,
                              .rule = 4,
                              .record_id = record_id(ORG_A, 1)};
    node_event(&province, &(lth_event){.kind = LTH_EVENT_DECIDE, .decision = &decision});
    say_accepted(ORG_A, ORG_A, 4, "really");
    assert_true(get_warning(1, 4, &row));
    assert_true(row.accepted_ms != 0 && lth_slice_equal(row.why, lth_slice_of("true", 4)));
    assert_true(lth_slice_equal(row.said_why, lth_slice_of("really", 6)));

    SEND({.id = 1, .natural = "1", .secret = "odd", .study = "changed"});
    assert_true(get_warning(1, 4, &row));
    assert_int_equal(row.said_ms + row.accepted_ms, 0);
}

/* ---- statements ---- */

/* The statement that the province has for the ministry, taken off the line. */
static const lth_frame *take_statement(void)
{
    while (lth_broker_deadline(province.broker) <= province.now.mono) {
        node_timer(&province, 0);
    }
    const lth_frame *lost = node_take(&province, LTH_PEER_PARENT, LTH_FRAME_RELEASE);
    assert_non_null(lost);
    return lost;
}

/* The line says that it came; nobody confirms it, so that it comes again. */
static void acknowledge_and_wait(const lth_frame *lost)
{
    lth_frame ack = {.kind = LTH_FRAME_LINK_ACK,
                     .link_ack = {lost->release.lane, lost->release.out_no}};
    lth_event event = {.kind = LTH_EVENT_FRAME,
                       .peer = LTH_PEER_PARENT,
                       .user = test_org(ORG_MINISTRY),
                       .frame = &ack};
    node_event(&province, &event);
    for (uint32_t i = 0; i < 3; i++) {
        node_timer(&province, 61000);
        carry(&province, &ministry);
    }
}

/* The link forgets statements, repeats them, and brings them before their batch. */
static void statements_are_owed_until_confirmed(void **state)
{
    (void)state;
    SEND({.id = 1, .dataset = OTHER, .natural = "x", .study = "c1"});
    static const record target[] = {{.id = 9, .natural = "c1"}};
    send_good(&province, &a, target, 1);
    const lth_frame *lost = take_statement();
    carry(&province, &ministry);
    assert_int_equal(node_entries(&province, LTH_T_owed), 1);
    assert_int_equal(node_entries(&ministry, LTH_T_held), 1);
    acknowledge_and_wait(lost);
    expect_open(0);
    expect_lives(OTHER, 1, true);
}

/* The statement that let a version in comes again only after the next version was held: the tier
 * above takes what the entry has, and holds what the entry holds. */
static void statement_after_the_next_version_was_held(void **state)
{
    (void)state;
    SEND({.id = 1, .dataset = OTHER, .natural = "x", .study = "c1"});
    static const record target[] = {{.id = 9, .natural = "c1"}};
    send_good(&province, &a, target, 1);
    const lth_frame *lost = take_statement();
    SEND({.id = 1, .dataset = OTHER, .natural = "x", .study = "nobody"});
    assert_true(lives(&province, OTHER, 1));
    assert_false(lives(&ministry, OTHER, 1));
    acknowledge_and_wait(lost);
    expect_open(1);
    expect_lives(OTHER, 1, true);
    lth_record_row row;
    assert_true(get_row(&ministry, OTHER, 1, &row));
    assert_int_equal(row.rec_seq, 1);
}

static void statement_before_its_batch(void **state)
{
    (void)state;
    static const record one[] = {{.id = 1, .dataset = OTHER, .natural = "x", .study = "c1"}};
    static const record target[] = {{.id = 9, .natural = "c1"}};
    send_good(&province, &a, one, 1);
    const lth_frame *first = node_take(&province, LTH_PEER_PARENT, LTH_FRAME_BATCH);
    assert_non_null(first);
    send_good(&province, &a, target, 1);
    while (lth_broker_deadline(province.broker) <= province.now.mono) {
        node_timer(&province, 0);
    }
    const lth_frame *second = node_take(&province, LTH_PEER_PARENT, LTH_FRAME_BATCH);
    const lth_frame *release = node_take(&province, LTH_PEER_PARENT, LTH_FRAME_RELEASE);
    assert_non_null(second);
    assert_non_null(release);
    node_frame(&ministry, ORG_PROVINCE, release);
    node_frame(&ministry, ORG_PROVINCE, release);
    assert_int_equal(node_entries(&ministry, LTH_T_release), 1);
    node_frame(&ministry, ORG_PROVINCE, first);
    assert_int_equal(node_entries(&ministry, LTH_T_held), 0);
    assert_true(lives(&ministry, OTHER, 1));
    node_frame(&ministry, ORG_PROVINCE, second);
    node_frame(&ministry, ORG_PROVINCE, release);
    assert_int_equal(node_entries(&ministry, LTH_T_held), 0);
}

static void statement_of_a_stranger_is_not_believed(void **state)
{
    (void)state;
    static uint8_t bytes[LTH_RELEASE_BYTES_MAX];
    SEND({.id = 1, .dataset = OTHER, .natural = "x", .study = "c1"});
    lth_release r = {.entry_org = test_org(ORG_PROVINCE),
                     .origin = test_org(ORG_A),
                     .at = a.at,
                     .action = LTH_RELEASE_MERGE,
                     .n = 1};
    static const uint32_t signers[] = {ORG_B, ORG_MINISTRY};
    for (size_t i = 0; i < 2; i++) {
        lth_signer signer = test_signer(signers[i]);
        size_t n = lth_release_sign(bytes, &r, &signer);
        lth_frame frame = {.kind = LTH_FRAME_RELEASE,
                           .release = {.bytes = {bytes, n}, .out_no = 100 + i}};
        node_frame(&ministry, ORG_PROVINCE, &frame);
        assert_null(node_take(&ministry, PEER_OF(ORG_PROVINCE), LTH_FRAME_RELEASED));
    }
    assert_int_equal(node_entries(&ministry, LTH_T_held), 1);
    assert_int_equal(node_entries(&ministry, LTH_T_release), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(missing_reference_waits_and_heals),
                                       TEST(reference_within_one_batch),
                                       TEST(held_reference_keeps_the_version_before),
                                       TEST(waiting_records_survive_a_crash),
                                       TEST(broken_rule_names_itself_and_heals_by_reload),
                                       TEST(natural_key_gets_free),
                                       TEST(rejected_stays_out_until_its_next_version),
                                       TEST(a_rejection_says_who_and_why),
                                       TEST(rows_of_before_name_no_act),
                                       TEST(a_rejection_from_above_passes_through),
                                       TEST(retry_of_what_is_still_wrong),
                                       TEST(mass_deletion_waits_for_a_person),
                                       TEST(loss_spread_over_chunks_is_seen),
                                       TEST(small_losses_pass),
                                       TEST(warnings_come_and_go_with_versions),
                                       TEST(a_school_says_that_it_accepted),
                                       TEST(statements_are_owed_until_confirmed),
                                       TEST(statement_after_the_next_version_was_held),
                                       TEST(statement_before_its_batch),
                                       TEST(statement_of_a_stranger_is_not_believed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
