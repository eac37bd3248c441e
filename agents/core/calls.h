/**
 * @file agents/core/calls.h
 * What the files of agents/core call of each other. Included by internal.h, whose types it needs.
 */
#pragma once

/* print.c: short hashes */
lth_err lth_agent__mapping_print(const lth_hasher *h, const lth_mapping *mapping,
                                 uint8_t out[PRINT_SIZE]);
/** Of what rows of this dataset are judged by: schema version, rules, code lists. */
lth_err lth_agent__judge_print(const lth_hasher *h, const lth_schema *schema, const lth_dataset *ds,
                               uint8_t out[PRINT_SIZE]);
void lth_agent__print(const lth_hasher *h, lth_slice in, uint8_t out[PRINT_SIZE]);
void lth_agent__row_print(lth_agent *self, const agent_table *table, const lth_cell *cells,
                          uint8_t out[PRINT_SIZE]);
/** Without blanks at its ends; empty for NULL. */
lth_slice lth_agent__local_key(const lth_mapping *mapping, const lth_cell *cells);

/* seen.c */
typedef enum agent_seen_add { SEEN_NEW, SEEN_TWICE, SEEN_NOMEM } agent_seen_add;
agent_seen_add lth_agent__seen_add(agent_seen *seen, const uint8_t key[PRINT_SIZE]);
/** Of a tracked set: where a key that is in it was seen. */
agent_where *lth_agent__seen_where(agent_seen *seen, const uint8_t key[PRINT_SIZE]);
bool lth_agent__seen_has(const agent_seen *seen, const uint8_t key[PRINT_SIZE]);
void lth_agent__seen_fini(agent_seen *seen);

/* keys.c: keys of tables, and the rows of map, natmap, ids */
lth_slice lth_agent__key(uint8_t out[KEY_SIZE], const lth_id *org, uint16_t dataset,
                         const uint8_t tail[PRINT_SIZE]);
lth_slice lth_agent__table_key(uint8_t out[TABLE_KEY_SIZE], const lth_id *org, uint16_t dataset);
lth_slice lth_agent__stream_key(uint8_t out[STREAM_KEY_SIZE], const lth_id *origin);
lth_slice lth_agent__entry_key(uint8_t out[ENTRY_KEY_SIZE], const lth_id *origin, uint32_t epoch,
                               uint64_t seq);
/** LTH_OK, LTH_E_NOT_FOUND, errors of the store, LTH_E_STORE_CORRUPT. */
lth_err lth_agent__map_get(agent_ctx *c, const uint8_t key[PRINT_SIZE], agent_map_row *out);
/** Is any record of the table known? */
lth_err lth_agent__map_any(agent_ctx *c, bool *any);
lth_err lth_agent__map_decode(agent_ctx *c, lth_slice value, agent_map_row *out);
lth_err lth_agent__map_put(agent_ctx *c, const uint8_t key[PRINT_SIZE], const agent_map_row *row);
lth_err lth_agent__map_del(agent_ctx *c, const uint8_t key[PRINT_SIZE]);
/** Key of the row that has this natural key; LTH_E_NOT_FOUND when nobody has. */
lth_err lth_agent__natural_owner(agent_ctx *c, const uint8_t print[PRINT_SIZE],
                                 uint8_t key[PRINT_SIZE]);
lth_err lth_agent__natural_claim(agent_ctx *c, const uint8_t print[PRINT_SIZE],
                                 const uint8_t key[PRINT_SIZE]);
/** Gives up the natural key of @p old if `natmap` still names @p key for it. */
lth_err lth_agent__natural_release(agent_ctx *c, const agent_map_row *old,
                                   const uint8_t key[PRINT_SIZE]);
/** Identity of a row never seen; LTH_E_EXISTS when a living row has it. */
lth_err lth_agent__id_new(agent_ctx *c, const agent_row *row, lth_id *out);
/** LTH_E_NOT_FOUND: no row ever had this identity. */
lth_err lth_agent__handle_of(agent_ctx *c, const lth_id *id, uint8_t key[PRINT_SIZE]);
lth_err lth_agent__id_move(agent_ctx *c, const lth_id *id, const uint8_t key[PRINT_SIZE]);
/** The upload under way ends it; the one that ended it, 0: none did. */
lth_err lth_agent__id_ended(agent_ctx *c, const lth_id *id, const uint8_t key[PRINT_SIZE]);
lth_err lth_agent__id_ended_in(agent_ctx *c, const lth_id *id, uint64_t *upload);

/* rows.c */
lth_err lth_agent__on_row(agent_ctx *c, const lth_cell *cells, uint32_t number);
/** Fill c->self->row from cells, up to its row of the map; a matched one up to its match keys. */
lth_err lth_agent__row_load(agent_ctx *c, const lth_cell *cells, uint32_t number);
/** Map it to groups. *fits false: too large to be sent; reported. */
lth_err lth_agent__row_map(agent_ctx *c, bool *fits);
/** The natural key of row->mapped. */
void lth_agent__row_natural(agent_row *row, const lth_hasher *h, const lth_dataset *ds);
/** The mapped row's record is known, or it is new: once per scan, and only if it changed. */
lth_err lth_agent__row_take(agent_ctx *c, lth_op op);
/** Its handle was seen for the first time; was seen before. */
void lth_agent__row_seen(agent_ctx *c);
lth_err lth_agent__row_again(agent_ctx *c);
/** Send it and remember it. @p clash: another row has its natural key. */
lth_err lth_agent__row_store(agent_ctx *c, lth_op op, bool clash);
void lth_agent__fault(agent_ctx *c, lth_scan_fault fault, const char *detail);
static inline agent_upload *lth_agent__upload(const agent_ctx *c)
{
    return c->school->round != NULL ? c->school->round->upload : NULL;
}

/* match.c */
/** Hashes of the loaded and mapped row's keys, and its local key; empty when none is complete. */
lth_err lth_agent__match_prints(agent_ctx *c);
/** Decide whose the loaded row is, and take it; @p last: at the end of the table. */
lth_err lth_agent__match_row(agent_ctx *c, bool last);
/** Of a new row whose values were put back (moved.c): the one record without a row that they lead
 * to, which becomes row->key. *yes false: there is none. */
lth_err lth_agent__match_before(agent_ctx *c, bool *yes);
/** Take the loaded row as that record, under other keys. */
lth_err lth_agent__match_moved(agent_ctx *c, const uint8_t key[PRINT_SIZE]);
/** Entries of `match` that lead to this handle; either may be NULL. */
lth_err lth_agent__match_index(agent_ctx *c, const uint8_t key[PRINT_SIZE], const agent_prints *old,
                               const agent_prints *fresh);
/** A free handle for the loaded row; into row->key, row->local_key. */
lth_err lth_agent__match_new(agent_ctx *c);
/** A record ends with the file under way: who had its match keys is remembered. */
lth_err lth_agent__match_end(agent_ctx *c, const agent_prints *prints);
/** Had a record that a newer file ended the best key of the loaded row? */
lth_err lth_agent__match_ended(agent_ctx *c, bool *yes);
/** If a person said that this row is a new record: from now on it is this one. */
lth_err lth_agent__answer_done(agent_ctx *c);

/* defer.c */
/** *room false: there is no place left. */
lth_err lth_agent__defer(agent_ctx *c, agent_defer why, bool *room);
/** The loaded row is new: until the guards are weighed. One without place counts as spilled, or is
 * to be taken at once (*waits false) when a person confirmed that many. */
lth_err lth_agent__defer_new(agent_ctx *c, bool *waits);
/** At the end of a table rows that wait for the rest of it, until the step is full; *done at the
 * end. */
lth_err lth_agent__defer_match(agent_ctx *c, bool *done);
/** When those of all tables of a file are known: new rows that name records by what they are called
 * since this file are, where one is left that names them as before, that record's. */
lth_err lth_agent__defer_follow(agent_ctx *c, bool *done);
/** Then, before the sweep: rows that moved on free their old natural keys; in a
 * clean scan a new key takes the record of one that is gone. */
lth_err lth_agent__defer_aliases(agent_ctx *c);
/** Rows that went back, if they may, free theirs. */
lth_err lth_agent__defer_backs(agent_ctx *c);
/** After the sweep: the rest, until the step is full; *done at the end. */
lth_err lth_agent__defer_settle(agent_ctx *c, bool *done);

/* moved.c */
/** The loaded row's record gets another natural key: rows of the file may name it by that. */
lth_err lth_agent__moved_note(agent_ctx *c);
/** Put into the loaded row's values what it names as that was called before; *yes: something was.
 */
lth_err lth_agent__moved_before(agent_ctx *c, bool *yes);

/* absent.c */
/** First row of a scan: which columns the file lacks. */
void lth_agent__absent_note(agent_ctx *c, const lth_cell *cells);
/** A known row about to be sent: fields without a column stay as they were. */
lth_err lth_agent__keep_absent(agent_ctx *c);

/* sweep.c */
/** May this record, if the scan lacks it, end? *elsewhere: the file does not speak of its place. */
lth_err lth_agent__may_end(agent_ctx *c, const uint8_t key[PRINT_SIZE], lth_slice value, bool *yes,
                           bool *elsewhere);
/** Rows of the map not seen are deleted, until the step is full; *done at the end. */
lth_err lth_agent__sweep(agent_ctx *c, bool *done);

/* guard.c */
void lth_agent__set_add(agent_set *set, const uint8_t key[PRINT_SIZE]);
/** What is remembered of the upload of this number, 0: of a database. */
lth_err lth_agent__guard_load(agent_ctx *c, uint64_t upload, agent_guard guards[GUARDS]);
lth_err lth_agent__guard_save(agent_ctx *c, uint64_t upload, const agent_guard guards[GUARDS]);
/** Nothing more is remembered of it. */
lth_err lth_agent__guard_forget(agent_ctx *c, uint64_t upload);
/** Weigh what the scan would end, turn back and add. */
lth_err lth_agent__guard(agent_ctx *c);
/** Do new rows of the table wait, as the guards of its scan or file say? */
bool lth_agent__new_waits(const agent_ctx *c);
/** The scan is through: a confirmation is used up. */
lth_err lth_agent__guard_done(agent_ctx *c);

/* state.c */
lth_err lth_agent__state_del(agent_ctx *c, const lth_id *id);
lth_err lth_agent__judged_load(agent_ctx *c);
/** All its rows are judged by today's rules, none is told apart by an earlier mapping. */
lth_err lth_agent__judged_save(agent_ctx *c);
/** Cut the snapshot that is due, if `state` has all records of the table; else later. */
lth_err lth_agent__state_resync(agent_ctx *c);
/** Our store is older than what was sent: of the table no snapshot is cut, for it would end and
 * turn back what is newer. Every row that comes again is sent anew. */
lth_err lth_agent__state_doubt(agent_ctx *c);
/** Rows of files are judged by other rules than before: a table has some left to do. */
bool lth_agent__rejudge_due(const agent_school *school);
lth_err lth_agent__rejudge(agent_ctx *c);

/* finding.c */
/** What mapping found in the row: row->warned, and in an upload written down.
 * @param id  NULL: not known yet. */
lth_err lth_agent__findings(agent_ctx *c, const lth_id *id);
/** Of a row that cannot be taken as it is. @p field: number, or 0. */
lth_err lth_agent__finding_own(agent_ctx *c, lth_refusal code, uint16_t field, const char *vi,
                               const char *en);
/** The row could be each of these records. */
lth_err lth_agent__finding_ask(agent_ctx *c, const uint8_t (*keys)[PRINT_SIZE], uint32_t n);

/* header.c */
/** What a column of the upload under way is called and where it is: as its file has it, else as the
 * mapping has it. Text valid until the next write. */
lth_err lth_agent__header(agent_ctx *c, int32_t column, lth_header *out);
lth_err lth_agent__on_headers(agent_ctx *c, const lth_agent_event *event);

/* upload.c */
lth_err lth_agent__upload_load(agent_ctx *c);
/** Is the upload under way an old one, read again, and did a newer one bring this record, or end
 * it? Then what the old one says of it no longer counts. */
lth_err lth_agent__older(agent_ctx *c, const lth_id *id, bool *yes);
lth_err lth_agent__upload_begin(agent_ctx *c, const lth_agent_event *event);
/** The counts of a table under way or through. */
void lth_agent__upload_count(agent_ctx *c);
lth_err lth_agent__upload_save(agent_ctx *c);
lth_err lth_agent__upload_end(agent_ctx *c);
/** What was sealed in this epoch and not acknowledged is void: uploads that it was of are as if
 * their reading had been cut. */
lth_err lth_agent__uploads_void(agent_ctx *c);
lth_err lth_agent__upload_get(agent_ctx *c, uint64_t number, lth_upload *out);
lth_err lth_agent__upload_put(agent_ctx *c, uint64_t number, const lth_upload *upload);

/* tiers.c */
lth_err lth_agent__tiers_receipt(agent_ctx *c, const lth_receipt *receipt);
/** Receipts that are here already and cover its head. */
lth_err lth_agent__tiers_fill(agent_ctx *c, lth_upload *upload);
/** After a resync: what the old epoch held is held by this position. */
lth_err lth_agent__tiers_move(agent_ctx *c);

/* acts.c */
lth_err lth_agent__on_act(agent_ctx *c, const lth_agent_act *act);

/* seal.c */
/** Take over c->self->record as a change of this step, or into the spool. */
lth_err lth_agent__emit(agent_ctx *c);
size_t lth_agent__widest(const lth_record_new *record);
/** Number, sign and store what @p b holds; its first record number must be next_rec_seq. */
lth_err lth_agent__seal_batch(agent_ctx *c, lth_batch_builder *b, lth_batch_kind kind,
                              lth_lane lane);
uint64_t lth_agent__unacked(const agent_school *school);

/* snapshot.c */
lth_err lth_agent__resync_load(agent_ctx *c);
lth_err lth_agent__resync_mark(agent_ctx *c, agent_resync state);
/** A snapshot of the table is due: of a database with its next clean scan, of files as they are
 * kept.
 */
lth_err lth_agent__resync_owe(agent_ctx *c);
lth_err lth_agent__spool_clear(agent_ctx *c);
/** c->self->record into `spool` or `state`. */
lth_err lth_agent__spool_put(agent_ctx *c, uint32_t table);
/** A row of `spool`, or of @p state; its values are borrowed. False: corrupt. */
bool lth_agent__kept_decode(agent_kept *out, lth_slice value, bool state);
/** A row of the table's spool or state as a record; its values are borrowed. Flags as stored. */
bool lth_agent__spool_decode(const agent_ctx *c, lth_slice key, lth_slice value,
                             lth_record_new *out);
/** The first row after this record; the next. LTH_E_NOT_FOUND past the table's last. */
lth_err lth_agent__spool_after(agent_ctx *c, lth_cursor *cursor, const lth_id *after,
                               lth_slice *key, lth_slice *value);
lth_err lth_agent__spool_next(agent_ctx *c, lth_cursor *cursor, lth_slice *key, lth_slice *value);
/** A table of this school has chunks to cut and there is room for them. */
bool lth_agent__cut_due(const lth_agent *self, const agent_school *school);
lth_err lth_agent__cut(agent_ctx *c);

/* round.c */
lth_err lth_agent__on_round_event(agent_ctx *c, const lth_agent_event *event);
/** What a step's end does for a school: sweeps, and tables that are through. */
lth_err lth_agent__round_work(agent_ctx *c);
lth_err lth_agent__arenas(lth_agent *self);
/** A round of these tables; its rows are asked for unless they come with @p upload. */
lth_err lth_agent__round_begin(lth_agent *self, uint32_t school, uint64_t tables,
                               agent_upload *upload);
lth_err lth_agent__info_load(agent_ctx *c, lth_scan_info *out);
lth_err lth_agent__info_save(agent_ctx *c, const lth_scan_info *info);
lth_err lth_agent__round_finish(agent_ctx *c);
void lth_agent__round_free(lth_agent *self, agent_school *school);
bool lth_agent__round_busy(const agent_school *school);

/* schedule.c */
lth_err lth_agent__schedule(lth_agent *self);
lth_mono lth_agent__schedule_deadline(const lth_agent *self);
lth_mono lth_agent__backoff(const agent_table *table);

/* link.c */
lth_err lth_agent__push(lth_agent *self, const agent_item *item);
void lth_agent__drop_sends(lth_agent *self, bool batches_only);
lth_err lth_agent__link_up(lth_agent *self);
void lth_agent__link_down(lth_agent *self);
lth_err lth_agent__on_frame(agent_ctx *c, const lth_frame *frame);
lth_err lth_agent__link_tick(lth_agent *self);
lth_mono lth_agent__link_deadline(const lth_agent *self);
agent_school *lth_agent__school_of(lth_agent *self, const lth_id *org);
const char *lth_agent__code_of(const lth_agent *self, const agent_school *school);
void lth_agent__session(lth_agent *self, agent_school *school, agent_session session,
                        lth_mono wait);

/* resume.c */
lth_err lth_agent__on_resume(agent_ctx *c, const lth_frame_resume *resume);
lth_err lth_agent__on_grant(agent_ctx *c, lth_slice bytes);
lth_err lth_agent__ask_epoch(lth_agent *self, agent_school *school);
void lth_agent__stop(lth_agent *self, agent_school *school, lth_refusal code);

/* public.c */
lth_err lth_agent__public_load(lth_agent *self, lth_txn *txn);
lth_err lth_agent__public_ask(lth_agent *self);
void lth_agent__public_hello(const lth_agent *self, lth_frame_hello *hello);
lth_err lth_agent__public_tick(lth_agent *self);
lth_mono lth_agent__public_deadline(const lth_agent *self);
void lth_agent__public_resume(lth_agent *self, const lth_frame_resume *resume);
lth_err lth_agent__public_batch(agent_ctx *c, const lth_frame_batch *batch);

/* answers.c */
lth_err lth_agent__on_receipt(agent_ctx *c, lth_slice bytes);
lth_err lth_agent__on_reject(agent_ctx *c, const lth_frame_reject *reject);
lth_err lth_agent__on_held(agent_ctx *c, const lth_frame_held *held);
lth_err lth_agent__holds_forget(agent_ctx *c);

/* accepted.c */
lth_err lth_agent__accepted_put(agent_ctx *c, const lth_agent_act *act,
                                const uint8_t row_hash[PRINT_SIZE]);
/** Of a row of c->table. */
lth_err lth_agent__accepted_find(agent_ctx *c, const lth_id *id, uint16_t rule,
                                 const uint8_t row_hash[PRINT_SIZE], bool *yes);
/** All of this school are to be told to the broker, when it holds everything. */
void lth_agent__accepted_again(agent_school *school);
lth_err lth_agent__accepted_tell(lth_agent *self, lth_txn *read, bool *more);
void lth_agent__accepted_frame(const agent_item *item, const lth_id *org,
                               lth_frame_accepted *frame);

/* outbox.c */
/** Fields of an entry; false = corrupt. */
bool lth_agent__entry_decode(lth_slice value, lth_slice *signed_header, lth_lane *lane,
                             uint64_t *sealed_ms, lth_slice *body);
/** @p signed_header, of 256 bytes, stays valid until the transaction's next write. */
lth_err lth_agent__entry_get(lth_txn *txn, const lth_id *origin, uint32_t epoch, uint64_t seq,
                             lth_slice *value);
lth_err lth_agent__outbox_put(agent_ctx *c, const uint8_t *signed_header, lth_lane lane,
                              lth_slice body);
lth_err lth_agent__outbox_drop_before(agent_ctx *c, uint32_t epoch);
lth_err lth_agent__prune(lth_agent *self, lth_txn *txn);

static inline uint64_t lth_agent__in_flight(const agent_school *school)
{
    return school->next_send > school->confirmed + 1 ? school->next_send - 1 - school->confirmed
                                                     : 0;
}
