/* Build, verify, withhold, verify again; and that nothing changed or cut gets through. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "test_hasher.h"
#include "test_record_make.h"

static lth_slice head_of(const test_batch *batch)
{
    return lth_slice_of(batch->head, sizeof batch->head);
}

/* A copy that ends where its allocation ends, so that the sanitizer sees one byte too far. */
static uint8_t *exact_copy(const void *p, size_t n)
{
    uint8_t *copy = malloc(n > 0 ? n : 1);
    assert_non_null(copy);
    memcpy(copy, p, n);
    return copy;
}

static void a_built_batch_verifies(void **state)
{
    (void)state;
    test_random random = {1};
    for (uint32_t n = 0; n < 40; n++) {
        test_batch batch;
        test_batch_make(&batch, &random, n, 1 + n % LTH_GROUPS_MAX);
        lth_batch_check check;
        assert_int_equal(test_verify(&check, head_of(&batch), lth_buf_slice(&batch.body)),
                         LTH_REFUSE_none);
        assert_int_equal(check.n_records, n);
        assert_int_equal(check.header.rec_count, n);
        assert_true(check.header.first_rec_seq == 100);
        assert_false(check.redacted);
        assert_false(check.headers_only);
        lth_signer signer = test_signer(0);
        assert_memory_equal(check.header.key_id, signer.key_id, LTH_HASH_SIZE);
        test_batch_free(&batch);
    }
}

/* Which groups of a record are let through. */
typedef struct share_set {
    uint16_t numbers[LTH_GROUPS_MAX + 1];
    uint32_t n;
    bool whole;
} share_set;

static share_set random_share(test_random *random, const lth_record_view *record)
{
    share_set out = {.whole = test_below(random, 8) == 0};
    uint32_t chance = 1 + test_below(random, 4);
    for (uint32_t i = 0; i < record->n_groups; i++) {
        if (test_below(random, 4) < chance) {
            out.numbers[out.n++] = record->groups[i].number;
        }
    }
    return out;
}

static bool in_share(const share_set *share, uint16_t number)
{
    bool found = share->whole;
    for (uint32_t i = 0; i < share->n; i++) {
        found = found || share->numbers[i] == number;
    }
    return found;
}

/* Exactly what was shown before and is shared is shown now, with the same bytes. */
static void check_redaction(const lth_record_view *before, const lth_record_view *after,
                            const share_set *share)
{
    if (before->form == LTH_FORM_LEAF || (!share->whole && share->n == 0)) {
        assert_int_equal(after->form, LTH_FORM_LEAF);
        return;
    }
    assert_int_equal(after->n_groups, before->n_groups);
    bool all = true;
    for (uint32_t i = 0; i < before->n_groups; i++) {
        const lth_group_view *old = &before->groups[i];
        const lth_group_view *new = lth_record_group(after, old->number);
        assert_non_null(new);
        assert_int_equal(new->shown, old->shown && in_share(share, old->number));
        assert_true(!new->shown || lth_slice_equal(new->value, old->value));
        all = all && new->shown;
    }
    assert_true(after->form ==
                (before->form == LTH_FORM_FULL && all ? LTH_FORM_FULL : LTH_FORM_REDACTED));
}

/* Withhold something random of each record; returns whether anything is now withheld. */
static bool redact_body(lth_buf *out, lth_slice body, test_random *random)
{
    lth_hasher h = test_hasher();
    lth_rd in = lth_rd_of(body);
    lth_buf_init(out, LTH_BATCH_BODY_MAX);
    bool withheld = false;
    while (lth_rd_left(&in) > 0) {
        lth_record_view before, after;
        assert_int_equal(lth_record_parse(&before, &in), LTH_REFUSE_none);
        share_set share = random_share(random, &before);
        size_t start = out->n;
        assert_int_equal(lth_record_redact(out, &h, &before, share.numbers, share.n, share.whole),
                         LTH_OK);
        lth_rd again = lth_rd_of(lth_slice_of(out->p + start, out->n - start));
        assert_int_equal(lth_record_parse(&after, &again), LTH_REFUSE_none);
        assert_true(lth_rd_done(&again));
        check_redaction(&before, &after, &share);
        withheld = withheld || after.form != LTH_FORM_FULL;
    }
    return withheld;
}

static void any_groups_may_be_withheld_again_and_again(void **state)
{
    (void)state;
    test_random random = {2};
    for (int round = 0; round < 60; round++) {
        test_batch batch;
        test_batch_make(&batch, &random, 1 + test_below(&random, 20), 8);
        for (int hop = 0; hop < 4; hop++) {
            lth_buf passed_on;
            bool withheld = redact_body(&passed_on, lth_buf_slice(&batch.body), &random);
            lth_batch_check check;
            assert_int_equal(test_verify(&check, head_of(&batch), lth_buf_slice(&passed_on)),
                             LTH_REFUSE_none);
            assert_int_equal(check.redacted, withheld);
            lth_buf_fini(&batch.body);
            batch.body = passed_on;
        }
        test_batch_free(&batch);
    }
}

static void a_group_that_nobody_has_shows_only_commitments(void **state)
{
    (void)state;
    test_random random = {3};
    test_batch batch;
    test_batch_make(&batch, &random, 1, 5);
    lth_hasher h = test_hasher();
    lth_record_view record;
    lth_rd in = lth_rd_of(lth_buf_slice(&batch.body));
    assert_int_equal(lth_record_parse(&record, &in), LTH_REFUSE_none);
    lth_buf erased;
    lth_buf_init(&erased, LTH_RECORD_MAX);
    const uint16_t none[] = {UINT16_MAX};
    assert_int_equal(lth_record_redact(&erased, &h, &record, none, 1, false), LTH_OK);
    assert_int_equal(erased.n, 1 + LTH_RECORD_HEADER_SIZE + record.n_groups * (2 + 1 + 32));
    lth_batch_check check;
    assert_int_equal(test_verify(&check, head_of(&batch), lth_buf_slice(&erased)), LTH_REFUSE_none);
    lth_buf_fini(&erased);
    test_batch_free(&batch);
}

static void redaction_tells_limit_and_changes_nothing(void **state)
{
    (void)state;
    test_random random = {4};
    test_batch batch;
    test_batch_make(&batch, &random, 1, 5);
    lth_hasher h = test_hasher();
    lth_record_view record;
    lth_rd in = lth_rd_of(lth_buf_slice(&batch.body));
    assert_int_equal(lth_record_parse(&record, &in), LTH_REFUSE_none);
    lth_buf small;
    lth_buf_init(&small, 32);
    const uint16_t none[] = {UINT16_MAX};
    assert_int_equal(lth_record_redact(&small, &h, &record, none, 1, false), LTH_E_LIMIT);
    assert_int_equal(lth_record_redact(&small, &h, &record, none, 0, false), LTH_E_LIMIT);
    assert_int_equal(lth_record_redact(&small, &h, &record, none, 0, true), LTH_E_LIMIT);
    assert_int_equal(lth_record_to_leaf(&small, &h, &record), LTH_E_LIMIT);
    assert_int_equal(small.n, 0);
    lth_buf_fini(&small);
    test_batch_free(&batch);
}

/* Flip each bit of each byte of head and body in turn. */
static void expect_every_flip_refused(const test_batch *batch, lth_slice body)
{
    uint8_t *head = exact_copy(batch->head, sizeof batch->head);
    uint8_t *bytes = exact_copy(body.p, body.n);
    lth_batch_check check;
    for (size_t i = 0; i < sizeof batch->head + body.n; i++) {
        uint8_t *at = i < sizeof batch->head ? head + i : bytes + (i - sizeof batch->head);
        for (unsigned bit = 0; bit < 8; bit++) {
            *at = (uint8_t)(*at ^ 1u << bit);
            assert_int_not_equal(test_verify(&check, lth_slice_of(head, sizeof batch->head),
                                             lth_slice_of(bytes, body.n)),
                                 LTH_REFUSE_none);
            *at = (uint8_t)(*at ^ 1u << bit);
        }
    }
    free(head);
    free(bytes);
}

static void every_flipped_bit_is_refused(void **state)
{
    (void)state;
    test_random random = {5};
    for (int round = 0; round < 2; round++) {
        test_batch batch;
        test_batch_make(&batch, &random, 3, 4);
        expect_every_flip_refused(&batch, lth_buf_slice(&batch.body));
        lth_buf redacted;
        (void)redact_body(&redacted, lth_buf_slice(&batch.body), &random);
        expect_every_flip_refused(&batch, lth_buf_slice(&redacted));
        lth_buf_fini(&redacted);
        test_batch_free(&batch);
    }
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    test_random random = {6};
    test_batch batch;
    test_batch_make(&batch, &random, 4, 4);
    lth_batch_check check;
    for (size_t n = 0; n < sizeof batch.head; n++) {
        uint8_t *head = exact_copy(batch.head, n);
        assert_int_equal(test_verify(&check, lth_slice_of(head, n), lth_buf_slice(&batch.body)),
                         LTH_REFUSE_bad_context);
        free(head);
    }
    for (size_t n = 1; n < batch.body.n; n++) {
        uint8_t *body = exact_copy(batch.body.p, n);
        lth_refusal code = test_verify(&check, head_of(&batch), lth_slice_of(body, n));
        assert_true(code == LTH_REFUSE_bad_body || code == LTH_REFUSE_bad_count);
        free(body);
    }
    test_batch_free(&batch);
}

static void a_batch_without_body_is_headers_only(void **state)
{
    (void)state;
    test_random random = {7};
    test_batch batch;
    test_batch_make(&batch, &random, 4, 4);
    lth_batch_check check;
    assert_int_equal(test_verify(&check, head_of(&batch), (lth_slice){0}), LTH_REFUSE_none);
    assert_true(check.headers_only);
    assert_int_equal(check.n_records, 0);
    assert_int_equal(check.header.rec_count, 4);
    test_batch_free(&batch);
}

static void a_body_above_the_limit_is_too_large(void **state)
{
    (void)state;
    test_random random = {8};
    test_batch batch;
    test_batch_make(&batch, &random, 1, 1);
    uint8_t *zeros = calloc(1, LTH_BATCH_BODY_MAX + 1);
    assert_non_null(zeros);
    lth_batch_check check;
    assert_int_equal(
        test_verify(&check, head_of(&batch), lth_slice_of(zeros, LTH_BATCH_BODY_MAX + 1)),
        LTH_REFUSE_too_large);
    assert_int_equal(test_verify(&check, head_of(&batch), lth_slice_of(zeros, LTH_BATCH_BODY_MAX)),
                     LTH_REFUSE_bad_count);
    free(zeros);
    test_batch_free(&batch);
}

static void a_refusal_explains_itself(void **state)
{
    (void)state;
    test_random random = {9};
    test_batch batch;
    test_batch_make(&batch, &random, 3, 2);
    batch.head[200] ^= 1;
    static uint8_t leaves[LTH_BATCH_RECORDS_MAX][LTH_HASH_SIZE];
    lth_hasher h = test_hasher();
    lth_trust trust = test_trust();
    lth_batch_check check;
    lth_diag diag;
    assert_int_equal(lth_batch_verify(&check, &h, &trust, head_of(&batch),
                                      lth_buf_slice(&batch.body), leaves, &diag),
                     LTH_REFUSE_bad_signature);
    assert_int_equal(diag.err, LTH_E_REFUSED);
    assert_string_equal(diag.text, "bad_signature: signature does not verify");
    lth_id origin = test_org(0);
    assert_memory_equal(check.header.origin.b, origin.b, sizeof origin.b);
    test_batch_free(&batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_built_batch_verifies),
        cmocka_unit_test(any_groups_may_be_withheld_again_and_again),
        cmocka_unit_test(a_group_that_nobody_has_shows_only_commitments),
        cmocka_unit_test(redaction_tells_limit_and_changes_nothing),
        cmocka_unit_test(every_flipped_bit_is_refused),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(a_batch_without_body_is_headers_only),
        cmocka_unit_test(a_body_above_the_limit_is_too_large),
        cmocka_unit_test(a_refusal_explains_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
