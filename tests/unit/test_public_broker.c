/* The public stream between brokers: who may write it, that all of it arrives, in bounded answers,
 * whatever is lost, and that nobody takes what is not the author's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "test_broker_fixture.h"

#define CODES 2500u

static node ministry, province;

/* ---- a country whose top is the ministry ---- */

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
    country_init();
    open_public(&ministry, ORG_MINISTRY, false);
    open_public(&province, ORG_PROVINCE, true);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    node_fini(&ministry);
    node_fini(&province);
    country_fini();
    return 0;
}

static lth_slice text(const char *s)
{
    return lth_slice_of(s, strlen(s));
}

/* ---- publishing ---- */

static lth_public_set nothing;

static lth_err try_publish(node *self, const lth_public_set *old, const lth_public_set *new_)
{
    lth_public_change *changes;
    uint32_t n;
    lth_txn *txn;
    lth_diag diag = {0};
    assert_int_equal(lth_public_diff(&changes, &n, old, new_), LTH_OK);
    assert_int_equal(lth_store_begin(self->store, true, &txn), LTH_OK);
    lth_err err = lth_broker_publish(self->broker, txn, self->now, changes, n, &diag);
    free(changes);
    if (err != LTH_OK) {
        lth_store_abort(&txn);
        return err;
    }
    assert_int_equal(lth_store_commit(&txn), LTH_OK);
    assert_int_equal(lth_broker_committed(self->broker, self->now), LTH_OK);
    node_timer(self, 0);
    return LTH_OK;
}

static void publish(node *self, const lth_public_set *old, const lth_public_set *new_)
{
    assert_int_equal(try_publish(self, old, new_), LTH_OK);
}

static void add_code(lth_public_set *set, uint32_t i, const char *vi)
{
    char code[16];
    (void)snprintf(code, sizeof code, "%05u", i);
    lth_public_code one = {.list = text("commune"), .code = text(code), .vi = text(vi)};
    assert_int_equal(lth_public_set_code(set, &one), LTH_OK);
}

static void add_definition(lth_public_set *set, const char *name, const void *of, size_t n)
{
    lth_public_definition one = {
        .kind = LTH_PUBLIC_DATASET, .name = text(name), .version = 1, .text = lth_slice_of(of, n)};
    assert_int_equal(lth_public_set_definition(set, &one), LTH_OK);
}

static lth_public_set small_set(uint32_t codes, const char *vi)
{
    lth_public_set set = {0};
    add_definition(&set, "book", "dataset: book", 13);
    for (uint32_t i = 0; i < codes; i++) {
        add_code(&set, i, vi);
    }
    assert_int_equal(lth_public_set_sort(&set), LTH_OK);
    return set;
}

/* Definitions that fill a batch each. */
static lth_public_set large_set(uint32_t n)
{
    static char bytes[LTH_PUBLIC_TEXT_MAX];
    lth_public_set set = {0};
    memset(bytes, '#', sizeof bytes);
    for (uint32_t i = 0; i < n; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "d%03u", i);
        add_definition(&set, name, bytes, sizeof bytes);
    }
    assert_int_equal(lth_public_set_sort(&set), LTH_OK);
    return set;
}

/* ---- what a node holds ---- */

static lth_broker_public_info info_of(const node *self)
{
    lth_broker_public_info info;
    lth_broker_public_of(self->broker, &info);
    return info;
}

static lth_public_set held_by(node *self)
{
    lth_public_set set;
    lth_txn *txn;
    lth_hasher h = test_hasher();
    assert_int_equal(lth_store_begin(self->store, false, &txn), LTH_OK);
    assert_int_equal(lth_broker_public_read(&set, &h, txn), LTH_OK);
    lth_store_abort(&txn);
    assert_int_equal(set.version, info_of(self).at.seq);
    return set;
}

/* Exactly the published definitions and codes. */
static void expect_set(node *self, const lth_public_set *expected)
{
    lth_public_change *changes;
    uint32_t n;
    lth_public_set held = held_by(self);
    assert_int_equal(held.n_codes, expected->n_codes);
    assert_int_equal(held.n_definitions, expected->n_definitions);
    assert_int_equal(lth_public_diff(&changes, &n, &held, expected), LTH_OK);
    assert_int_equal(n, 0);
    free(changes);
    lth_public_set_fini(&held);
    assert_int_equal(node_entries(self, LTH_T_held), 0);
}

static void expect_same(node *a, node *b)
{
    uint8_t x[LTH_HASH_SIZE], y[LTH_HASH_SIZE];
    lth_broker_public_info p = info_of(a), q = info_of(b);
    assert_int_equal(p.at.seq, q.at.seq);
    assert_memory_equal(p.at.hash, q.at.hash, LTH_HASH_SIZE);
    node_table_hash(a, LTH_T_record, x);
    node_table_hash(b, LTH_T_record, y);
    assert_memory_equal(x, y, LTH_HASH_SIZE);
    assert_true(q.whole);
}

/* ---- tests ---- */

static void a_publication_reaches_a_connected_child(void **state)
{
    (void)state;
    lth_public_set one = small_set(CODES, "Xã"), two = small_set(CODES - 10, "Phường");
    link_up(&province, &ministry);
    publish(&ministry, &nothing, &one);
    carry(&province, &ministry);
    expect_set(&ministry, &one);
    expect_set(&province, &one);
    expect_same(&ministry, &province);
    assert_int_equal(info_of(&province).at.seq, 3); /* 2,500 codes and a definition: 3 batches */
    publish(&ministry, &one, &two);
    carry(&province, &ministry);
    expect_set(&province, &two);
    expect_same(&ministry, &province);
    assert_int_equal(info_of(&province).above.seq, info_of(&ministry).at.seq);
    lth_broker_reader_info reader;
    assert_int_equal(lth_broker_public_readers(ministry.broker, &reader, 1), 1);
    assert_int_equal(reader.at.seq, info_of(&ministry).at.seq);
    lth_public_set_fini(&one);
    lth_public_set_fini(&two);
}

static void a_late_child_gets_everything_in_bounded_answers(void **state)
{
    (void)state;
    lth_public_set set = large_set(14);
    publish(&ministry, &nothing, &set);
    lth_event up = {.kind = LTH_EVENT_PARENT_UP, .user = test_org(ORG_MINISTRY)};
    node_event(&province, &up);
    uint32_t answers = 0;
    for (bool any = true; any;) {
        const lth_frame *frame;
        uint64_t bytes = 0, largest = 0;
        any = false;
        while ((frame = node_take(&province, LTH_PEER_PARENT, LTH_FRAME_LINK_HELLO)) != NULL ||
               (frame = node_take(&province, LTH_PEER_PARENT, LTH_FRAME_HELLO)) != NULL) {
            node_frame(&ministry, ORG_PROVINCE, frame);
            any = true;
        }
        static const lth_frame_kind kinds[] = {LTH_FRAME_CERTS, LTH_FRAME_LINK_RESUME,
                                               LTH_FRAME_RESUME, LTH_FRAME_BATCH};
        for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
            while ((frame = node_take(&ministry, PEER_OF(ORG_PROVINCE), kinds[k])) != NULL) {
                lth_event event = {.kind = LTH_EVENT_FRAME,
                                   .peer = LTH_PEER_PARENT,
                                   .user = test_org(ORG_MINISTRY),
                                   .role = LTH_ROLE_BROKER,
                                   .frame = frame};
                uint64_t size = frame->batch.signed_header.n + frame->batch.body.n;
                bytes += frame->kind == LTH_FRAME_BATCH ? size : 0;
                largest = size > largest ? size : largest;
                node_event(&province, &event);
                any = true;
            }
        }
        answers += bytes > 0;
        assert_true(bytes < 1024u * 1024u + largest);
    }
    expect_set(&province, &set);
    expect_same(&ministry, &province);
    assert_true(answers >= 3); /* 2.8 MB */
    lth_public_set_fini(&set);
}

/* Every second message is lost; time asks again. */
static void what_is_lost_comes_again(void **state)
{
    (void)state;
    lth_public_set set = large_set(9);
    uint32_t count = 0;
    link_up(&province, &ministry);
    publish(&ministry, &nothing, &set);
    for (uint32_t round = 0; round < 200 && info_of(&province).at.seq < 9; round++) {
        const lth_frame *frame;
        while ((frame = node_take(&ministry, PEER_OF(ORG_PROVINCE), LTH_FRAME_BATCH)) != NULL) {
            lth_event event = {.kind = LTH_EVENT_FRAME,
                               .peer = LTH_PEER_PARENT,
                               .user = test_org(ORG_MINISTRY),
                               .role = LTH_ROLE_BROKER,
                               .frame = frame};
            if (count++ % 3 != 1) {
                node_event(&province, &event);
            }
        }
        while ((frame = node_take(&province, LTH_PEER_PARENT, LTH_FRAME_HELLO)) != NULL) {
            if (count++ % 2 != 1) {
                node_frame(&ministry, ORG_PROVINCE, frame);
            }
        }
        node_clear(&ministry);
        node_timer(&province, 5000);
        node_timer(&ministry, 5000);
        carry(&province, &ministry);
    }
    expect_set(&province, &set);
    expect_same(&ministry, &province);
    lth_public_set_fini(&set);
}

static void a_restart_goes_on_where_it_was(void **state)
{
    (void)state;
    lth_public_set one = small_set(CODES, "Xã"), two = small_set(CODES, "Phường");
    link_up(&province, &ministry);
    publish(&ministry, &nothing, &one);
    const lth_frame *first = node_take(&ministry, PEER_OF(ORG_PROVINCE), LTH_FRAME_BATCH);
    lth_event event = {.kind = LTH_EVENT_FRAME,
                       .peer = LTH_PEER_PARENT,
                       .user = test_org(ORG_MINISTRY),
                       .role = LTH_ROLE_BROKER,
                       .frame = first};
    assert_non_null(first);
    node_event(&province, &event);
    assert_int_equal(info_of(&province).at.seq, 1);
    assert_false(info_of(&province).whole); /* the publication has three batches */
    node_restart(&province);
    assert_int_equal(info_of(&province).at.seq, 1);
    assert_false(info_of(&province).whole);
    node_restart(&ministry);
    assert_true(info_of(&ministry).whole);
    link_up(&province, &ministry);
    expect_set(&province, &one);
    node_restart(&ministry);
    publish(&ministry, &one, &two); /* nobody is connected */
    link_up(&province, &ministry);
    expect_set(&province, &two);
    expect_same(&ministry, &province);
    lth_public_set_fini(&one);
    lth_public_set_fini(&two);
}

static void children_of_a_child_get_it_from_there(void **state)
{
    (void)state;
    lth_public_set set = small_set(10, "Xã");
    publish(&ministry, &nothing, &set);
    link_up(&province, &ministry);
    lth_frame hello = {
        .kind = LTH_FRAME_HELLO,
        .hello = {.origin = test_org(ORG_MINISTRY), .stream = LTH_STREAM_PUBLIC, .session = 1}};
    node_greet(&province, ORG_A);
    node_frame(&province, ORG_A, &hello);
    const lth_frame *resume = node_take(&province, PEER_OF(ORG_A), LTH_FRAME_RESUME);
    assert_non_null(resume);
    assert_int_equal(resume->resume.head.seq, 1);
    const lth_frame *first = node_take(&province, PEER_OF(ORG_A), LTH_FRAME_BATCH);
    assert_non_null(first);
    assert_int_equal(first->batch.out_no, 0);
    lth_attest attest;
    assert_true(lth_attest_decode(&attest, first->batch.attest));
    lth_id author = test_org(ORG_MINISTRY);
    assert_true(lth_id_equal(&attest.entry_org, &author));
    assert_null(node_take(&province, PEER_OF(ORG_A), LTH_FRAME_BATCH));
    /* Nothing of it goes up, and no receipt is asked for. */
    assert_int_equal(node_entries(&province, LTH_T_out), 0);
    node_timer(&province, 120000);
    assert_int_equal(node_entries(&province, LTH_T_out), 0);
    lth_public_set_fini(&set);
}

static void only_the_top_publishes(void **state)
{
    (void)state;
    lth_public_set set = small_set(1, "Xã");
    assert_int_equal(try_publish(&province, &nothing, &set), LTH_E_CONFIG);
    node_restart(&province);
    assert_int_equal(info_of(&province).at.epoch, 0);
    lth_frame hello = {
        .kind = LTH_FRAME_HELLO,
        .hello = {.origin = test_org(ORG_PROVINCE), .stream = LTH_STREAM_PUBLIC, .session = 1}};
    node_greet(&province, ORG_A);
    node_frame(&province, ORG_A, &hello);
    const lth_frame *reject = node_take(&province, PEER_OF(ORG_A), LTH_FRAME_REJECT);
    assert_non_null(reject);
    assert_int_equal(reject->reject.code, LTH_REFUSE_unknown_origin);
    lth_public_set_fini(&set);
}

/* ---- what is not the author's ---- */

/* The ministry's first batch, as bytes to be changed. */
typedef struct copy {
    uint8_t header[LTH_BATCH_SIGNED_SIZE];
    uint8_t *body;
    size_t body_n;
    uint8_t attest[LTH_ATTEST_BYTES_MAX], grant[LTH_GRANT_BYTES];
    size_t attest_n, grant_n;
    lth_frame frame;
} copy;

static void take_copy(copy *c, const lth_frame_batch *from)
{
    memcpy(c->header, from->signed_header.p, sizeof c->header);
    c->body = malloc(from->body.n);
    assert_non_null(c->body);
    memcpy(c->body, from->body.p, from->body.n);
    memcpy(c->attest, from->attest.p, from->attest.n);
    memcpy(c->grant, from->grant.p, from->grant.n);
    c->frame = (lth_frame){.kind = LTH_FRAME_BATCH,
                           .batch = {.signed_header = {c->header, sizeof c->header},
                                     .body = {c->body, from->body.n},
                                     .attest = {c->attest, from->attest.n},
                                     .grant = {c->grant, from->grant.n}}};
}

static void sign_as(copy *c, uint32_t key, lth_batch_header *header)
{
    lth_signer signer = test_signer(key);
    memcpy(header->key_id, signer.key_id, sizeof header->key_id);
    lth_batch_header_encode(c->header, header);
    assert_int_equal(signer.sign(signer.ctx, lth_slice_of(c->header, LTH_BATCH_HEADER_SIZE),
                                 c->header + LTH_BATCH_HEADER_SIZE),
                     LTH_OK);
}

static void deliver_to_province(const copy *c)
{
    lth_event event = {.kind = LTH_EVENT_FRAME,
                       .peer = LTH_PEER_PARENT,
                       .user = test_org(ORG_MINISTRY),
                       .role = LTH_ROLE_BROKER,
                       .frame = &c->frame};
    node_event(&province, &event);
}

static void expect_refused(const copy *c)
{
    uint64_t before = info_of(&province).at.seq;
    deliver_to_province(c);
    assert_int_equal(info_of(&province).at.seq, before);
    assert_int_equal(node_entries(&province, LTH_T_log), before);
}

static void nobody_else_writes_definitions(void **state)
{
    (void)state;
    lth_public_set set = small_set(3, "Xã");
    copy good, bad;
    lth_batch_header header;
    link_up(&province, &ministry);
    publish(&ministry, &nothing, &set);
    const lth_frame *frame = node_take(&ministry, PEER_OF(ORG_PROVINCE), LTH_FRAME_BATCH);
    assert_non_null(frame);
    take_copy(&good, &frame->batch);

    take_copy(&bad, &frame->batch); /* signed by another broker in the ministry's name */
    assert_int_equal(lth_batch_header_decode(&header, bad.header), LTH_REFUSE_none);
    sign_as(&bad, 140, &header);
    expect_refused(&bad);
    sign_as(&bad, 7, &header); /* by an agent's key */
    expect_refused(&bad);
    header.origin = test_org(ORG_PROVINCE); /* in the middle broker's own name */
    sign_as(&bad, ORG_PROVINCE, &header);
    expect_refused(&bad);
    free(bad.body);

    take_copy(&bad, &frame->batch); /* another content under the good signature */
    bad.body[bad.frame.batch.body.n - 1] ^= 1;
    expect_refused(&bad);
    free(bad.body);

    take_copy(&bad, &frame->batch); /* the header alone */
    bad.frame.batch.body.n = 0;
    expect_refused(&bad);
    bad.frame.batch.body.n = frame->batch.body.n;
    bad.frame.batch.attest.n = 0; /* without the author's attestation */
    expect_refused(&bad);
    bad.frame.batch.attest.n = frame->batch.attest.n;
    bad.frame.batch.grant.n = 0; /* an epoch that nobody granted */
    expect_refused(&bad);
    free(bad.body);

    deliver_to_province(&good);
    expect_set(&province, &set);
    deliver_to_province(&good); /* once more: nothing new */
    assert_int_equal(node_entries(&province, LTH_T_log), 1);
    free(good.body);
    lth_public_set_fini(&set);
}

/* A school, or a broker below, hands a public batch upward. */
static void it_never_goes_up(void **state)
{
    (void)state;
    lth_public_set set = small_set(3, "Xã");
    copy good;
    link_up(&province, &ministry);
    publish(&ministry, &nothing, &set);
    const lth_frame *frame = node_take(&ministry, PEER_OF(ORG_PROVINCE), LTH_FRAME_BATCH);
    assert_non_null(frame);
    take_copy(&good, &frame->batch);
    node_fini(&province);
    open_public(&province, ORG_PROVINCE, true);
    node_greet(&province, ORG_A);
    node_frame(&province, ORG_A, &good.frame);
    const lth_frame *reject = node_take(&province, PEER_OF(ORG_A), LTH_FRAME_REJECT);
    assert_non_null(reject);
    assert_int_equal(info_of(&province).at.epoch, 0);
    assert_int_equal(node_entries(&province, LTH_T_log), 0);
    free(good.body);
    lth_public_set_fini(&set);
}

/* A top organisation's own agent does not write definitions either. */
static void definitions_stand_in_the_public_stream_alone(void **state)
{
    (void)state;
    static lth_checked checked;
    static lth_org orgs[16];
    static const record wrong[] = {{.id = 1, .natural = "999001", .dataset = LTH_PUBLIC_CODE}};
    lth_registry registry = *country_registry();
    school a = {.n = ORG_A, .at.epoch = 1, .next_rec_seq = 1};
    lth_id top = test_org(ORG_A);
    assert_true(registry.n_orgs <= 16);
    memcpy(orgs, registry.orgs, registry.n_orgs * sizeof *orgs);
    for (uint32_t i = 0; i < registry.n_orgs; i++) {
        orgs[i].n_parents = lth_id_equal(&orgs[i].id, &top) ? 0 : orgs[i].n_parents;
    }
    batch b = school_batch(&a, wrong, 1);
    lth_check_env env = {.hasher = test_hasher(),
                         .trust = &province.trust,
                         .registry = country_registry(),
                         .schema = lth_public_schema()};
    lth_broker_check(&checked, &env, &b.frame.batch);
    assert_int_equal(checked.code, LTH_REFUSE_none);
    assert_int_not_equal(checked.records[0].code, LTH_REFUSE_scope);
    registry.orgs = orgs;
    env.registry = &registry;
    lth_broker_check(&checked, &env, &b.frame.batch);
    assert_int_equal(checked.code, LTH_REFUSE_none);
    assert_int_equal(checked.records[0].code, LTH_REFUSE_scope);
}

/* Two ministries with one key: what came first stays, and the stream stops with an alarm. */
static void a_fork_freezes_the_stream(void **state)
{
    (void)state;
    static node other;
    lth_public_set one = small_set(3, "Xã"), two = small_set(4, "Phường");
    open_public(&other, ORG_MINISTRY, false);
    link_up(&province, &ministry);
    publish(&ministry, &nothing, &one);
    carry(&province, &ministry);
    expect_set(&province, &one);
    publish(&other, &nothing, &two);
    uint32_t errors = province.errors_logged;
    link_up(&province, &other); /* the position is known there under another hash */
    assert_int_equal(info_of(&province).state, LTH_ORIGIN_FROZEN);
    assert_int_equal(node_entries(&province, LTH_T_fork), 1);
    assert_true(province.errors_logged > errors);
    expect_set(&province, &one);
    node_restart(&province);
    assert_int_equal(info_of(&province).state, LTH_ORIGIN_FROZEN);
    publish(&ministry, &one, &two);
    link_up(&province, &ministry);
    expect_set(&province, &one); /* until a person acts */
    node_fini(&other);
    lth_public_set_fini(&one);
    lth_public_set_fini(&two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_publication_reaches_a_connected_child, setup, teardown),
        cmocka_unit_test_setup_teardown(a_late_child_gets_everything_in_bounded_answers, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_is_lost_comes_again, setup, teardown),
        cmocka_unit_test_setup_teardown(a_restart_goes_on_where_it_was, setup, teardown),
        cmocka_unit_test_setup_teardown(children_of_a_child_get_it_from_there, setup, teardown),
        cmocka_unit_test_setup_teardown(only_the_top_publishes, setup, teardown),
        cmocka_unit_test_setup_teardown(nobody_else_writes_definitions, setup, teardown),
        cmocka_unit_test_setup_teardown(it_never_goes_up, setup, teardown),
        cmocka_unit_test_setup_teardown(definitions_stand_in_the_public_stream_alone, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_fork_freezes_the_stream, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
