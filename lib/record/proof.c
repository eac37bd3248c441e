#include "internal.h"

static const char DOMAIN_PROOF[DOMAIN_SIZE] = "LTH-PROOF-v1";

#define PROOF_FIXED (DOMAIN_SIZE + LTH_BATCH_SIGNED_SIZE + 4u + 1u + 4u + 4u + 4u + LTH_HASH_SIZE)
#define PATH_MAX    64u
#define CERT_MAX    ((size_t)16 * 1024)

static const char *const STEP_NAMES[] = {
    [LTH_PROOF_OK] = "ok",         [LTH_PROOF_CHECKSUM] = "checksum",
    [LTH_PROOF_FORMAT] = "format", [LTH_PROOF_CERTIFICATE] = "certificate",
    [LTH_PROOF_HEADER] = "header", [LTH_PROOF_SIGNATURE] = "signature",
    [LTH_PROOF_ORIGIN] = "origin", [LTH_PROOF_RECORD] = "record",
    [LTH_PROOF_PATH] = "path",
};

const char *lth_proof_step_name(lth_proof_step step)
{
    size_t i = (size_t)step;
    return i < sizeof STEP_NAMES / sizeof STEP_NAMES[0] ? STEP_NAMES[i] : "unknown";
}

static void write_counted(lth_wr *wr, lth_slice bytes)
{
    lth_wr32(wr, (uint32_t)bytes.n);
    lth_wr_bytes(wr, bytes.p, bytes.n);
}

static lth_slice read_counted(lth_rd *rd, size_t max)
{
    size_t n = lth_rd32(rd);
    rd->bad = rd->bad || n > max;
    return lth_slice_of(lth_rd_bytes(rd, n), n);
}

lth_err lth_proof_encode(lth_buf *out, const lth_hasher *h, const lth_proof *proof)
{
    LTH_ASSERT(proof->signed_header.n == LTH_BATCH_SIGNED_SIZE && proof->path_n <= PATH_MAX);
    if (proof->record.n > LTH_RECORD_MAX || proof->leaf_der.n > CERT_MAX ||
        proof->ca_der.n > CERT_MAX) {
        return LTH_E_LIMIT;
    }
    size_t size = PROOF_FIXED + proof->path_n * (size_t)LTH_HASH_SIZE + proof->record.n +
                  proof->leaf_der.n + proof->ca_der.n;
    uint8_t *p = lth_buf_more(out, size);
    if (p == NULL) {
        return lth_record__buf_error(out, size);
    }
    lth_wr wr = lth_wr_of(p, size);
    lth_wr_bytes(&wr, DOMAIN_PROOF, DOMAIN_SIZE);
    lth_wr_bytes(&wr, proof->signed_header.p, LTH_BATCH_SIGNED_SIZE);
    lth_wr32(&wr, proof->index);
    lth_wr8(&wr, (uint8_t)proof->path_n);
    lth_wr_bytes(&wr, proof->path, proof->path_n * (size_t)LTH_HASH_SIZE);
    write_counted(&wr, proof->record);
    write_counted(&wr, proof->leaf_der);
    write_counted(&wr, proof->ca_der);
    LTH_ASSERT(!wr.bad && wr.end - wr.p == LTH_HASH_SIZE);
    lth_sha256(h, p, size - LTH_HASH_SIZE, wr.p);
    return LTH_OK;
}

static bool read_proof(lth_proof *out, lth_slice in)
{
    lth_rd rd = lth_rd_of(in);
    const uint8_t *domain = lth_rd_bytes(&rd, DOMAIN_SIZE);
    if (domain == NULL || memcmp(domain, DOMAIN_PROOF, DOMAIN_SIZE) != 0) {
        return false;
    }
    out->signed_header =
        lth_slice_of(lth_rd_bytes(&rd, LTH_BATCH_SIGNED_SIZE), LTH_BATCH_SIGNED_SIZE);
    out->index = lth_rd32(&rd);
    out->path_n = lth_rd8(&rd);
    rd.bad = rd.bad || out->path_n > PATH_MAX;
    out->path =
        (const uint8_t(*)[LTH_HASH_SIZE])lth_rd_bytes(&rd, out->path_n * (size_t)LTH_HASH_SIZE);
    out->record = read_counted(&rd, LTH_RECORD_MAX);
    out->leaf_der = read_counted(&rd, CERT_MAX);
    out->ca_der = read_counted(&rd, CERT_MAX);
    return lth_rd_done(&rd);
}

static bool checksum_fits(const lth_hasher *h, lth_slice in)
{
    if (in.n < LTH_HASH_SIZE) {
        return false;
    }
    uint8_t sum[LTH_HASH_SIZE];
    lth_sha256(h, in.p, in.n - LTH_HASH_SIZE, sum);
    return memcmp(sum, in.p + in.n - LTH_HASH_SIZE, LTH_HASH_SIZE) == 0;
}

/* Certificates, header, signature, origin. */
static lth_proof_step check_signer(const lth_trust *trust, const lth_proof *proof,
                                   lth_batch_header *header)
{
    lth_key_info key;
    if (trust->learn(trust->ctx, proof->leaf_der, proof->ca_der, &key) != LTH_REFUSE_none) {
        return LTH_PROOF_CERTIFICATE;
    }
    const uint8_t *bytes = proof->signed_header.p;
    if (lth_batch_header_decode(header, bytes) != LTH_REFUSE_none) {
        return LTH_PROOF_HEADER;
    }
    if (memcmp(key.key_id, header->key_id, LTH_HASH_SIZE) != 0 ||
        trust->verify(trust->ctx, header->key_id, lth_slice_of(bytes, LTH_BATCH_HEADER_SIZE),
                      bytes + LTH_BATCH_HEADER_SIZE) != LTH_REFUSE_none) {
        return LTH_PROOF_SIGNATURE;
    }
    bool may_sign = key.role == LTH_ROLE_HOST || lth_id_equal(&key.org, &header->origin);
    return may_sign ? LTH_PROOF_OK : LTH_PROOF_ORIGIN;
}

static lth_proof_step check_record(const lth_hasher *h, const lth_proof *proof,
                                   const lth_batch_header *header, lth_record_view *record)
{
    lth_rd in = lth_rd_of(proof->record);
    if (lth_record_parse(record, &in) != LTH_REFUSE_none || !lth_rd_done(&in) ||
        record->form == LTH_FORM_LEAF ||
        record->header.rec_seq != header->first_rec_seq + proof->index) {
        return LTH_PROOF_RECORD;
    }
    uint8_t leaf[LTH_HASH_SIZE];
    lth_record_leaf(h, record, leaf);
    bool in_tree = lth_merkle_verify(h, leaf, header->rec_count, proof->index, proof->path,
                                     proof->path_n, header->root);
    return in_tree ? LTH_PROOF_OK : LTH_PROOF_PATH;
}

lth_proof_step lth_proof_check(const lth_hasher *h, const lth_trust *trust, lth_slice in,
                               lth_proof *out, lth_batch_header *header, lth_record_view *record)
{
    lth_record_view own;
    if (!checksum_fits(h, in)) {
        return LTH_PROOF_CHECKSUM;
    }
    if (!read_proof(out, lth_slice_of(in.p, in.n - LTH_HASH_SIZE))) {
        return LTH_PROOF_FORMAT;
    }
    lth_proof_step step = check_signer(trust, out, header);
    return step != LTH_PROOF_OK ? step
                                : check_record(h, out, header, record != NULL ? record : &own);
}
