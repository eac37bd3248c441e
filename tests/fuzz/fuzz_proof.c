/* Proofs from arbitrary bytes; the last 32 are replaced by the checksum that fits, and signatures
 * and certificates are taken as good, so that the parsers behind them are reached. */
#include <stdlib.h>

#include "test_hasher.h"

#include "lth/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Key and org that any certificate gives: those of the header under check. */
static lth_key_info believed;

static lth_refusal believe(void *ctx, const uint8_t key_id[LTH_HASH_SIZE], lth_slice message,
                           const uint8_t sig[LTH_SIG_SIZE])
{
    (void)ctx;
    (void)key_id;
    (void)message;
    (void)sig;
    return LTH_REFUSE_none;
}

/* Reads every byte of both, as a real parser of certificates would. */
static lth_refusal learn(void *ctx, lth_slice leaf_der, lth_slice ca_der, lth_key_info *out)
{
    (void)ctx;
    volatile uint8_t sum = 0;
    for (size_t i = 0; i < leaf_der.n; i++) {
        sum = (uint8_t)(sum + leaf_der.p[i]);
    }
    for (size_t i = 0; i < ca_der.n; i++) {
        sum = (uint8_t)(sum + ca_der.p[i]);
    }
    *out = believed;
    return LTH_REFUSE_none;
}

static void encode_again(const lth_hasher *h, const lth_proof *proof, lth_slice in)
{
    lth_buf out;
    lth_buf_init(&out, in.n);
    if (lth_proof_encode(&out, h, proof) != LTH_OK || !lth_slice_equal(lth_buf_slice(&out), in)) {
        abort();
    }
    lth_buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { KEY_ID_AT = 16 + 96 };
    static lth_record_view record;
    lth_hasher h = test_hasher();
    lth_trust trust = {.verify = believe, .learn = learn};
    lth_batch_header header;
    lth_proof proof;
    believed = (lth_key_info){.role = LTH_ROLE_HOST};
    if (size >= KEY_ID_AT + LTH_HASH_SIZE) {
        memcpy(believed.key_id, data + KEY_ID_AT, LTH_HASH_SIZE);
    }
    (void)lth_proof_check(&h, &trust, lth_slice_of(data, size), &proof, &header, &record);
    if (size < LTH_HASH_SIZE) {
        return 0;
    }
    uint8_t *copy = malloc(size);
    if (copy == NULL) {
        return 0;
    }
    memcpy(copy, data, size);
    lth_sha256(&h, copy, size - LTH_HASH_SIZE, copy + size - LTH_HASH_SIZE);
    lth_slice in = lth_slice_of(copy, size);
    lth_proof_step step = lth_proof_check(&h, &trust, in, &proof, &header, &record);
    if (step > LTH_PROOF_FORMAT || step == LTH_PROOF_OK) {
        encode_again(&h, &proof, in);
    }
    free(copy);
    return 0;
}
