#include <stdlib.h>

#include "internal.h"

/* Who holds an upload: whose receipt covers the position that its school had after it. */

#define LOOKED_AT 200u
#define MOVED     20u

static bool has_tier(const lth_upload *upload, const lth_id *org)
{
    for (uint32_t i = 0; i < upload->n_tiers; i++) {
        if (lth_id_equal(&upload->tiers[i].org, org)) {
            return true;
        }
    }
    return false;
}

static bool is_through(const lth_upload *upload)
{
    return upload->state == LTH_UPLOAD_DONE || upload->state == LTH_UPLOAD_WAITING ||
           upload->state == LTH_UPLOAD_WITHDRAWN;
}

static bool covers(const lth_receipt *receipt, const lth_upload *upload)
{
    return receipt->at.epoch == upload->head.epoch && receipt->at.seq >= upload->head.seq;
}

/* True when it is news. */
static bool add_tier(agent_ctx *c, lth_upload *upload, const lth_receipt *receipt)
{
    if (!covers(receipt, upload) || has_tier(upload, &receipt->tier_org) ||
        upload->n_tiers == LTH_UPLOAD_TIERS_MAX) {
        return false;
    }
    upload->tiers[upload->n_tiers].org = receipt->tier_org;
    upload->tiers[upload->n_tiers].ms = c->now.wall_ms;
    upload->n_tiers++;
    return true;
}

/* Newest first: what a tier has of one upload it has of all before it. */
lth_err lth_agent__tiers_receipt(agent_ctx *c, const lth_receipt *receipt)
{
    uint64_t newest = c->school->uploads;
    lth_upload *upload = newest > 0 ? malloc(sizeof *upload) : NULL;
    lth_err err = newest > 0 && upload == NULL ? LTH_E_NOMEM : LTH_OK;
    for (uint64_t n = newest; n > 0 && newest - n < LOOKED_AT && err == LTH_OK; n--) {
        err = lth_agent__upload_get(c, n, upload);
        if (err != LTH_OK) {
            err = err == LTH_E_NOT_FOUND ? LTH_OK : err;
            continue;
        }
        if (!is_through(upload)) {
            continue;
        }
        if (has_tier(upload, &receipt->tier_org)) {
            break;
        }
        if (add_tier(c, upload, receipt)) {
            err = lth_agent__upload_put(c, n, upload);
        }
    }
    free(upload);
    return err;
}

lth_err lth_agent__tiers_fill(agent_ctx *c, lth_upload *upload)
{
    uint8_t prefix[STREAM_KEY_SIZE];
    lth_slice from = lth_agent__stream_key(prefix, &c->school->conf->org);
    lth_cursor *cursor;
    lth_slice key, value;
    upload->n_tiers = 0;
    if (!is_through(upload)) {
        return LTH_OK;
    }
    lth_err err = lth_cursor_open(c->txn, LTH_A_areceipt, &cursor);
    if (err != LTH_OK) {
        return err;
    }
    err = lth_cursor_seek(cursor, from, &key, &value);
    while (err == LTH_OK && key.n > sizeof prefix && memcmp(key.p, prefix, sizeof prefix) == 0) {
        lth_receipt receipt;
        if (lth_receipt_decode(&receipt, value)) {
            (void)add_tier(c, upload, &receipt);
        }
        err = lth_cursor_next(cursor, &key, &value);
    }
    lth_cursor_close(&cursor);
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

lth_err lth_agent__tiers_move(agent_ctx *c)
{
    uint64_t newest = c->school->uploads;
    lth_upload *upload = newest > 0 ? malloc(sizeof *upload) : NULL;
    lth_err err = newest > 0 && upload == NULL ? LTH_E_NOMEM : LTH_OK;
    for (uint64_t n = newest; n > 0 && newest - n < MOVED && err == LTH_OK; n--) {
        err = lth_agent__upload_get(c, n, upload);
        if (err == LTH_OK && is_through(upload) && upload->head.epoch < c->school->head.at.epoch) {
            upload->head = c->school->head.at;
            err = lth_agent__upload_put(c, n, upload);
        }
        err = err == LTH_E_NOT_FOUND ? LTH_OK : err;
    }
    free(upload);
    return err;
}
