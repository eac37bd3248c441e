/**
 * @file broker/core/settle.h
 * What becomes of records after they were held: judged again, waited for, decided by people, stated
 * by their entry broker. Internal to broker/core.
 */
#pragma once

#include "broker/core/internal.h"

/* ---- again.c: a stored batch, judged again ---- */
/** What a batch of the store was when it came, as far as its log says. NULL b->org: it left the
 * registry. @p frame lives as long as @p b; merge.pick is set by the caller before. */
lth_err lth_broker__stored(lth_broker *self, broker_batch *b, lth_frame_batch *frame);
/** merge.pick and nothing else picked. */
void lth_broker__pick(lth_broker *self, const uint32_t *index, uint32_t n);
/** Judge the picked records of a stored batch again, as far as this node holds them by its own
 * judgement (AGAIN_STATED: by that of the entry broker), merge the good ones and, at the entry
 * broker, state it. */
lth_err lth_broker__again(lth_broker *self, lth_txn *txn, lth_now now, uint64_t accept_no,
                          broker_again why);
/** State what became of the picked records: merged, or held for another reason than @p before. */
lth_err lth_broker__state_all(lth_broker *self, broker_batch *b,
                              const uint16_t before[LTH_BATCH_RECORDS_MAX]);
/** The origin's head when a stored batch changed its count of open holds. */
lth_err lth_broker__settle_head(lth_broker *self, broker_batch *b, uint64_t held_before);
/** Rules or lists may have changed: look through table `held` from its start. */
void lth_broker__rejudge_look(lth_broker *self);
lth_err lth_broker__rejudge_run(lth_broker *self, lth_txn *txn, lth_now now);

/* ---- wanted.c: what held records wait for ---- */
lth_err lth_broker__wanted_load(lth_broker *self, lth_txn *txn);
/** May anybody wait so for records of that dataset? */
bool lth_broker__waited_for(const lth_broker *self, lth_wait_kind kind, uint16_t dataset);
void lth_broker__wait_for(const lth_broker *self, lth_wait *out, lth_wait_kind kind,
                          const uint8_t *key, size_t size);
lth_err lth_broker__wanted_put(lth_broker *self, lth_txn *txn, const lth_wait *wait,
                               const uint8_t place[12]);
lth_err lth_broker__wanted_del(lth_txn *txn, const lth_wait *wait, const uint8_t place[12]);
/** That happened to this natural key: whoever waits for it is looked at soon. */
lth_err lth_broker__wake(lth_broker *self, lth_txn *txn, lth_wait_kind kind, const uint8_t *key,
                         size_t size);
/** The same by what is waited for. */
lth_err lth_broker__wake_wait(lth_broker *self, lth_txn *txn, const lth_wait *wait);
lth_err lth_broker__wake_run(lth_broker *self, lth_txn *txn, lth_now now);

/* ---- reference.c, guard.c, warn.c ---- */
/** Merged records whose reference has no living target are held after all, or warned about. */
lth_err lth_broker__references(lth_broker *self, broker_batch *b);
/** Number of the group that a field is in; 0: @p ds is NULL or has no such field. */
uint16_t lth_broker__group_of(const lth_dataset *ds, uint16_t field);
/** Would this RANGE end more than one snapshot may? */
lth_err lth_broker__guard(lth_broker *self, broker_batch *b, uint32_t index, bool *holds);
lth_err lth_broker__warnings_load(lth_broker *self, lth_txn *txn);
/** What a merged version is warned about, in place of what the one before was. */
lth_err lth_broker__warnings(lth_broker *self, broker_batch *b, uint32_t index);
lth_err lth_broker__warnings_drop(lth_broker *self, lth_txn *txn, uint16_t dataset,
                                  const lth_id *id);
/** An agent says that its school accepted one; believed of origins that it carries now. */
lth_err lth_broker__accepted(lth_broker *self, lth_txn *txn, const broker_peer *peer,
                             const lth_frame_accepted *frame);
lth_err lth_broker__warning_accept(lth_broker *self, lth_txn *txn, lth_now now,
                                   lth_decision *decision);

/* ---- indexed.c, unique.c ---- */
/** Compare schema and indexes, when it is due. */
lth_err lth_broker__indexes_sync(lth_broker *self, lth_txn *txn);
/** A school enters here for the first time. */
lth_err lth_broker__indexes_enter(lth_broker *self, lth_txn *txn);
/** Build or drop a slice. */
lth_err lth_broker__index_run(lth_broker *self, lth_txn *txn);
/** The values that the row before has; only at nodes that keep indexes. */
lth_err lth_broker__unique_before(lth_broker *self, broker_batch *b, uint32_t index,
                                  const lth_record_row *row);
/** Merged records that have what another one has are held after all, or warned about; what the
 * others have is entered, and who waited for what they gave up is woken. */
lth_err lth_broker__uniques(lth_broker *self, broker_batch *b);
/** Once the holds are written: those of them that wait for a value that nobody has. */
lth_err lth_broker__uniques_wake(lth_broker *self, broker_batch *b);
/** A living record ends: its values are free. */
lth_err lth_broker__unique_end(lth_broker *self, lth_txn *txn, uint16_t dataset, lth_slice wire);

/* ---- act.c, release.c, decide.c ---- */
/** An entry of the log that is no batch; its number is self->accept_no then. */
lth_err lth_broker__act(lth_broker *self, lth_txn *txn, lth_now now, lth_act_kind kind,
                        const lth_slice *parts, uint32_t n);
/** Sign what was decided about records of a batch held here, log it and send it up. */
lth_err lth_broker__state(lth_broker *self, broker_batch *b, lth_release_action action,
                          uint16_t code, const uint32_t *index, uint32_t n);
/** Fill merge.stated (and the codes of what stays held in merge.attested) from table `release`. */
lth_err lth_broker__stated(lth_broker *self, const broker_batch *b, bool *any);
/** Put the statements about one batch in `out` again. */
lth_err lth_broker__releases_queue(lth_broker *self, lth_txn *txn, const lth_org *org,
                                   const lth_id *origin, uint64_t stream, const lth_position *at,
                                   lth_lane lane, lth_head *head);
lth_err lth_broker__release(lth_broker *self, lth_txn *txn, lth_now now, broker_peer *peer,
                            const lth_frame_release *frame);
lth_err lth_broker__released(lth_broker *self, lth_txn *txn, const lth_frame_released *frame);
/** What the parent acknowledged on the link and yet did not confirm goes to `out` again. */
lth_err lth_broker__owed_sweep(lth_broker *self, lth_txn *txn);
lth_err lth_broker__decide(lth_broker *self, lth_txn *txn, lth_now now, lth_decision *decision);
