/* How long a change takes, tier by tier. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agents/shell/exchange.h"
#include "lth/diag.h"

static const lth_id SO = {{1}}, BO = {{2}};

static char logged[400];
static unsigned lines;

static void keep(void *ctx, lth_level level, const char *event, const char *detail)
{
    (void)ctx;
    assert_int_equal(level, LTH_LEVEL_INFO);
    assert_string_equal(event, "exchange");
    lth_format(logged, sizeof logged, "%s", detail);
    lines++;
}
static const lth_log LOG = {.write = keep};

static void receipt(lth_exchange *e, const lth_id *tier, uint32_t epoch, uint64_t seq, lth_mono ms)
{
    lth_receipt r = {.tier_org = *tier, .at = {.epoch = epoch, .seq = seq}};
    lth_now now = {.mono = LTH_MONO_MS(ms), .wall_ms = 1000 + ms};
    lth_exchange_receipt(e, &r, now, &LOG, "79000123", "tier");
}

static void test_tiers(void **state)
{
    (void)state;
    lth_exchange e = {.round_began = LTH_MONO_MS(70)};
    lines = 0;
    receipt(&e, &SO, 1, 4, 90); /* Of a snapshot: nothing is being timed. */
    assert_int_equal(lines, 0);
    assert_int_equal(e.tiers[0].seen_ms, 1090);
    lth_exchange_sealed(&e, &(lth_position){.epoch = 1, .seq = 5}, LTH_MONO_MS(100));
    receipt(&e, &SO, 1, 4, 101); /* An older one. */
    receipt(&e, &SO, 2, 9, 101); /* Of another life. */
    assert_int_equal(lines, 0);
    receipt(&e, &SO, 1, 5, 103);
    receipt(&e, &BO, 1, 7, 109); /* One for several batches. */
    receipt(&e, &BO, 1, 8, 150); /* Already answered. */
    assert_int_equal(lines, 2);
    assert_int_equal(e.n_tiers, 2);
    assert_int_equal(e.capture_took, LTH_MONO_MS(30));
    assert_int_equal(e.tiers[0].took, LTH_MONO_MS(3));
    assert_int_equal(e.tiers[1].took, LTH_MONO_MS(9));
    assert_int_equal(e.tiers[1].seen_ms, 1150);
    assert_string_equal(logged, "org=79000123 tier=tier epoch=1 batch=5 sealed_ns=100000000 "
                                "exchange_ns=9000000 capture_ns=30000000");
    lth_exchange_sealed(&e, &(lth_position){.epoch = 1, .seq = 9}, LTH_MONO_MS(200));
    assert_int_equal(e.tiers[1].took, LTH_MONO_MS(9)); /* Shown until the next answer. */
    receipt(&e, &BO, 1, 9, 204);
    assert_int_equal(e.tiers[1].took, LTH_MONO_MS(4));
}

static void test_more_tiers_than_places(void **state)
{
    (void)state;
    lth_exchange e = {0};
    for (uint8_t i = 0; i < 2 * LTH_EXCHANGE_TIERS; i++)
        receipt(&e, &(lth_id){{i}}, 1, 1, i);
    assert_int_equal(e.n_tiers, LTH_EXCHANGE_TIERS);
    assert_int_equal(e.tiers[LTH_EXCHANGE_TIERS - 1].org.b[0], 2 * LTH_EXCHANGE_TIERS - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tiers),
        cmocka_unit_test(test_more_tiers_than_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
