/**
 * @file tests/unit/test_agent_file.h
 * A school whose first table comes in files: pupils with a code, a national id, name, birth date,
 * class and school year; match [[code], [nid], [name, born, class]], complete_for [year, class].
 * The other table stays the database table of test_agent_world.h.
 */
#pragma once

#include "test_agent_world.h"

#define DS_F 11u

typedef struct pupil {
    const char *code, *nid, *name, *born, *class_, *year;
} pupil;

/** A world whose agent is connected and has read nothing. */
world *file_world(void);
/** The same columns with the code as local key: of a database, or of files when @p every_ms is 0.
 */
world *file_world_keyed(uint32_t every_ms);
/** Rules of the file's dataset from now on, and a new schema version: a fresh instance. */
void file_rules(world *w, const char *warning, const char *error, uint32_t dict_ver);
/** The same columns, another mapping from now on: a fresh instance. */
typedef enum file_mapping { FILE_MATCH, FILE_MATCH_REORDERED, FILE_KEYED } file_mapping;
void file_remap(world *w, file_mapping mapping, uint32_t every_ms);
void file_world_free(world **w);
/** Feed a file whole: rows from 2 on. False: a crash came in between. */
bool file_read(world *w, const char *id, const pupil *rows, uint32_t n);
bool file_read_as(world *w, const char *id, const pupil *rows, uint32_t n, bool correction);
void file_begin(world *w, const char *id);
/** First byte of the SHA-256 of the files that follow; 0: each file's is its own. */
void file_hash(uint8_t first);
void file_row(world *w, const pupil *p, uint32_t number);
void file_end(world *w, lth_scan_fault fault);
/** The same, and it must not crash; what became of it. */
lth_upload file_take(world *w, const char *id, const pupil *rows, uint32_t n);
lth_upload file_upload(world *w, uint64_t number);
/** Findings of an upload, up to 16; slices point into static bytes. */
uint32_t file_findings(world *w, uint64_t number, lth_upload_finding *out);
void file_answer(world *w, const uint8_t row_hash[16], const lth_id *record);
/** Versions that the broker has had of all records of the file's dataset. */
uint32_t file_versions(world *w);
/** Living records of the file's dataset that are not held. */
uint32_t file_living(world *w);
const merged *file_find(world *w, const char *code);
