/*
 * Certificates from outside: any bytes as a root, and any pair as leaf and CA under a real root.
 * Input: one byte (even: a root follows; odd: 16-bit length of the leaf, the leaf, the CA).
 */
#include "lth/crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static lth_trust trust;

static void start(void)
{
    static bool started;
    if (!started) {
        LTH_ASSERT(lth_crypto_init(NULL) == LTH_OK);
        LTH_ASSERT(lth_crypto_trust_open(&trust, LTH_GOLDEN_CERTS "/root.pem", NULL) == LTH_OK);
    }
    started = true;
}

static void try_root(lth_slice der)
{
    lth_trust other;
    if (lth_crypto_trust_of_der(&other, der, NULL) == LTH_OK)
        lth_crypto_trust_close(&other);
}

/* What is believed is found again, as it was given. */
static void try_pair(lth_slice leaf, lth_slice ca)
{
    lth_key_info info, found;
    lth_slice leaf_der, ca_der;
    if (trust.learn(trust.ctx, leaf, ca, &info) != LTH_REFUSE_none)
        return;
    LTH_ASSERT(trust.find(trust.ctx, info.key_id, &found) == LTH_REFUSE_none);
    LTH_ASSERT(memcmp(&info.org, &found.org, sizeof info.org) == 0 && info.role == found.role);
    LTH_ASSERT(lth_crypto_trust_der(&trust, info.key_id, &leaf_der, &ca_der) == LTH_OK);
    LTH_ASSERT(trust.learn(trust.ctx, leaf_der, ca_der, NULL) == LTH_REFUSE_none);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    start();
    lth_rd rd = lth_rd_of(lth_slice_of(data, size));
    if (lth_rd8(&rd) % 2 == 0) {
        size_t n = lth_rd_left(&rd);
        try_root(lth_slice_of(lth_rd_bytes(&rd, n), n));
        return 0;
    }
    size_t n_leaf = lth_rd16(&rd);
    const uint8_t *leaf = lth_rd_bytes(&rd, n_leaf);
    size_t n_ca = lth_rd_left(&rd);
    const uint8_t *ca = lth_rd_bytes(&rd, n_ca);
    if (!rd.bad)
        try_pair(lth_slice_of(leaf, n_leaf), lth_slice_of(ca, n_ca));
    return 0;
}
