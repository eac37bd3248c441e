/* Records of a dataset that is not defined yet: held by each tier for itself, and merged by itself
 * once the definition is there, with the result of a broker that knew it from the start. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/store/store_mem.h"
#include "test_broker_fixture.h"

static const lth_schema nothing = {.dict_ver = 1};
static const uint16_t share_all[] = {1, 2, 3, 4};

static node province, ministry;
static school a;

/* The school's first epoch: the province asks upward, the ministry never saw it. */
static school begin(uint32_t org, node *below, node *top)
{
    lth_id id = test_org(org);
    lth_frame hello = {.kind = LTH_FRAME_HELLO, .hello = {.origin = id, .session = 1}};
    lth_frame request = {.kind = LTH_FRAME_EPOCH_REQUEST, .epoch_request = {.origin = id}};
    node_greet(below, org);
    node_frame(below, org, &hello);
    node_frame(below, org, &request);
    carry(below, top);
    assert_non_null(node_take(below, PEER_OF(org), LTH_FRAME_EPOCH_GRANT));
    node_clear(below);
    return (school){.n = org, .at = {.epoch = 1}, .next_rec_seq = 1};
}

static void two_tiers(node *below, node *top)
{
    node_init(top, ORG_MINISTRY, false);
    node_init(below, ORG_PROVINCE, true);
    node_route(below, LTH_SEND_GROUPS, share_all, 4);
    link_up(below, top);
}

static int setup(void **state)
{
    (void)state;
    country_init();
    two_tiers(&province, &ministry);
    a = begin(ORG_A, &province, &ministry);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    node_fini(&province);
    node_fini(&ministry);
    country_fini();
    return 0;
}

static void reload(node *self, const lth_schema *schema)
{
    self->env.schema = schema;
    lth_broker_reload(self->broker, self->env.registry, schema, self->env.policy);
}

static void again(node *self, const lth_schema *schema)
{
    self->env.schema = schema;
    node_restart(self);
}

static bool busy(const node *self)
{
    return lth_broker_deadline(self->broker) <= self->now.mono;
}

/* Call as often as the broker asks for it at once. */
static uint32_t settle(node *self)
{
    uint32_t steps = 0;
    for (; busy(self); steps++) {
        assert_true(steps < 1000);
        node_timer(self, 0);
    }
    return steps;
}

static uint64_t open_holds(node *self)
{
    lth_broker_info info;
    lth_head head;
    lth_broker_info_of(self->broker, &info);
    node_head(self, ORG_A, &head);
    assert_int_equal(info.held, head.held);
    assert_int_equal(node_entries(self, LTH_T_held), head.held);
    assert_int_equal(node_entries(self, LTH_T_heldby), head.held);
    return head.held;
}

static uint64_t live(node *self)
{
    uint64_t n, absent;
    node_counts(self, ORG_A, &n, &absent);
    return n;
}

/* Place in the school's chain of the batch with that number in the log, which has acts between. */
static uint64_t seq_of(lth_txn *txn, const uint8_t *accept_no)
{
    lth_slice log;
    lth_batch_header h;
    assert_int_equal(lth_get(txn, LTH_T_log, lth_slice_of(accept_no, 8), &log), LTH_OK);
    assert_int_equal(lth_batch_header_decode(&h, log.p), LTH_REFUSE_none);
    return h.batch_seq;
}

/* Times of receipt and what is waited for left out. */
static size_t plain_hold(lth_txn *txn, lth_slice key, lth_slice value, uint8_t *out)
{
    lth_held_row row;
    assert_true(lth_held_row_decode(&row, value));
    row.receive_ms = 0;
    row.wait = (lth_wait){0};
    lth_put64(out, seq_of(txn, key.p));
    memcpy(out + 8, key.p + 8, 4);
    return 12 + lth_held_row_encode(out + 12, &row);
}

static size_t plain_row(lth_txn *txn, lth_slice key, lth_slice value, uint8_t *out)
{
    lth_record_row row;
    assert_true(lth_record_row_decode(&row, value));
    uint8_t no[8];
    lth_put64(no, row.accept_no);
    row.accept_no = seq_of(txn, no);
    memcpy(out, key.p, key.n);
    return key.n + lth_record_row_encode(out + key.n, &row);
}

static size_t plain_place(lth_txn *txn, lth_slice key, lth_slice value, uint8_t *out)
{
    memcpy(out, key.p, key.n);
    lth_put64(out + key.n, seq_of(txn, value.p));
    memcpy(out + key.n + 8, value.p + 8, 4);
    return key.n + 12;
}

static size_t plain(lth_txn *txn, lth_slice key, lth_slice value, uint8_t *out)
{
    (void)txn;
    memcpy(out, key.p, key.n);
    memcpy(out + key.n, value.p, value.n);
    return key.n + value.n;
}

static const struct {
    uint32_t table;
    size_t (*write)(lth_txn *txn, lth_slice key, lth_slice value, uint8_t *out);
} compared[] = {{LTH_T_record, plain_row},
                {LTH_T_natural, plain},
                {LTH_T_count, plain},
                {LTH_T_heldby, plain_place},
                {LTH_T_held, plain_hold}};
#define COMPARED (sizeof compared / sizeof *compared)
typedef uint8_t digest[COMPARED][LTH_HASH_SIZE];

static void hash_table(node *self, size_t which, uint8_t out[LTH_HASH_SIZE])
{
    static uint8_t bytes[1u << 21];
    size_t n = 0;
    lth_hasher hasher = test_hasher();
    lth_txn *txn;
    lth_cursor *cursor;
    lth_slice key, value;
    assert_int_equal(lth_store_begin(self->store, false, &txn), LTH_OK);
    assert_int_equal(lth_cursor_open(txn, compared[which].table, &cursor), LTH_OK);
    while (lth_cursor_next(cursor, &key, &value) == LTH_OK) {
        assert_true(n + 4096 < sizeof bytes);
        n += compared[which].write(txn, key, value, bytes + n);
    }
    lth_cursor_close(&cursor);
    lth_store_abort(&txn);
    lth_sha256(&hasher, bytes, n, out);
}

static void take_digest(node *self, digest out)
{
    for (size_t i = 0; i < COMPARED; i++) {
        hash_table(self, i, out[i]);
    }
}

static void expect_digest(node *self, digest want, const char *what, uint32_t at)
{
    digest got;
    take_digest(self, got);
    for (size_t i = 0; i < COMPARED; i++) {
        if (memcmp(got[i], want[i], LTH_HASH_SIZE) != 0) {
            fail_msg("%s, defined after %u batches: %s differs", what, (unsigned)at,
                     lth_broker_table_names[compared[i].table]);
        }
    }
    assert_int_equal(node_entries(self, LTH_T_await), 0);
    (void)open_holds(self);
}

/* ---- everything that may happen meanwhile, against a broker that knew from the start ---- */

#define STORY  9u
#define WIDTH  6u
#define FILLER 150u /* Records beside, so that a slice releases one batch. */

/* Versions good and bad, deletions, a swap and a conflict of natural keys, rows that failed at the
 * source, and snapshot chunks that end what they do not name. */
static const record story[STORY][WIDTH] = {
    {{.id = 1, .natural = "1"}, {.id = 2, .natural = "2"}, {.id = 3, .natural = "3"}, {.id = 4}},
    {{.id = 1, .natural = "2"},
     {.id = 2, .natural = "1"},
     {.id = 5, .natural = "3"},
     {.id = 6},
     {.id = 12, .natural = "12", .flags = LTH_RECORD_INVALID}},
    {{.id = 1, .natural = "2", .flags = LTH_RECORD_INVALID},
     {.id = 3, .op = LTH_OP_DELETE, .natural = "3"},
     {.id = 7, .natural = "7", .op = LTH_OP_ERASE},
     {.id = 8, .natural = "8"}},
    {{.id = 5, .natural = "3", .study = "free"},
     {.id = 7, .natural = "7"},
     {.id = 7, .natural = "7", .flags = LTH_RECORD_INVALID},
     {.id = 9, .natural = "9"},
     {.id = 12, .natural = "12", .flags = LTH_RECORD_INVALID}},
    {{.op = LTH_OP_RANGE, .lo = 1, .hi = 5}, {.id = 3, .natural = "x"}, {.id = 4}, {.id = 5}},
    {{.id = 2, .natural = "1"}, {.id = 9, .natural = "1"}, {.id = 1, .natural = "1b"}, {.id = 6}},
    {{.op = LTH_OP_RANGE, .lo = 6, .hi = 9},
     {.id = 8, .natural = "8", .flags = LTH_RECORD_INVALID},
     {.id = 9, .op = LTH_OP_DELETE, .natural = "9"},
     {.id = 9, .natural = "9c"}},
    {{.id = 8, .natural = "8"},
     {.id = 2, .op = LTH_OP_DELETE, .natural = "1"},
     {.id = 10, .natural = "1"},
     {.id = 6, .natural = "10"}},
    {{.id = 1, .op = LTH_OP_ERASE, .natural = "1b"},
     {.id = 3, .natural = "x", .study = "last"},
     {.id = 10, .natural = "10"},
     {.id = 4, .natural = "4"},
     {.id = 2, .natural = "1", .flags = LTH_RECORD_INVALID}},
};

static batch list[STORY];

static void tell_story(uint32_t filler)
{
    static char names[STORY][FILLER][8];
    for (uint32_t i = 0; i < STORY; i++) {
        record all[WIDTH + FILLER];
        uint32_t n = 0;
        for (; n < WIDTH && (story[i][n].id != 0 || story[i][n].op != 0); n++) {
            all[n] = story[i][n];
        }
        for (uint32_t k = 0; k < filler; k++) {
            uint32_t id = 1000 + i * FILLER + k;
            (void)lth_format(names[i][k], sizeof names[i][k], "f%u", id);
            all[n++] = (record){.id = id, .natural = names[i][k]};
        }
        list[i] = school_batch(&a, all, n);
    }
}

static void send_list(node *to, uint32_t from, uint32_t end)
{
    for (uint32_t i = from; i < end; i++) {
        assert_null(send_batch(to, &a, &list[i]));
    }
}

typedef void (*definition)(node *self, const lth_schema *schema);

/* The definition comes after @p known batches; the others come while the release is under way, or
 * after it. */
static void try_entry(uint32_t known, definition define, bool quiet, digest want)
{
    static node late;
    school same;
    node_init(&late, ORG_PROVINCE, false);
    school_begin(&same, ORG_A, &late);
    reload(&late, &nothing);
    send_list(&late, 0, known);
    assert_int_equal(live(&late), 0);
    define(&late, country_schema());
    if (quiet) {
        settle(&late);
        assert_int_equal(node_entries(&late, LTH_T_await), 0);
    }
    if (define == again) {
        node_greet(&late, ORG_A);
    }
    send_list(&late, known, STORY);
    settle(&late);
    expect_digest(&late, want, quiet ? "quiet" : "busy", known);
    node_fini(&late);
}

static void entry_ends_where_it_would_have(void **state)
{
    (void)state;
    digest want;
    tell_story(FILLER);
    send_list(&province, 0, STORY);
    assert_true(live(&province) > 3);
    assert_true(open_holds(&province) > 2);
    take_digest(&province, want);
    for (uint32_t known = 0; known <= STORY; known++) {
        try_entry(known, reload, true, want);
        try_entry(known, reload, false, want);
        try_entry(known, again, true, want);
        try_entry(known, again, false, want);
    }
}

/* A definition that goes again and comes back. */
static void definition_may_come_and_go(void **state)
{
    (void)state;
    static node late;
    school same;
    digest want;
    tell_story(FILLER);
    send_list(&province, 0, STORY);
    take_digest(&province, want);
    node_init(&late, ORG_PROVINCE, false);
    school_begin(&same, ORG_A, &late);
    for (uint32_t i = 0; i < STORY; i++) {
        reload(&late, i % 2 == 0 ? &nothing : country_schema());
        send_list(&late, i, i + 1);
    }
    reload(&late, country_schema());
    settle(&late);
    expect_digest(&late, want, "come and gone", STORY);
    node_fini(&late);
}

static void ministry_alone_is_behind(void **state)
{
    (void)state;
    digest want;
    tell_story(FILLER);
    send_list(&province, 0, STORY);
    carry(&province, &ministry);
    take_digest(&ministry, want);
    assert_true(open_holds(&ministry) > 2);
    for (uint32_t known = 0; known <= STORY; known++) {
        static node top, below;
        two_tiers(&below, &top);
        (void)begin(ORG_A, &below, &top);
        reload(&top, &nothing);
        send_list(&below, 0, known);
        carry(&below, &top);
        assert_int_equal(live(&top), 0);
        reload(&top, country_schema());
        send_list(&below, known, STORY);
        carry(&below, &top);
        settle(&top);
        expect_digest(&top, want, "ministry", known);
        node_fini(&below);
        node_fini(&top);
    }
}

/* ---- both tiers behind ---- */

static void expect_row(node *self, uint32_t id, uint64_t rec_seq)
{
    lth_record_row row;
    assert_true(node_row(self, record_id(ORG_A, id), 0, &row));
    assert_int_equal(row.state, LTH_ROW_LIVE);
    assert_int_equal(row.rec_seq, rec_seq);
}

static const lth_frame_held *next_held(void)
{
    const lth_frame *frame = node_take(&province, PEER_OF(ORG_A), LTH_FRAME_HELD);
    return frame == NULL ? NULL : &frame->held;
}

static void expect_held(uint32_t index, lth_refusal code, uint32_t tier)
{
    const lth_frame_held *held = next_held();
    lth_id org = test_org(tier);
    assert_non_null(held);
    assert_int_equal(held->index, index);
    assert_int_equal(held->code, code);
    assert_memory_equal(held->tier_org.b, org.b, sizeof org.b);
}

static void three_records(void)
{
    static char long_text[150];
    static record mixed[] = {{.id = 1, .natural = "999001"},
                             {.id = 2, .natural = "999002", .study = long_text},
                             {.id = 3, .natural = "999003", .flags = LTH_RECORD_INVALID}};
    memset(long_text, 'x', sizeof long_text - 1);
    send_good(&province, &a, mixed, 3);
}

static void each_tier_holds_for_itself(void **state)
{
    (void)state;
    reload(&province, &nothing);
    reload(&ministry, &nothing);
    three_records();
    carry(&province, &ministry);
    assert_int_equal(open_holds(&province), 3);
    assert_int_equal(open_holds(&ministry), 3);
    for (uint32_t i = 0; i < 6; i++) {
        expect_held(i % 3, LTH_REFUSE_await_definition, i < 3 ? ORG_PROVINCE : ORG_MINISTRY);
    }
    assert_null(next_held());

    reload(&ministry, country_schema());
    settle(&ministry);
    carry(&province, &ministry);
    assert_int_equal(open_holds(&province), 3); /* One tier's release is not the other's. */
    assert_int_equal(open_holds(&ministry), 2); /* It judges what nobody below could. */
    expect_row(&ministry, 1, 1);
    expect_held(0, LTH_REFUSE_none, ORG_MINISTRY);
    expect_held(1, LTH_REFUSE_bad_value, ORG_MINISTRY);
    expect_held(2, LTH_REFUSE_invalid_at_source, ORG_MINISTRY);
    assert_null(next_held());

    reload(&province, country_schema());
    settle(&province);
    assert_int_equal(open_holds(&province), 2);
    expect_row(&province, 1, 1);
    expect_held(0, LTH_REFUSE_none, ORG_PROVINCE);
    const lth_frame_held *bad = next_held();
    assert_int_equal(bad->code, LTH_REFUSE_bad_value);
    assert_int_equal(bad->group, 2);
    assert_int_equal(bad->field, 2);
    expect_held(2, LTH_REFUSE_invalid_at_source, ORG_PROVINCE);
    assert_null(next_held());
}

/* The ministry knows more than the entry broker: nothing there waits, and a row that failed at the
 * school is not merged either. */
static void attestation_does_not_pass_ignorance_on(void **state)
{
    (void)state;
    static lth_attest attest;
    reload(&province, &nothing);
    three_records();
    const lth_frame *up = NULL;
    for (uint32_t i = 0; i < province.n_sent && up == NULL; i++) {
        const lth_frame *frame = &province.sent[i].action.frame;
        up = frame->kind == LTH_FRAME_BATCH ? frame : NULL;
    }
    assert_non_null(up);
    assert_true(lth_attest_decode(&attest, up->batch.attest));
    assert_int_equal(attest.n_held, 0);
    carry(&province, &ministry);
    assert_int_equal(node_entries(&ministry, LTH_T_await), 0);
    expect_row(&ministry, 1, 1);
    lth_record_row row;
    assert_false(node_row(&ministry, record_id(ORG_A, 3), 0, &row));
}

static void holds_are_counted_and_repeated(void **state)
{
    (void)state;
    static const record first[] = {{.id = 1, .natural = "1"}, {.id = 2, .natural = "2"}};
    static const record second[] = {{.id = 1, .natural = "1", .study = "new"}};
    lth_frame hello = {.kind = LTH_FRAME_HELLO, .hello = {.origin = test_org(ORG_A), .session = 9}};
    lth_receipt receipt;
    reload(&province, &nothing);
    send_good(&province, &a, first, 2);
    send_good(&province, &a, second, 1);
    assert_int_equal(open_holds(&province), 2); /* Of a record only the newest is open. */
    assert_int_equal(node_entries(&province, LTH_T_await), 2);
    node_restart(&province);
    assert_int_equal(open_holds(&province), 2);
    settle(&province); /* Still nobody knows: the walk ends. */
    assert_int_equal(open_holds(&province), 2);

    node_greet(&province, ORG_A);
    hello.hello.head = a.at;
    node_frame(&province, ORG_A, &hello);
    expect_held(0, LTH_REFUSE_await_definition, ORG_PROVINCE); /* Record 1, of the second batch. */
    expect_held(1, LTH_REFUSE_await_definition, ORG_PROVINCE);
    node_clear(&province);

    reload(&province, country_schema());
    settle(&province);
    assert_int_equal(open_holds(&province), 0);
    assert_int_equal(live(&province), 2);
    expect_row(&province, 1, 3);
    expect_held(1, LTH_REFUSE_none, ORG_PROVINCE);
    expect_held(0, LTH_REFUSE_none, ORG_PROVINCE);
    const lth_frame *sent = node_take(&province, PEER_OF(ORG_A), LTH_FRAME_RECEIPT);
    assert_non_null(sent); /* Says that no hold is open any more. */
    assert_true(lth_receipt_decode(&receipt, sent->receipt.bytes));
    assert_int_equal(receipt.held_count, 0);
    node_restart(&province);
    assert_int_equal(open_holds(&province), 0);
}

/* ---- slices ---- */

#define MANY  3000u
#define BATCH 100u

static void send_many(node *to)
{
    static record many[MANY];
    static char names[MANY][8];
    for (uint32_t i = 0; i < MANY; i++) {
        (void)lth_format(names[i], sizeof names[i], "n%u", i);
        many[i] = (record){.id = i + 1, .natural = names[i]};
    }
    for (uint32_t i = 0; i < MANY; i += BATCH) {
        send_good(to, &a, many + i, BATCH);
        node_clear(to);
    }
}

static void thousands_go_in_slices(void **state)
{
    (void)state;
    static const record more[] = {{.id = 1, .op = LTH_OP_DELETE, .natural = "n0"},
                                  {.id = MANY, .natural = "n0"}};
    reload(&province, &nothing);
    send_many(&province);
    assert_int_equal(open_holds(&province), MANY);
    reload(&province, country_schema());
    uint64_t before = 0;
    for (uint32_t step = 0; step < 3; step++, before = live(&province)) {
        node_clear(&province);
        node_timer(&province, 0);
        assert_in_range(live(&province) - before, 1, 256);
        assert_int_equal(open_holds(&province), MANY - live(&province));
        assert_true(busy(&province));
    }
    /* What comes now waits for its turn, and the release goes on with every event. */
    node_clear(&province);
    send_good(&province, &a, more, 2);
    assert_true(live(&province) > before);
    expect_row(&province, 1, 1);
    while (busy(&province)) {
        node_clear(&province);
        node_timer(&province, 0);
    }
    assert_int_equal(live(&province), MANY - 1);
    expect_row(&province, MANY, MANY + 2);
    assert_int_equal(open_holds(&province), 0);
    assert_int_equal(node_entries(&province, LTH_T_await), 0);
}

/* Any number of open holds is told to a school that greets, and never many at once. */
static void thousands_of_holds_are_told_in_slices(void **state)
{
    (void)state;
    static bool told[MANY];
    lth_frame hello = {.kind = LTH_FRAME_HELLO, .hello = {.origin = test_org(ORG_A), .session = 9}};
    reload(&province, &nothing);
    send_many(&province);
    settle(&province);
    node_clear(&province);
    hello.hello.head = a.at;
    node_frame(&province, ORG_A, &hello);
    uint32_t n = 0;
    for (uint32_t tick = 0; tick < 20 && n < MANY; tick++) {
        const lth_frame *held;
        assert_in_range(node_count(&province, PEER_OF(ORG_A), LTH_FRAME_HELD), 1, 256);
        while ((held = node_take(&province, PEER_OF(ORG_A), LTH_FRAME_HELD)) != NULL) {
            uint32_t id = lth_get32(held->held.record_id.b + 12);
            assert_in_range(id, 1, MANY);
            n += told[id - 1] ? 0 : 1;
            told[id - 1] = true;
        }
        node_clear(&province);
        node_timer(&province, 1000);
    }
    assert_int_equal(n, MANY);
    assert_int_equal(node_count(&province, PEER_OF(ORG_A), LTH_FRAME_HELD), 0);
}

/* The store as it is after @p steps slices, in a broker of its own. */
static void crash_after(uint32_t steps, digest want)
{
    static node copy;
    copy = province;
    copy.store = lth_store_mem_clone(province.store);
    assert_non_null(copy.store);
    copy.broker = NULL;
    copy.env.policy = &copy.policy;
    node_restart(&copy);
    settle(&copy);
    expect_digest(&copy, want, "crash", steps);
    node_fini(&copy);
}

static void crash_between_slices(void **state)
{
    (void)state;
    static node knew;
    school same;
    digest want;
    tell_story(FILLER);
    node_init(&knew, ORG_PROVINCE, false);
    school_begin(&same, ORG_A, &knew);
    send_list(&knew, 0, STORY);
    same = a;
    send_many(&knew);
    take_digest(&knew, want);
    node_fini(&knew);

    reload(&province, &nothing);
    send_list(&province, 0, STORY);
    a = same;
    send_many(&province);
    reload(&province, country_schema());
    uint32_t steps = 0;
    for (; busy(&province); steps++) {
        crash_after(steps, want);
        node_clear(&province);
        node_timer(&province, 0);
    }
    assert_true(steps > 10);
    expect_digest(&province, want, "no crash", steps);
}

/* The store fails at every single call of the release. */
static void every_fault_leaves_a_whole_state(void **state)
{
    (void)state;
    digest want;
    lth_event timer = {.kind = LTH_EVENT_TIMER};
    reload(&province, &nothing);
    tell_story(0);
    send_list(&province, 0, STORY);
    lth_store *before = lth_store_mem_clone(province.store);
    reload(&province, country_schema());
    settle(&province);
    take_digest(&province, want);
    uint32_t faults = 0;
    for (bool spent = true; spent; faults++) {
        lth_txn *txn;
        lth_diag diag;
        lth_broker_free(&province.broker);
        lth_store_close(&province.store);
        province.store = lth_store_mem_clone(before);
        node_restart(&province);
        lth_store_mem_fail_after(province.store, faults + 1, LTH_E_STORE_IO);
        assert_int_equal(lth_store_begin(province.store, true, &txn), LTH_OK);
        province.now.mono++;
        lth_err err = lth_broker_handle(province.broker, txn, province.now, &timer, &diag);
        if (err != LTH_OK) {
            lth_store_abort(&txn);
        } else {
            err = lth_store_commit(&txn);
        }
        lth_store_mem_fail_after(province.store, 0, LTH_E_STORE_IO);
        spent = err != LTH_OK;
        lth_broker_free(&province.broker);
        lth_store_mem_crash(province.store);
        node_restart(&province);
        settle(&province);
        expect_digest(&province, want, "fault", faults);
    }
    assert_true(faults > 100);
    lth_store_close(&before);
}

/* While its school is not in the registry a batch waits on; others are not kept up by it. */
static void other_schools_go_first(void **state)
{
    (void)state;
    static const record one[] = {{.id = 1, .natural = "1"}};
    static lth_org orgs[8];
    const lth_registry *all = country_registry();
    lth_registry fewer = {.version = 8, .orgs = orgs};
    lth_id gone = test_org(ORG_A);
    school b = begin(ORG_B, &province, &ministry);
    reload(&province, &nothing);
    send_good(&province, &a, one, 1);
    send_good(&province, &b, one, 1);
    for (uint32_t i = 0; i < all->n_orgs; i++) {
        if (!lth_id_equal(&all->orgs[i].id, &gone)) {
            orgs[fewer.n_orgs++] = all->orgs[i];
        }
    }
    lth_broker_reload(province.broker, &fewer, country_schema(), province.env.policy);
    settle(&province);
    assert_int_equal(live(&province), 0);
    assert_int_equal(node_entries(&province, LTH_T_record), 1);
    reload(&province, country_schema());
    settle(&province);
    assert_int_equal(live(&province), 1);
    assert_int_equal(node_entries(&province, LTH_T_await), 0);
}

/* ---- what else such a batch may hold ---- */

static lth_schema with(uint16_t number, bool first)
{
    static lth_dataset sets[2];
    const lth_dataset *one = country_schema()->datasets;
    sets[0] = *one;
    sets[1] = *one;
    sets[1].number = number;
    return (lth_schema){
        .dict_ver = 1, .datasets = first ? sets : sets + 1, .n_datasets = first ? 2 : 1};
}

static void other_datasets_are_left_alone(void **state)
{
    (void)state;
    static const record bad[] = {
        {.id = 1, .natural = "1"},
        {.id = 2, .natural = "2", .dataset = 2, .flags = LTH_RECORD_INVALID}};
    static const record good[] = {{.id = 2, .natural = "2", .dataset = 2}};
    lth_schema second = with(2, false), both = with(2, true);
    reload(&province, &second);
    send_good(&province, &a, bad, 2);
    assert_int_equal(open_holds(&province), 2);
    send_good(&province, &a, good, 1);
    assert_int_equal(open_holds(&province), 1);
    reload(&province, &both);
    settle(&province);
    assert_int_equal(open_holds(&province), 0);
    assert_int_equal(node_entries(&province, LTH_T_record), 2);
}

/* What failed at the school needs no definition's order: it is held at once, and stays the newest.
 */
static void later_holds_stay(void **state)
{
    (void)state;
    static const record first[] = {{.op = LTH_OP_RANGE, .lo = 1, .hi = 5},
                                   {.id = 3, .natural = "3"},
                                   {.id = 9, .natural = "9", .flags = LTH_RECORD_INVALID}};
    static const record second[] = {{.id = 2, .natural = "2", .flags = LTH_RECORD_INVALID},
                                    {.id = 9, .natural = "9b", .flags = LTH_RECORD_INVALID}};
    lth_txn *txn;
    lth_cursor *cursor;
    lth_slice key, value;
    reload(&province, &nothing);
    send_good(&province, &a, first, 3);
    reload(&province, country_schema());
    send_good(&province, &a, second, 2); /* Before the release, which comes with the same event. */
    settle(&province);
    assert_int_equal(live(&province), 1);
    assert_int_equal(open_holds(&province), 2);
    assert_int_equal(lth_store_begin(province.store, false, &txn), LTH_OK);
    assert_int_equal(lth_cursor_open(txn, LTH_T_held, &cursor), LTH_OK);
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(lth_cursor_next(cursor, &key, &value), LTH_OK);
        assert_int_equal(lth_get64(key.p), 2); /* The second batch. */
        assert_int_equal(lth_get32(key.p + 8), i);
    }
    lth_cursor_close(&cursor);
    lth_store_abort(&txn);
}

/* Whose record it may be is known with the definition: the hold changes its place. */
static void foreign_record_is_held_for_scope(void **state)
{
    (void)state;
    static const record theft[] = {{.owner = ORG_A, .id = 1, .official = "mine"}};
    lth_txn *txn;
    lth_cursor *cursor;
    lth_slice key, value;
    lth_held_row row;
    school b = begin(ORG_B, &province, &ministry);
    reload(&province, &nothing);
    send_good(&province, &b, theft, 1);
    reload(&province, country_schema());
    settle(&province);
    assert_int_equal(node_entries(&province, LTH_T_held), 1);
    assert_int_equal(node_entries(&province, LTH_T_heldby), 1);
    assert_int_equal(node_entries(&province, LTH_T_record), 0);
    assert_int_equal(lth_store_begin(province.store, false, &txn), LTH_OK);
    assert_int_equal(lth_cursor_open(txn, LTH_T_held, &cursor), LTH_OK);
    assert_int_equal(lth_cursor_next(cursor, &key, &value), LTH_OK);
    assert_true(lth_held_row_decode(&row, value));
    assert_int_equal(row.code, LTH_REFUSE_scope);
    lth_cursor_close(&cursor);
    lth_store_abort(&txn);
    lth_head head;
    node_head(&province, ORG_B, &head);
    assert_int_equal(head.held, 1);
}

/* Beside withheld records nobody can tell which ones a snapshot chunk still has: it ends none. */
static void range_beside_withheld_records_ends_nothing(void **state)
{
    (void)state;
    static const record first[] = {{.id = 2, .natural = "2"}};
    static const record chunk[] = {{.op = LTH_OP_RANGE, .lo = 1, .hi = 5},
                                   {.id = 3, .natural = "3", .dataset = 2}};
    lth_schema both = with(2, true);
    reload(&province, &both);
    send_good(&province, &a, first, 1);
    carry(&province, &ministry);
    reload(&ministry, &nothing);
    send_good(&province, &a, chunk, 2);
    carry(&province, &ministry);
    assert_int_equal(open_holds(&ministry), 1);
    reload(&ministry, country_schema());
    settle(&ministry);
    assert_int_equal(open_holds(&ministry), 0);
    assert_int_equal(live(&ministry), 1);
    node_restart(&ministry);
    assert_int_equal(open_holds(&ministry), 0);
}

/* A school whose dictionary is newer writes a group that this broker does not know of that dataset:
 * it waits, what is good by the old definition too goes on, and a reload that is still behind
 * changes nothing. */
static void school_ahead_waits(void **state)
{
    (void)state;
    static const record sent[] = {{.id = 1, .natural = "1"}};
    static lth_dataset shorter;
    static lth_schema older;
    shorter = *country_schema()->datasets;
    shorter.n_groups = 3; /* Without the last one, which the school writes. */
    older = (lth_schema){.dict_ver = 0, .datasets = &shorter, .n_datasets = 1};
    reload(&province, &older);
    send_good(&province, &a, sent, 1);
    assert_int_equal(open_holds(&province), 1);
    assert_int_equal(node_entries(&province, LTH_T_await), 1);
    reload(&province, &older);
    settle(&province);
    assert_int_equal(node_entries(&province, LTH_T_await), 1);
    carry(&province, &ministry);
    assert_int_equal(live(&ministry), 1); /* It knows already. */
    reload(&province, country_schema());
    settle(&province);
    assert_int_equal(open_holds(&province), 0);
    assert_int_equal(live(&province), 1);
    assert_int_equal(node_entries(&province, LTH_T_await), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {TEST(entry_ends_where_it_would_have),
                                       TEST(definition_may_come_and_go),
                                       TEST(ministry_alone_is_behind),
                                       TEST(each_tier_holds_for_itself),
                                       TEST(attestation_does_not_pass_ignorance_on),
                                       TEST(holds_are_counted_and_repeated),
                                       TEST(thousands_go_in_slices),
                                       TEST(thousands_of_holds_are_told_in_slices),
                                       TEST(crash_between_slices),
                                       TEST(every_fault_leaves_a_whole_state),
                                       TEST(other_schools_go_first),
                                       TEST(other_datasets_are_left_alone),
                                       TEST(later_holds_stay),
                                       TEST(foreign_record_is_held_for_scope),
                                       TEST(range_beside_withheld_records_ends_nothing),
                                       TEST(school_ahead_waits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
