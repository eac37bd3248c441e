/* Attestations, receipts, grants and proofs with fake keys: round trips, flips, truncations.
 * Their bytes are compared with another implementation's in test_record_golden.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test_hasher.h"
#include "test_record_make.h"

static lth_position position(void)
{
    return (lth_position){.epoch = 3, .seq = 12, .hash = {0xaa, 0xbb}};
}

static lth_attest new_attest(void)
{
    return (lth_attest){.entry_org = test_org(130),
                        .origin = test_org(1),
                        .stream = LTH_STREAM_PUBLIC,
                        .at = position(),
                        .receive_ms = 1788220800000,
                        .registry_version = 8,
                        .n_held = 2,
                        .held = {{3, LTH_REFUSE_scope}, {999, LTH_REFUSE_bad_value}}};
}

static void an_attestation_comes_back(void **state)
{
    (void)state;
    static uint8_t out[LTH_ATTEST_BYTES_MAX];
    static lth_attest a, back;
    lth_signer signer = test_signer(130);
    lth_trust trust = test_trust();
    a = new_attest();
    size_t n = lth_attest_sign(out, &a, &signer);
    assert_int_equal(n, LTH_ATTEST_BYTES_MAX - 6 * (LTH_BATCH_RECORDS_MAX - 2));
    lth_slice bytes = lth_slice_of(out, n);
    assert_true(lth_attest_decode(&back, bytes));
    assert_memory_equal(back.key_id, signer.key_id, LTH_HASH_SIZE);
    memcpy(a.key_id, signer.key_id, LTH_HASH_SIZE);
    assert_true(lth_id_equal(&back.entry_org, &a.entry_org));
    assert_true(lth_id_equal(&back.origin, &a.origin));
    assert_true(back.stream == a.stream && back.receive_ms == a.receive_ms);
    assert_int_equal(back.registry_version, 8);
    assert_int_equal(back.n_held, 2);
    assert_int_equal(back.held[1].index, 999);
    assert_int_equal(back.held[1].code, LTH_REFUSE_bad_value);
    assert_int_equal(lth_statement_verify(bytes, back.key_id, &trust), LTH_REFUSE_none);

    a.n_held = LTH_BATCH_RECORDS_MAX;
    for (uint32_t i = 0; i < a.n_held; i++) {
        a.held[i] = (lth_held_mark){i, LTH_REFUSE_scope};
    }
    assert_int_equal(lth_attest_sign(out, &a, &signer), LTH_ATTEST_BYTES_MAX);
    assert_true(lth_attest_decode(&back, lth_slice_of(out, LTH_ATTEST_BYTES_MAX)));
}

/* Byte for byte as lth/record.h says. */
static void a_release_comes_back(void **state)
{
    (void)state;
    static uint8_t out[LTH_RELEASE_BYTES_MAX], flipped[LTH_RELEASE_BYTES_MAX];
    static lth_release r, back;
    static const char tail[] = "0000000000000102" /* when_ms */
                               "0200"
                               "0073"
                               "00000002" /* keep, code 115, two */
                               "00000003"
                               "000003e7";
    lth_signer signer = test_signer(130);
    lth_trust trust = test_trust();
    uint8_t want[sizeof tail / 2];
    r = (lth_release){.entry_org = test_org(130),
                      .origin = test_org(1),
                      .stream = 5,
                      .at = position(),
                      .when_ms = 0x102,
                      .action = LTH_RELEASE_KEEP,
                      .code = LTH_REFUSE_rejected,
                      .n = 2,
                      .index = {3, 999}};
    size_t n = lth_release_sign(out, &r, &signer);
    assert_int_equal(n, LTH_RELEASE_FIXED + 8);
    assert_memory_equal(out, "LTH-RELEASE-v1\0", 16);
    assert_memory_equal(out + 16, r.entry_org.b, 16);
    assert_memory_equal(out + 32, signer.key_id, LTH_HASH_SIZE);
    assert_memory_equal(out + 64, r.origin.b, 16);
    assert_int_equal(lth_get64(out + 80), 5);
    assert_int_equal(lth_get32(out + 88), 3);
    assert_int_equal(lth_get64(out + 92), 12);
    assert_memory_equal(out + 100, r.at.hash, LTH_HASH_SIZE);
    assert_true(lth_unhex(want, sizeof want, tail, sizeof tail - 1));
    assert_memory_equal(out + 132, want, sizeof want);
    assert_true(lth_release_decode(&back, lth_slice_of(out, n)));
    assert_int_equal(back.action, LTH_RELEASE_KEEP);
    assert_int_equal(back.code, LTH_REFUSE_rejected);
    assert_int_equal(back.n, 2);
    assert_int_equal(back.index[1], 999);
    assert_int_equal(back.when_ms, 0x102);
    assert_int_equal(lth_statement_verify(lth_slice_of(out, n), back.key_id, &trust),
                     LTH_REFUSE_none);
    for (size_t i = 0; i < n; i++) {
        assert_false(lth_release_decode(&back, lth_slice_of(out, i)));
        memcpy(flipped, out, n);
        flipped[i] ^= 1;
        bool fine =
            lth_release_decode(&back, lth_slice_of(flipped, n)) &&
            lth_statement_verify(lth_slice_of(flipped, n), back.key_id, &trust) == LTH_REFUSE_none;
        assert_false(fine);
    }
}

static void a_release_says_what_and_of_which(void **state)
{
    (void)state;
    static uint8_t out[LTH_RELEASE_BYTES_MAX];
    static lth_release back;
    static const struct {
        lth_release_action action;
        uint16_t code;
        uint32_t a, b;
        bool fine;
    } cases[] = {{LTH_RELEASE_MERGE, 0, 0, 1, true},      {LTH_RELEASE_MERGE, 112, 0, 1, false},
                 {LTH_RELEASE_KEEP, 0, 0, 1, false},      {LTH_RELEASE_KEEP, 112, 0, 1, true},
                 {(lth_release_action)3, 1, 0, 1, false}, {(lth_release_action)0, 0, 0, 1, false},
                 {LTH_RELEASE_MERGE, 0, 1, 1, false},     {LTH_RELEASE_MERGE, 0, 2, 1, false},
                 {LTH_RELEASE_MERGE, 0, 0, 1000, false}};
    lth_signer signer = test_signer(130);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lth_release r = {.origin = test_org(1),
                         .action = cases[i].action,
                         .code = cases[i].code,
                         .n = 2,
                         .index = {cases[i].a, cases[i].b}};
        size_t n = lth_release_sign(out, &r, &signer);
        assert_int_equal(lth_release_decode(&back, lth_slice_of(out, n)), cases[i].fine);
    }
}

static void a_receipt_comes_back(void **state)
{
    (void)state;
    lth_signer signer = test_signer(131);
    lth_receipt r = {.origin = test_org(1),
                     .at = position(),
                     .tier_org = test_org(131),
                     .incarnation = 44,
                     .form = LTH_RECEIPT_REDACTED,
                     .level = LTH_RECEIPT_SAFE,
                     .held_count = 5,
                     .tree_size = 6,
                     .root = {7}};
    lth_receipt back;
    uint8_t out[LTH_RECEIPT_BYTES];
    assert_int_equal(lth_receipt_sign(out, &r, &signer), LTH_RECEIPT_BYTES);
    assert_true(lth_receipt_decode(&back, lth_slice_of(out, sizeof out)));
    assert_true(lth_id_equal(&back.tier_org, &r.tier_org));
    assert_int_equal(back.at.epoch, 3);
    assert_true(back.at.seq == 12);
    assert_memory_equal(back.at.hash, r.at.hash, LTH_HASH_SIZE);
    assert_true(back.incarnation == 44 && back.held_count == 5 && back.tree_size == 6);
    assert_int_equal(back.form, LTH_RECEIPT_REDACTED);
    assert_int_equal(back.level, LTH_RECEIPT_SAFE);
    assert_memory_equal(back.root, r.root, LTH_HASH_SIZE);
}

static void a_grant_comes_back(void **state)
{
    (void)state;
    lth_signer signer = test_signer(132);
    lth_grant g = {.origin = test_org(1),
                   .stream = 4,
                   .epoch = 4,
                   .closes = position(),
                   .grantor_org = test_org(132),
                   .grant_ms = 9};
    lth_grant back;
    uint8_t out[LTH_GRANT_BYTES];
    assert_int_equal(lth_grant_sign(out, &g, &signer), LTH_GRANT_BYTES);
    assert_true(lth_grant_decode(&back, lth_slice_of(out, sizeof out)));
    assert_int_equal(back.epoch, 4);
    assert_int_equal(back.closes.epoch, 3);
    assert_true(back.closes.seq == 12 && back.stream == 4 && back.grant_ms == 9);
    assert_memory_equal(back.closes.hash, g.closes.hash, LTH_HASH_SIZE);
    assert_true(lth_id_equal(&back.grantor_org, &g.grantor_org));
}

static void one_statement_is_not_taken_for_another(void **state)
{
    (void)state;
    static lth_attest attest;
    lth_signer signer = test_signer(132);
    lth_grant grant = {.epoch = 1};
    lth_receipt receipt;
    uint8_t out[LTH_GRANT_BYTES];
    assert_int_equal(lth_grant_sign(out, &grant, &signer), LTH_GRANT_BYTES);
    assert_false(lth_receipt_decode(&receipt, lth_slice_of(out, sizeof out)));
    assert_false(lth_attest_decode(&attest, lth_slice_of(out, sizeof out)));
}

/* none only for the very bytes that were signed. */
static bool attest_believed(lth_slice bytes)
{
    static lth_attest attest;
    lth_trust trust = test_trust();
    return lth_attest_decode(&attest, bytes) &&
           lth_statement_verify(bytes, attest.key_id, &trust) == LTH_REFUSE_none;
}

static void no_changed_statement_is_believed(void **state)
{
    (void)state;
    static uint8_t out[LTH_ATTEST_BYTES_MAX];
    static lth_attest a;
    lth_signer signer = test_signer(130);
    a = new_attest();
    size_t n = lth_attest_sign(out, &a, &signer);
    assert_true(attest_believed(lth_slice_of(out, n)));
    for (size_t i = 0; i < n; i++) {
        out[i] ^= 0x10;
        assert_false(attest_believed(lth_slice_of(out, n)));
        out[i] ^= 0x10;
        assert_false(attest_believed(lth_slice_of(out, i)));
    }
}

static lth_err refuse_to_sign(void *ctx, lth_slice message, uint8_t out[LTH_SIG_SIZE])
{
    (void)ctx;
    (void)message;
    (void)out;
    return LTH_E_CRYPTO;
}

static void a_failed_signature_gives_no_statement(void **state)
{
    (void)state;
    static uint8_t out[LTH_ATTEST_BYTES_MAX];
    static lth_attest a;
    static lth_batch_builder builder;
    lth_hasher h = test_hasher();
    lth_signer signer = {.sign = refuse_to_sign};
    lth_grant grant = {.epoch = 1};
    lth_receipt receipt = {.form = 1, .level = 1};
    lth_batch_header header = test_header();
    assert_int_equal(lth_attest_sign(out, &a, &signer), 0);
    assert_int_equal(lth_receipt_sign(out, &receipt, &signer), 0);
    assert_int_equal(lth_grant_sign(out, &grant, &signer), 0);
    lth_batch_builder_init(&builder);
    assert_int_equal(lth_batch_builder_seal(&builder, &h, &signer, &header, out), LTH_E_CRYPTO);
    lth_batch_builder_fini(&builder);
}

/* A proof of record @p index of a batch of @p n, the record with only its first group shown. */
static void make_proof(lth_buf *out, uint32_t n, uint32_t index)
{
    static uint8_t leaves[LTH_BATCH_RECORDS_MAX][LTH_HASH_SIZE];
    static uint8_t path[64][LTH_HASH_SIZE];
    static lth_record_view record;
    lth_hasher h = test_hasher();
    test_random random = {n};
    test_batch batch;
    test_batch_make(&batch, &random, n, 4);
    lth_rd in = lth_rd_of(lth_buf_slice(&batch.body));
    lth_buf shown;
    lth_buf_init(&shown, LTH_RECORD_MAX);
    for (uint32_t i = 0; i < n; i++) {
        assert_int_equal(lth_record_parse(&record, &in), LTH_REFUSE_none);
        lth_record_leaf(&h, &record, leaves[i]);
        if (i == index) {
            const uint16_t share[] = {record.groups[0].number};
            assert_int_equal(lth_record_redact(&shown, &h, &record, share, 1, false), LTH_OK);
        }
    }
    lth_proof proof = {.signed_header = lth_slice_of(batch.head, sizeof batch.head),
                       .index = index,
                       .path_n = (uint32_t)lth_merkle_path(&h, leaves, n, index, path),
                       .path = (const uint8_t(*)[LTH_HASH_SIZE])path,
                       .record = lth_buf_slice(&shown),
                       .leaf_der = test_certificate(0),
                       .ca_der = lth_slice_of("CA", 2)};
    assert_int_equal(lth_proof_encode(out, &h, &proof), LTH_OK);
    lth_buf_fini(&shown);
    test_batch_free(&batch);
}

static lth_proof_step check_proof(lth_slice bytes, lth_batch_header *header,
                                  lth_record_view *record)
{
    lth_hasher h = test_hasher();
    lth_trust trust = test_trust();
    lth_proof proof;
    return lth_proof_check(&h, &trust, bytes, &proof, header, record);
}

static void a_proof_holds_and_no_changed_one(void **state)
{
    (void)state;
    static lth_record_view record;
    lth_batch_header header;
    for (uint32_t n = 1; n < 12; n += 5) {
        lth_buf proof;
        lth_buf_init(&proof, 4096);
        make_proof(&proof, n, n - 1);
        assert_int_equal(check_proof(lth_buf_slice(&proof), &header, &record), LTH_PROOF_OK);
        assert_true(record.header.rec_seq == header.first_rec_seq + n - 1);
        assert_true(record.groups[0].shown);
        assert_int_equal(check_proof(lth_buf_slice(&proof), &header, NULL), LTH_PROOF_OK);
        for (size_t i = 0; i < proof.n; i++) {
            proof.p[i] ^= 1;
            assert_int_equal(check_proof(lth_buf_slice(&proof), &header, NULL), LTH_PROOF_CHECKSUM);
            proof.p[i] ^= 1;
            assert_int_equal(check_proof(lth_slice_of(proof.p, i), &header, NULL),
                             LTH_PROOF_CHECKSUM);
        }
        lth_buf_fini(&proof);
    }
}

/* With the checksum made to fit, something else still catches every changed byte before the CA's
 * certificate, which the fake trust does not read. */
static void a_proof_does_not_rest_on_its_checksum(void **state)
{
    (void)state;
    lth_hasher h = test_hasher();
    lth_batch_header header;
    lth_buf proof;
    lth_buf_init(&proof, 4096);
    make_proof(&proof, 6, 2);
    size_t content = proof.n - LTH_HASH_SIZE;
    for (size_t i = 0; i < content - 2; i++) {
        proof.p[i] ^= 1;
        lth_sha256(&h, proof.p, content, proof.p + content);
        lth_proof_step step = check_proof(lth_buf_slice(&proof), &header, NULL);
        assert_true(step != LTH_PROOF_OK && step != LTH_PROOF_CHECKSUM);
        proof.p[i] ^= 1;
    }
    lth_buf_fini(&proof);
}

static void steps_have_names(void **state)
{
    (void)state;
    assert_string_equal(lth_proof_step_name(LTH_PROOF_OK), "ok");
    assert_string_equal(lth_proof_step_name(LTH_PROOF_CERTIFICATE), "certificate");
    assert_string_equal(lth_proof_step_name(LTH_PROOF_PATH), "path");
    assert_string_equal(lth_proof_step_name((lth_proof_step)99), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_attestation_comes_back),
        cmocka_unit_test(a_release_comes_back),
        cmocka_unit_test(a_release_says_what_and_of_which),
        cmocka_unit_test(a_receipt_comes_back),
        cmocka_unit_test(a_grant_comes_back),
        cmocka_unit_test(one_statement_is_not_taken_for_another),
        cmocka_unit_test(no_changed_statement_is_believed),
        cmocka_unit_test(a_failed_signature_gives_no_statement),
        cmocka_unit_test(a_proof_holds_and_no_changed_one),
        cmocka_unit_test(a_proof_does_not_rest_on_its_checksum),
        cmocka_unit_test(steps_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
