/**
 * @file tests/unit/test_hasher.h
 * A hasher over OpenSSL and a pair of fake signer and trust, for tests that need no real ECDSA.
 *
 * Fake keys are numbered 0..255. A signature is HMAC-SHA256(key of n, message) twice. Key n belongs
 * to test_org(n) and has the role agent (n < 128), broker (128..191) or host (192..255); its issuer
 * is test_org(1000). Org ids are the first 16 bytes of SHA-256("org" | n as u32).
 */
#pragma once

#include "lth/hash.h"

#define TEST_KEYS 256u

/** One hasher for the whole process: not for use by two threads at once. */
lth_hasher test_hasher(void);

lth_id test_org(uint32_t n);
/** @p n below TEST_KEYS. */
lth_signer test_signer(uint32_t n);
/** Knows all fake keys. learn() takes test_certificate(n) as leaf, and any CA that is not empty. */
lth_trust test_trust(void);
/** What stands for the certificate of key n: 8 bytes. */
lth_slice test_certificate(uint32_t n);
