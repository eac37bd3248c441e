/* The public stream down to a school's agent: ministry, province, agent, with what is lost,
 * restarted or forged on the last link. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "agents/core/agent.h"
#include "lib/store/store_mem.h"
#include "test_broker_fixture.h"

static node ministry, province;

/* ---- the agent ---- */

static lth_store *store;
static lth_agent *agent;
static lth_agent_env env;
static lth_signer signer;
static lth_trust trust;
static lth_agent_school school_of_a;
static lth_now now;
static uint32_t errors;

static void fill(void *ctx, void *out, size_t n)
{
    (void)ctx;
    memset(out, 7, n);
}

static void count_errors(void *ctx, lth_level level, const char *event, const char *detail)
{
    (void)ctx;
    (void)event;
    (void)detail;
    errors += level == LTH_LEVEL_ERROR;
}

static void agent_open(void)
{
    lth_txn *txn;
    lth_diag diag = {0};
    lth_agent_free(&agent);
    assert_int_equal(lth_store_begin(store, true, &txn), LTH_OK);
    assert_int_equal(lth_agent_open(&agent, &env, txn, now, &diag), LTH_OK);
    assert_int_equal(lth_store_commit(&txn), LTH_OK);
}

/* What it wants to send goes to the province; @p deaf: nowhere. */
static void agent_act(bool deaf)
{
    lth_agent_action action;
    while (lth_agent_next(agent, &action)) {
        if (action.kind == LTH_AACTION_SEND && !deaf) {
            node_frame(&province, ORG_A, &action.frame);
        }
    }
}

static void agent_step(const lth_agent_event *event, bool deaf)
{
    lth_txn *txn;
    lth_diag diag = {0};
    bool more;
    now.mono += LTH_MONO_MS(1);
    now.wall_ms++;
    assert_int_equal(lth_store_begin(store, true, &txn), LTH_OK);
    assert_int_equal(lth_agent_handle(agent, txn, now, event, &diag), LTH_OK);
    assert_int_equal(lth_agent_seal(agent, txn, now, &diag), LTH_OK);
    assert_int_equal(lth_store_commit(&txn), LTH_OK);
    assert_int_equal(lth_agent_committed(agent, now), LTH_OK);
    assert_int_equal(lth_store_begin(store, false, &txn), LTH_OK);
    assert_int_equal(lth_agent_pump(agent, txn, now, &more, &diag), LTH_OK);
    agent_act(deaf);
    lth_store_abort(&txn);
}

static void agent_frame(const lth_frame *frame)
{
    agent_step(&(lth_agent_event){.kind = LTH_AEVENT_FRAME, .frame = frame}, false);
}

static void agent_later(uint64_t seconds)
{
    now.mono += LTH_MONO_S(seconds);
    now.wall_ms += seconds * 1000;
    agent_step(&(lth_agent_event){.kind = LTH_AEVENT_TIMER}, false);
}

/* Everything that the province has for it, in order; one of @p lose batches is lost. */
static void deliver(uint32_t lose)
{
    static uint32_t count;
    static const lth_frame_kind kinds[] = {LTH_FRAME_CERTS, LTH_FRAME_LINK_RESUME, LTH_FRAME_RESUME,
                                           LTH_FRAME_EPOCH_GRANT, LTH_FRAME_BATCH};
    for (bool any = true; any;) {
        any = false;
        for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
            const lth_frame *frame;
            while ((frame = node_take(&province, PEER_OF(ORG_A), kinds[k])) != NULL) {
                bool lost = frame->kind == LTH_FRAME_BATCH && lose > 0 && count++ % lose == 0;
                any = true;
                if (!lost) {
                    agent_frame(frame);
                }
            }
        }
    }
}

static void connect_agent(void)
{
    node_clear(&province);
    agent_step(&(lth_agent_event){.kind = LTH_AEVENT_LINK_UP}, false);
    deliver(0);
}

/* ---- the country ---- */

static void open_public(node *self, uint32_t n, bool has_parent)
{
    node_init(self, n, has_parent);
    self->env.public_org = test_org(ORG_MINISTRY);
    self->env.schema = lth_public_schema();
    node_restart(self);
}

static int setup(void **state)
{
    (void)state;
    const lth_store_options options = {.tables = lth_agent_table_names, .n_tables = LTH_A_COUNT};
    country_init();
    open_public(&ministry, ORG_MINISTRY, false);
    open_public(&province, ORG_PROVINCE, true);
    link_up(&province, &ministry);
    now = (lth_now){.mono = LTH_MONO_S(1), .wall_ms = 1760000000000u};
    errors = 0;
    signer = test_signer(ORG_A);
    trust = test_trust();
    school_of_a = (lth_agent_school){.org = test_org(ORG_A),
                                     .signer = &signer,
                                     .leaf_der = test_certificate(ORG_A),
                                     .ca_der = test_certificate(ORG_A)};
    env = (lth_agent_env){.node_org = test_org(ORG_A),
                          .role = LTH_ROLE_AGENT,
                          .broker_org = test_org(ORG_PROVINCE),
                          .public_org = test_org(ORG_MINISTRY),
                          .hasher = test_hasher(),
                          .random = {.fill = fill},
                          .trust = &trust,
                          .log = {.write = count_errors},
                          .registry = country_registry(),
                          .schools = &school_of_a,
                          .n_schools = 1,
                          .live_ms = 1000,
                          .scans_max = 1,
                          .keep_days = 35,
                          .schema = lth_public_schema(),
                          .gone_percent = 20,
                          .gone_least = 5};
    assert_int_equal(lth_store_open_mem(&store, &options), LTH_OK);
    agent_open();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    lth_agent_free(&agent);
    lth_store_close(&store);
    node_fini(&ministry);
    node_fini(&province);
    country_fini();
    return 0;
}

/* ---- publishing ---- */

static lth_public_set nothing;

static lth_slice text(const char *s)
{
    return lth_slice_of(s, strlen(s));
}

static lth_public_set make_set(uint32_t codes, const char *vi, const char *definition)
{
    lth_public_set set = {0};
    lth_public_definition one = {
        .kind = LTH_PUBLIC_DATASET, .name = text("book"), .version = 1, .text = text(definition)};
    assert_int_equal(lth_public_set_definition(&set, &one), LTH_OK);
    for (uint32_t i = 0; i < codes; i++) {
        char code[16];
        (void)snprintf(code, sizeof code, "%05u", i);
        lth_public_code c = {.list = text("commune"), .code = text(code), .vi = text(vi)};
        assert_int_equal(lth_public_set_code(&set, &c), LTH_OK);
    }
    assert_int_equal(lth_public_set_sort(&set), LTH_OK);
    return set;
}

static void publish(node *self, const lth_public_set *old, const lth_public_set *new_)
{
    lth_public_change *changes;
    uint32_t n;
    lth_txn *txn;
    lth_diag diag = {0};
    assert_int_equal(lth_public_diff(&changes, &n, old, new_), LTH_OK);
    assert_int_equal(lth_store_begin(self->store, true, &txn), LTH_OK);
    assert_int_equal(lth_broker_publish(self->broker, txn, self->now, changes, n, &diag), LTH_OK);
    assert_int_equal(lth_store_commit(&txn), LTH_OK);
    assert_int_equal(lth_broker_committed(self->broker, self->now), LTH_OK);
    free(changes);
    node_timer(self, 0);
}

static lth_agent_public_info info_of(void)
{
    lth_agent_public_info info;
    lth_agent_public_of(agent, &info);
    return info;
}

static void expect_set(const lth_public_set *expected)
{
    lth_public_set held;
    lth_public_change *changes;
    uint32_t n;
    lth_txn *txn;
    lth_hasher h = test_hasher();
    assert_int_equal(lth_store_begin(store, false, &txn), LTH_OK);
    assert_int_equal(lth_agent_public_read(&held, &h, txn), LTH_OK);
    lth_store_abort(&txn);
    assert_int_equal(held.n_codes, expected->n_codes);
    assert_int_equal(held.n_definitions, expected->n_definitions);
    assert_int_equal(lth_public_diff(&changes, &n, &held, expected), LTH_OK);
    assert_int_equal(n, 0);
    assert_int_equal(held.version, info_of().at.seq);
    free(changes);
    lth_public_set_fini(&held);
}

/* ---- tests ---- */

static void it_gets_what_is_published(void **state)
{
    (void)state;
    lth_public_set one = make_set(2500, "Xã", "v1"), two = make_set(2400, "Xã", "v2");
    publish(&ministry, &nothing, &one);
    carry(&province, &ministry);
    connect_agent();
    expect_set(&one);
    assert_int_equal(info_of().at.seq, 3);
    assert_true(info_of().whole);
    publish(&ministry, &one, &two); /* pushed, without being asked */
    carry(&province, &ministry);
    deliver(0);
    expect_set(&two);
    assert_true(info_of().whole);
    assert_int_equal(info_of().above.seq, info_of().at.seq);
    assert_int_equal(errors, 0);
    lth_public_set_fini(&one);
    lth_public_set_fini(&two);
}

static void what_is_lost_comes_again(void **state)
{
    (void)state;
    lth_public_set set = make_set(8500, "Xã", "v1");
    connect_agent();
    publish(&ministry, &nothing, &set);
    carry(&province, &ministry);
    for (uint32_t i = 0; i < 100 && info_of().at.seq < 9; i++) {
        deliver(3);
        agent_later(5);
        node_timer(&province, 5000);
    }
    expect_set(&set);
    assert_true(info_of().whole);
    lth_public_set_fini(&set);
}

static void a_restart_goes_on_where_it_was(void **state)
{
    (void)state;
    lth_public_set set = make_set(2500, "Xã", "v1");
    connect_agent();
    publish(&ministry, &nothing, &set);
    carry(&province, &ministry);
    const lth_frame *first = node_take(&province, PEER_OF(ORG_A), LTH_FRAME_BATCH);
    assert_non_null(first);
    agent_step(&(lth_agent_event){.kind = LTH_AEVENT_FRAME, .frame = first}, true);
    assert_int_equal(info_of().at.seq, 1);
    assert_false(info_of().whole);
    agent_open();
    assert_int_equal(info_of().at.seq, 1);
    assert_false(info_of().whole);
    connect_agent();
    expect_set(&set);
    agent_open();
    assert_int_equal(info_of().at.seq, 3);
    assert_true(info_of().whole);
    expect_set(&set);
    lth_public_set_fini(&set);
}

static void expect_nothing_new(const lth_frame *frame)
{
    lth_position before = info_of().at;
    agent_frame(frame);
    lth_position after = info_of().at;
    assert_int_equal(before.seq, after.seq);
    assert_memory_equal(before.hash, after.hash, LTH_HASH_SIZE);
}

static void sign_as(uint8_t bytes[LTH_BATCH_SIGNED_SIZE], uint32_t key, lth_batch_header *header)
{
    lth_signer by = test_signer(key);
    memcpy(header->key_id, by.key_id, sizeof header->key_id);
    lth_batch_header_encode(bytes, header);
    assert_int_equal(
        by.sign(by.ctx, lth_slice_of(bytes, LTH_BATCH_HEADER_SIZE), bytes + LTH_BATCH_HEADER_SIZE),
        LTH_OK);
}

static void it_believes_the_author_alone(void **state)
{
    (void)state;
    lth_public_set set = make_set(3, "Xã", "v1");
    connect_agent();
    publish(&ministry, &nothing, &set);
    carry(&province, &ministry);
    const lth_frame *good = node_take(&province, PEER_OF(ORG_A), LTH_FRAME_BATCH);
    assert_non_null(good);
    uint8_t bytes[LTH_BATCH_SIGNED_SIZE];
    lth_batch_header header;
    lth_frame bad = *good;
    memcpy(bytes, good->batch.signed_header.p, sizeof bytes);
    assert_int_equal(lth_batch_header_decode(&header, bytes), LTH_REFUSE_none);
    bad.batch.signed_header = lth_slice_of(bytes, sizeof bytes);
    sign_as(bytes, ORG_PROVINCE, &header); /* its own broker, in the ministry's name */
    expect_nothing_new(&bad);
    header.origin = test_org(ORG_PROVINCE);
    sign_as(bytes, ORG_PROVINCE, &header); /* and in its own */
    expect_nothing_new(&bad);
    assert_int_equal(errors, 2);
    bad = *good;
    bad.batch.body.n = 0;
    expect_nothing_new(&bad);
    bad = *good;
    bad.batch.attest.n = 0;
    expect_nothing_new(&bad);
    bad = *good;
    bad.batch.grant.n = 0;
    expect_nothing_new(&bad);
    uint8_t *body = malloc(good->batch.body.n);
    assert_non_null(body);
    memcpy(body, good->batch.body.p, good->batch.body.n);
    body[good->batch.body.n - 1] ^= 1;
    bad = *good;
    bad.batch.body.p = body;
    expect_nothing_new(&bad);
    free(body);
    agent_frame(good);
    expect_set(&set);
    expect_nothing_new(good);
    lth_public_set_fini(&set);
}

static void a_fork_freezes_it(void **state)
{
    (void)state;
    static node other;
    lth_public_set one = make_set(3, "Xã", "v1"), two = make_set(4, "Phường", "v2");
    connect_agent();
    publish(&ministry, &nothing, &one);
    carry(&province, &ministry);
    deliver(0);
    expect_set(&one);
    open_public(&other, ORG_MINISTRY, false);
    publish(&other, &nothing, &two);
    node_fini(&province); /* a province that only knows the other one */
    open_public(&province, ORG_PROVINCE, true);
    link_up(&province, &other);
    agent_step(&(lth_agent_event){.kind = LTH_AEVENT_LINK_DOWN}, false);
    connect_agent();
    assert_true(info_of().frozen);
    expect_set(&one);
    assert_true(errors > 0);
    agent_open();
    assert_true(info_of().frozen);
    node_fini(&other);
    lth_public_set_fini(&one);
    lth_public_set_fini(&two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_gets_what_is_published, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_lost_comes_again, setup, teardown),
        cmocka_unit_test_setup_teardown(a_restart_goes_on_where_it_was, setup, teardown),
        cmocka_unit_test_setup_teardown(it_believes_the_author_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(a_fork_freezes_it, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
