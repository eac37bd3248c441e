/* The store fails at every single call of a step: nothing half is left, and the same batches sent
 * again lead to the same tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/store/store_mem.h"
#include "test_broker_fixture.h"

#define BATCHES 3u

static node broker;
static batch list[BATCHES];

static void restart(void)
{
    lth_broker_free(&broker.broker);
    lth_store_mem_crash(broker.store);
    node_restart(&broker);
    node_greet(&broker, ORG_A);
}

/* Handle one batch, commit and pump, each of which may fail. True when all of it went well. */
static bool try_step(const batch *b)
{
    static lth_checked checked;
    lth_check_env env = {.hasher = test_hasher(),
                         .trust = &broker.trust,
                         .registry = country_registry(),
                         .schema = country_schema()};
    lth_event event = {.kind = LTH_EVENT_FRAME,
                       .peer = PEER_OF(ORG_A),
                       .user = test_org(ORG_A),
                       .role = LTH_ROLE_AGENT,
                       .frame = &b->frame,
                       .checked = &checked};
    lth_txn *txn;
    lth_diag diag;
    bool more;
    lth_action action;
    broker.now.wall_ms = 1760000100000; /* The same in every run. */
    lth_broker_check(&checked, &env, &b->frame.batch);
    assert_int_equal(checked.code, LTH_REFUSE_none);
    if (lth_store_begin(broker.store, true, &txn) != LTH_OK) {
        return false;
    }
    if (lth_broker_handle(broker.broker, txn, broker.now, &event, &diag) != LTH_OK) {
        lth_store_abort(&txn);
        return false;
    }
    if (lth_store_commit(&txn) != LTH_OK ||
        lth_broker_committed(broker.broker, broker.now) != LTH_OK ||
        lth_store_begin(broker.store, false, &txn) != LTH_OK) {
        return false;
    }
    lth_err err = lth_broker_pump(broker.broker, txn, broker.now, &more, &diag);
    while (lth_broker_next(broker.broker, &action)) {
        assert_true(action.kind != LTH_ACTION_SEND || action.frame.kind != LTH_FRAME_REJECT);
    }
    lth_store_abort(&txn);
    return err == LTH_OK;
}

static void make_batches(void)
{
    static const uint16_t share[] = {1, 2};
    static const record records[BATCHES][3] = {
        {{.id = 1, .natural = "1"}, {.id = 2, .natural = "2"}, {.id = 3, .natural = "3"}},
        {{.id = 1, .natural = "2"}, {.id = 2, .natural = "1"}, {.id = 4, .natural = "3"}},
        {{.op = LTH_OP_RANGE, .hi = 9}, {.id = 3, .natural = "4"}, {.id = 4, .natural = "5"}}};
    school a;
    node_init(&broker, ORG_PROVINCE, false);
    node_route(&broker, LTH_SEND_GROUPS, share, 2);
    school_begin(&a, ORG_A, &broker);
    for (uint32_t i = 0; i < BATCHES; i++) {
        list[i] = school_batch(&a, records[i], 3);
    }
    broker.env.has_parent = true; /* From here on entries go to `out`. */
    restart();
}

static void hash_all(uint8_t out[LTH_T_COUNT][LTH_HASH_SIZE])
{
    for (uint32_t table = 0; table < LTH_T_COUNT; table++) {
        node_table_hash(&broker, table, out[table]);
    }
}

static void every_fault_leaves_a_whole_state(void **state)
{
    (void)state;
    uint8_t expected[LTH_T_COUNT][LTH_HASH_SIZE], hash[LTH_T_COUNT][LTH_HASH_SIZE];
    uint64_t faults = 0;
    country_init();
    make_batches();
    for (uint32_t i = 0; i < BATCHES; i++) {
        assert_true(try_step(&list[i]));
    }
    hash_all(expected);
    node_fini(&broker);
    for (uint64_t at = 1;; at++) {
        bool spent = false;
        make_batches();
        lth_store_mem_fail_after(broker.store, at, LTH_E_STORE_IO);
        for (uint32_t i = 0; i < BATCHES; i++) {
            if (!try_step(&list[i])) {
                spent = true;
                restart();
                for (uint32_t k = 0; k <= i; k++) { /* What was sent before is a duplicate now. */
                    assert_true(try_step(&list[k]));
                }
            }
        }
        lth_store_mem_fail_after(broker.store, 0, LTH_E_STORE_IO);
        hash_all(hash);
        assert_memory_equal(hash, expected, sizeof hash);
        node_fini(&broker);
        faults += spent;
        if (!spent) {
            break;
        }
    }
    assert_true(faults > 50);
    country_fini();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_fault_leaves_a_whole_state)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
