/* The vectors of tests/golden, made and checked by an implementation that shares no code with this
 * one: every batch, proof, statement and tree gives the same answer here, with real certificates
 * and signatures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "lth/crypto.h"
#include "lth/record.h"

static struct {
    char folder[512];
    json_t *manifest;
    lth_hasher h;
    lth_trust trust;
} world;

static const char *text_of(json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    assert_non_null(text);
    return text;
}

static void read_vector(const char *name, lth_buf *out)
{
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/%s", world.folder, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fail_msg("%s is missing", path);
    }
    lth_buf_init(out, 1u << 21);
    uint8_t chunk[4096];
    size_t n = 0;
    while ((n = fread(chunk, 1, sizeof chunk, file)) > 0) {
        assert_int_equal(lth_buf_add(out, chunk, n), LTH_OK);
    }
    (void)fclose(file);
}

static void assert_hex(const char *expected, const void *p, size_t n, const char *name)
{
    char text[2 * LTH_HASH_SIZE + 1];
    assert_true(n <= LTH_HASH_SIZE);
    lth_hex(text, p, n);
    if (strcmp(text, expected) != 0) {
        fail_msg("%s: %s where %s was expected", name, text, expected);
    }
}

static void certificates_say_who_signs(void **state)
{
    (void)state;
    json_t *list = json_object_get(world.manifest, "certificates");
    assert_true(json_array_size(list) >= 4);
    size_t i;
    json_t *entry;
    json_array_foreach(list, i, entry)
    {
        lth_buf leaf, ca;
        lth_key_info info;
        read_vector(text_of(entry, "leaf"), &leaf);
        read_vector(text_of(entry, "ca"), &ca);
        assert_int_equal(
            world.trust.learn(world.trust.ctx, lth_buf_slice(&leaf), lth_buf_slice(&ca), &info),
            LTH_REFUSE_none);
        assert_string_equal(lth_role_name(info.role), text_of(entry, "role"));
        assert_hex(text_of(entry, "org"), info.org.b, 16, text_of(entry, "leaf"));
        assert_hex(text_of(entry, "key_id"), info.key_id, LTH_HASH_SIZE, text_of(entry, "leaf"));
        lth_buf_fini(&leaf);
        lth_buf_fini(&ca);
    }
}

static void compare_leaves(json_t *expected, lth_slice body, const char *name)
{
    lth_rd in = lth_rd_of(body);
    size_t i;
    json_t *leaf_text;
    json_array_foreach(expected, i, leaf_text)
    {
        lth_record_view record;
        uint8_t leaf[LTH_HASH_SIZE];
        assert_int_equal(lth_record_parse(&record, &in), LTH_REFUSE_none);
        lth_record_leaf(&world.h, &record, leaf);
        assert_hex(json_string_value(leaf_text), leaf, sizeof leaf, name);
    }
}

static void check_batch(json_t *entry)
{
    static uint8_t leaves[LTH_BATCH_RECORDS_MAX][LTH_HASH_SIZE];
    const char *name = text_of(entry, "file");
    lth_buf file;
    read_vector(name, &file);
    size_t head_n = file.n < LTH_BATCH_SIGNED_SIZE ? file.n : LTH_BATCH_SIGNED_SIZE;
    lth_slice body = lth_slice_of(file.p + head_n, file.n - head_n);
    lth_batch_check check;
    lth_refusal code = lth_batch_verify(&check, &world.h, &world.trust,
                                        lth_slice_of(file.p, head_n), body, leaves, NULL);
    if (strcmp(lth_refusal_name(code), text_of(entry, "refusal")) != 0) {
        fail_msg("%s: %s where %s was expected", name, lth_refusal_name(code),
                 text_of(entry, "refusal"));
    }
    if (code == LTH_REFUSE_none) {
        assert_hex(text_of(entry, "header_hash"), check.header_hash, LTH_HASH_SIZE, name);
        assert_hex(text_of(entry, "root"), check.header.root, LTH_HASH_SIZE, name);
        assert_int_equal(check.header.rec_count,
                         json_number_value(json_object_get(entry, "rec_count")));
        assert_int_equal(check.n_records, json_number_value(json_object_get(entry, "n_records")));
        assert_int_equal(check.redacted, json_is_true(json_object_get(entry, "redacted")));
        assert_int_equal(check.headers_only, json_is_true(json_object_get(entry, "headers_only")));
        compare_leaves(json_object_get(entry, "leaves"), body, name);
        uint8_t again[LTH_BATCH_HEADER_SIZE];
        lth_batch_header_encode(again, &check.header);
        assert_memory_equal(again, file.p, sizeof again);
    }
    lth_buf_fini(&file);
}

static void every_batch_gives_the_same_answer(void **state)
{
    (void)state;
    json_t *list = json_object_get(world.manifest, "batches");
    assert_true(json_array_size(list) >= 50);
    size_t i;
    json_t *entry;
    json_array_foreach(list, i, entry)
    {
        check_batch(entry);
    }
}

static void every_refusal_has_a_vector(void **state)
{
    (void)state;
    static const lth_refusal codes[] = {
        LTH_REFUSE_none,         LTH_REFUSE_too_large,     LTH_REFUSE_bad_context,
        LTH_REFUSE_bad_reserved, LTH_REFUSE_bad_algorithm, LTH_REFUSE_bad_header,
        LTH_REFUSE_unknown_key,  LTH_REFUSE_bad_signature, LTH_REFUSE_bad_root,
        LTH_REFUSE_bad_body,     LTH_REFUSE_bad_count,     LTH_REFUSE_bad_seq};
    json_t *list = json_object_get(world.manifest, "batches");
    for (size_t c = 0; c < sizeof codes / sizeof codes[0]; c++) {
        bool found = false;
        size_t i;
        json_t *entry;
        json_array_foreach(list, i, entry)
        {
            found = found || strcmp(text_of(entry, "refusal"), lth_refusal_name(codes[c])) == 0;
        }
        if (!found) {
            fail_msg("no vector is refused as %s", lth_refusal_name(codes[c]));
        }
    }
}

static void every_proof_fails_at_the_same_step(void **state)
{
    (void)state;
    json_t *list = json_object_get(world.manifest, "proofs");
    assert_true(json_array_size(list) >= 30);
    size_t i;
    json_t *entry;
    json_array_foreach(list, i, entry)
    {
        lth_buf file;
        lth_proof proof;
        lth_batch_header header;
        read_vector(text_of(entry, "file"), &file);
        lth_proof_step step =
            lth_proof_check(&world.h, &world.trust, lth_buf_slice(&file), &proof, &header, NULL);
        if (strcmp(lth_proof_step_name(step), text_of(entry, "step")) != 0) {
            fail_msg("%s: step %s where %s was expected", text_of(entry, "file"),
                     lth_proof_step_name(step), text_of(entry, "step"));
        }
        if (step == LTH_PROOF_OK) {
            lth_buf again;
            lth_buf_init(&again, file.n);
            assert_int_equal(lth_proof_encode(&again, &world.h, &proof), LTH_OK);
            assert_true(lth_slice_equal(lth_buf_slice(&again), lth_buf_slice(&file)));
            lth_buf_fini(&again);
        }
        lth_buf_fini(&file);
    }
}

/* Even with the checksum made to fit, no byte of a proof is without a guard. */
static void no_byte_of_a_proof_can_be_changed(void **state)
{
    (void)state;
    lth_buf file;
    lth_proof proof;
    lth_batch_header header;
    read_vector("proof/redacted.bin", &file);
    size_t content = file.n - LTH_HASH_SIZE;
    for (size_t i = 0; i < content; i++) {
        file.p[i] ^= 1;
        lth_sha256(&world.h, file.p, content, file.p + content);
        lth_proof_step step =
            lth_proof_check(&world.h, &world.trust, lth_buf_slice(&file), &proof, &header, NULL);
        if (step == LTH_PROOF_OK) {
            fail_msg("byte %zu may be changed", i);
        }
        file.p[i] ^= 1;
    }
    lth_buf_fini(&file);
}

/* ---- statements: decoded fields are written down again, by name, and compared as JSON */

static void put_hex(json_t *out, const char *key, const void *p, size_t n)
{
    char text[2 * LTH_HASH_SIZE + 1];
    lth_hex(text, p, n);
    assert_int_equal(json_object_set_new(out, key, json_string(text)), 0);
}

/* JSON integers of the library are signed: the largest unsigned ones come as reals in the
 * manifest, so numbers are compared as reals. */
static void put_number(json_t *out, const char *key, uint64_t value)
{
    assert_int_equal(json_object_set_new(out, key, json_real((double)value)), 0);
}

static void put_position(json_t *out, const char *prefix, const lth_position *at)
{
    char key[32];
    (void)snprintf(key, sizeof key, "%sepoch", prefix);
    put_number(out, key, at->epoch);
    (void)snprintf(key, sizeof key, "%sseq", prefix);
    put_number(out, key, at->seq);
    (void)snprintf(key, sizeof key, "%shash", prefix);
    put_hex(out, key, at->hash, LTH_HASH_SIZE);
}

static bool decode_attest(lth_slice bytes, json_t *out, uint8_t key_id[LTH_HASH_SIZE])
{
    static lth_attest a;
    if (!lth_attest_decode(&a, bytes)) {
        return false;
    }
    memcpy(key_id, a.key_id, LTH_HASH_SIZE);
    put_hex(out, "entry_org", a.entry_org.b, 16);
    put_hex(out, "origin", a.origin.b, 16);
    put_number(out, "stream", a.stream);
    put_position(out, "", &a.at);
    put_number(out, "receive_ms", a.receive_ms);
    put_number(out, "registry_version", a.registry_version);
    put_number(out, "n_held", a.n_held);
    json_t *held = json_array();
    for (uint32_t i = 0; i < a.n_held; i++) {
        json_t *mark = json_pack("[f, f]", (double)a.held[i].index, (double)a.held[i].code);
        assert_int_equal(json_array_append_new(held, mark), 0);
    }
    assert_int_equal(json_object_set_new(out, "held", held), 0);
    return true;
}

static bool decode_receipt(lth_slice bytes, json_t *out, uint8_t key_id[LTH_HASH_SIZE])
{
    lth_receipt r;
    if (!lth_receipt_decode(&r, bytes)) {
        return false;
    }
    memcpy(key_id, r.key_id, LTH_HASH_SIZE);
    put_hex(out, "origin", r.origin.b, 16);
    put_number(out, "stream", r.stream);
    put_position(out, "", &r.at);
    put_hex(out, "tier_org", r.tier_org.b, 16);
    put_number(out, "incarnation", r.incarnation);
    put_number(out, "form", r.form);
    put_number(out, "level", r.level);
    put_number(out, "held_count", r.held_count);
    put_number(out, "tree_size", r.tree_size);
    put_hex(out, "root", r.root, LTH_HASH_SIZE);
    return true;
}

static bool decode_grant(lth_slice bytes, json_t *out, uint8_t key_id[LTH_HASH_SIZE])
{
    lth_grant g;
    if (!lth_grant_decode(&g, bytes)) {
        return false;
    }
    memcpy(key_id, g.key_id, LTH_HASH_SIZE);
    put_hex(out, "origin", g.origin.b, 16);
    put_number(out, "stream", g.stream);
    put_number(out, "epoch", g.epoch);
    put_position(out, "closes_", &g.closes);
    put_hex(out, "grantor_org", g.grantor_org.b, 16);
    put_number(out, "grant_ms", g.grant_ms);
    return true;
}

static bool decode_release(lth_slice bytes, json_t *out, uint8_t key_id[LTH_HASH_SIZE])
{
    static lth_release r;
    if (!lth_release_decode(&r, bytes)) {
        return false;
    }
    memcpy(key_id, r.key_id, LTH_HASH_SIZE);
    put_hex(out, "entry_org", r.entry_org.b, 16);
    put_hex(out, "origin", r.origin.b, 16);
    put_number(out, "stream", r.stream);
    put_position(out, "", &r.at);
    put_number(out, "when_ms", r.when_ms);
    put_number(out, "action", r.action);
    put_number(out, "code", r.code);
    put_number(out, "n", r.n);
    json_t *index = json_array();
    for (uint32_t i = 0; i < r.n; i++) {
        assert_int_equal(json_array_append_new(index, json_real((double)r.index[i])), 0);
    }
    assert_int_equal(json_object_set_new(out, "index", index), 0);
    return true;
}

typedef bool decoder(lth_slice bytes, json_t *out, uint8_t key_id[LTH_HASH_SIZE]);
static const struct {
    const char *kind;
    decoder *decode;
} STATEMENTS[] = {{"attest", decode_attest},
                  {"receipt", decode_receipt},
                  {"grant", decode_grant},
                  {"release", decode_release}};

static decoder *decoder_of(const char *kind)
{
    for (size_t i = 0; i < sizeof STATEMENTS / sizeof STATEMENTS[0]; i++) {
        if (strcmp(STATEMENTS[i].kind, kind) == 0) {
            return STATEMENTS[i].decode;
        }
    }
    fail_msg("no statement is called %s", kind);
    return NULL;
}

static void check_statement(json_t *entry)
{
    lth_buf file;
    uint8_t key_id[LTH_HASH_SIZE];
    json_t *fields = json_object();
    read_vector(text_of(entry, "file"), &file);
    bool decodes = decoder_of(text_of(entry, "kind"))(lth_buf_slice(&file), fields, key_id);
    if (decodes != json_is_true(json_object_get(entry, "decodes"))) {
        fail_msg("%s: decoded %d", text_of(entry, "file"), decodes);
    }
    if (decodes) {
        put_hex(fields, "key_id", key_id, LTH_HASH_SIZE);
        if (!json_equal(fields, json_object_get(entry, "fields"))) {
            fail_msg("%s: other fields", text_of(entry, "file"));
        }
        lth_refusal code = lth_statement_verify(lth_buf_slice(&file), key_id, &world.trust);
        assert_string_equal(lth_refusal_name(code), text_of(entry, "refusal"));
    }
    json_decref(fields);
    lth_buf_fini(&file);
}

static void every_statement_has_the_same_fields(void **state)
{
    (void)state;
    json_t *list = json_object_get(world.manifest, "statements");
    assert_true(json_array_size(list) >= 55);
    size_t i;
    json_t *entry;
    json_array_foreach(list, i, entry)
    {
        check_statement(entry);
    }
}

/* Whatever byte of a signed statement is another one: nobody believes it. */
static void no_flipped_statement_is_believed(void **state)
{
    (void)state;
    static const char *const files[][2] = {{"attest", "statement/attest-held.bin"},
                                           {"receipt", "statement/receipt.bin"},
                                           {"grant", "statement/grant.bin"},
                                           {"release", "statement/release-keep.bin"}};
    for (size_t k = 0; k < sizeof files / sizeof files[0]; k++) {
        lth_buf file;
        read_vector(files[k][1], &file);
        for (size_t i = 0; i < file.n; i++) {
            uint8_t key_id[LTH_HASH_SIZE];
            json_t *fields = json_object();
            file.p[i] ^= 1;
            bool decodes = decoder_of(files[k][0])(lth_buf_slice(&file), fields, key_id);
            if (decodes && lth_statement_verify(lth_buf_slice(&file), key_id, &world.trust) ==
                               LTH_REFUSE_none) {
                fail_msg("%s: believed with byte %zu flipped", files[k][1], i);
            }
            file.p[i] ^= 1;
            json_decref(fields);
        }
        lth_buf_fini(&file);
    }
}

static void check_path(json_t *path, const uint8_t leaf[LTH_HASH_SIZE], size_t n, size_t index,
                       const uint8_t root[LTH_HASH_SIZE])
{
    uint8_t nodes[64][LTH_HASH_SIZE] = {{0}};
    size_t i;
    json_t *node;
    json_array_foreach(path, i, node)
    {
        assert_true(lth_unhex(nodes[i], LTH_HASH_SIZE, json_string_value(node), 64));
    }
    assert_true(lth_merkle_verify(&world.h, leaf, n, index, (const uint8_t(*)[LTH_HASH_SIZE])nodes,
                                  json_array_size(path), root));
}

static void every_tree_has_the_same_root(void **state)
{
    (void)state;
    static uint8_t leaves[128][LTH_HASH_SIZE], scratch[128][LTH_HASH_SIZE];
    for (uint32_t i = 0; i < 128; i++) {
        uint8_t in[5] = {0};
        lth_put32(in + 1, i);
        lth_sha256(&world.h, in, sizeof in, leaves[i]);
    }
    size_t t;
    json_t *entry;
    json_array_foreach(json_object_get(world.manifest, "trees"), t, entry)
    {
        size_t n = (size_t)json_number_value(json_object_get(entry, "n"));
        uint8_t root[LTH_HASH_SIZE];
        memcpy(scratch, leaves, sizeof scratch);
        lth_merkle_root(&world.h, scratch, n, root);
        assert_hex(text_of(entry, "root"), root, sizeof root, "tree");
        size_t index;
        json_t *path;
        json_array_foreach(json_object_get(entry, "paths"), index, path)
        {
            check_path(path, leaves[index], n, index, root);
        }
    }
}

static int open_world(void **state)
{
    (void)state;
    char path[1024];
    lth_diag diag = {0};
    (void)snprintf(path, sizeof path, "%s/manifest.json", world.folder);
    world.manifest = json_load_file(path, JSON_DECODE_INT_AS_REAL, NULL);
    (void)snprintf(path, sizeof path, "%s/root.crt", world.folder);
    bool fine = world.manifest != NULL && lth_crypto_init(&diag) == LTH_OK &&
                lth_crypto_hasher_new(&world.h, &diag) == LTH_OK &&
                lth_crypto_trust_open(&world.trust, path, &diag) == LTH_OK;
    if (!fine) {
        print_error("%s: %s\n", world.folder, diag.text);
    }
    return fine ? 0 : -1;
}

static int close_world(void **state)
{
    (void)state;
    json_decref(world.manifest);
    lth_crypto_trust_close(&world.trust);
    lth_crypto_hasher_free(&world.h);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        (void)fprintf(stderr, "usage: %s FOLDER_OF_VECTORS\n", argv[0]);
        return 2;
    }
    (void)snprintf(world.folder, sizeof world.folder, "%s", argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(certificates_say_who_signs),
        cmocka_unit_test(every_batch_gives_the_same_answer),
        cmocka_unit_test(every_refusal_has_a_vector),
        cmocka_unit_test(every_proof_fails_at_the_same_step),
        cmocka_unit_test(no_byte_of_a_proof_can_be_changed),
        cmocka_unit_test(every_statement_has_the_same_fields),
        cmocka_unit_test(no_flipped_statement_is_believed),
        cmocka_unit_test(every_tree_has_the_same_root),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}
