/**
 * @file tests/sim/files.h
 * Schools that have only a clerk with a spreadsheet: true rolls, the files made of them, rightly
 * and wrongly, what the clerk answers, and the ledger: what the documented rules (ARCHITECTURE, "A
 * school with only a browser and Excel") make of the files, row by row of true pupils. The ledger
 * knows who a row is; the agent has to find out.
 *
 * A file has two sheets: pupils, found by code, national id, or name with birth date and class, and
 * complete for the classes that it names; and classes, found by code, complete for the year.
 */
#pragma once

#include "lth/schema.h"

#define SIM_SHEETS      2u
#define SIM_LINES_MAX   72u
#define SIM_KEPT_MAX    40u /**< Files that a clerk still has. */
#define SIM_QUEUE_FILES 16u
#define SIM_ENTRIES_MAX 400u
#define SIM_ASKED_MAX   64u

struct sim;
struct sim_node;
struct sim_school;

/** A line of a sheet. All equal: the same cells. */
typedef struct sim_line {
    uint32_t uid;  /**< Whose line it truly is: owner's school * 1000 + n, or a class. */
    uint32_t note; /**< Version of what is written about it. */
    uint32_t code; /**< 0: blank. */
    uint32_t temporary;
    uint32_t nid; /**< 0: none. */
    uint32_t name;
    uint32_t born; /**< YYYYMMDD; 1: cannot be read. */
    uint32_t class_;
} sim_line;

enum { SIM_PUPILS, SIM_CLASSES };

typedef struct sim_sheet {
    bool there;
    uint32_t n;
    sim_line lines[SIM_LINES_MAX];
} sim_sheet;

typedef struct sim_file {
    uint32_t id;     /**< Of the upload. */
    uint32_t bytes;  /**< Files with the same number are the same byte for byte. */
    bool correction; /**< An answer workbook. */
    bool other_kind; /**< Nothing that anybody can read. */
    bool half_done;  /**< Its end was under way when it was last read. */
    uint64_t number; /**< Of the upload; 0: never read to its end. */
    sim_sheet sheets[SIM_SHEETS];
} sim_file;

/** What a person said of a guard of one sheet of one file. */
typedef enum sim_said { SIM_SILENT, SIM_ASKED, SIM_CONFIRMED, SIM_WITHDRAWN } sim_said;
typedef struct sim_word {
    sim_said said;
    lth_scan_fault kind; /**< What it was asked about for. */
    uint32_t n;
    uint64_t set; /**< Sum over its members. */
} sim_word;
enum { SIM_GONE, SIM_OLD, SIM_NEW, SIM_WORDS };

/** A record as the rules have it. */
typedef struct sim_entry {
    bool live, held; /**< held: its newest line cannot be right; `good` goes on. */
    bool has_good, has_before;
    sim_line line, good, before, first;
    sim_line keys;   /**< The newest line, and where it says nothing what was said before. */
    lth_id id;       /**< Zeros: not seen yet. */
    uint64_t upload; /**< Newest file in which it stood, or that ended it. */
} sim_entry;

typedef struct sim_ledger {
    sim_entry entries[SIM_SHEETS][SIM_ENTRIES_MAX];
    uint32_t n[SIM_SHEETS];
    uint64_t newest; /**< Highest number of an upload. */
} sim_ledger;

/** What the page says of an upload: which rows are asked about, what guards say. */
typedef struct sim_report {
    lth_upload upload;
    uint32_t n_asked[SIM_SHEETS];
    uint32_t asked[SIM_SHEETS][SIM_ASKED_MAX]; /**< Rows. */
    lth_upload_finding questions[SIM_SHEETS][SIM_ASKED_MAX];
    uint32_t n_spared[SIM_SHEETS];
    lth_id spared[SIM_SHEETS][SIM_ASKED_MAX * 4]; /**< Records that questions are about. */
} sim_report;

typedef struct sim_clerk {
    sim_rng rng;
    sim_line roll[SIM_SHEETS][SIM_LINES_MAX];
    uint32_t n[SIM_SHEETS];
    uint32_t last_uid, last_code, last_bytes, last_id;
    uint64_t acts_at;
    sim_file kept[SIM_KEPT_MAX];
    uint32_t n_kept;
    uint32_t queue[SIM_QUEUE_FILES]; /**< Places in `kept`; the first is read, over and over. */
    uint32_t n_queue;
    lth_upload_state states[SIM_KEPT_MAX];
    sim_word words[SIM_KEPT_MAX][SIM_SHEETS][SIM_WORDS];
    bool careful;      /**< Hands in no file of others, none from last year, none emptied. */
    uint32_t patience; /**< 1 of so many waiting files is decided when looked at; 0: none. */
    sim_file *last;    /**< The true roll, after everything healed; NULL: never comes. */
    bool admitted[16]; /**< Other schools whose pupils were rightly taken. */
    uint32_t n_questions[SIM_KEPT_MAX];
    sim_line told[SIM_ASKED_MAX]; /**< Lines that it said are a pupil of the records. */
    uint32_t n_told;
    sim_ledger ledger;
} sim_clerk;

/** A file under way in an agent; gone with its core. */
typedef struct sim_reading {
    bool running, ended;
    uint32_t sheet, at;
    uint32_t breaks_at; /**< The reader dies before this line. */
    uint64_t next;
    sim_said said; /**< In this step; SIM_ASKED: an answer. */
    uint32_t spoken;
    bool waited[SIM_SHEETS];
} sim_reading;

/* sheet.c: what lines say */
/** Cells of a line in the order of the mapping's columns. */
void sim_line_cells(const struct sim_school *school, uint32_t sheet, const sim_line *line,
                    lth_cell cells[6], char text[6][64]);
/** The bytes of a group that this line must give; an encoder of its own. */
size_t sim_line_group(const struct sim_school *school, uint32_t sheet, const sim_line *line,
                      uint32_t group, uint8_t out[512]);
/** Can it merge? */
bool sim_line_good(const sim_line *line);
bool sim_line_same(const sim_line *a, const sim_line *b);
/** Has it any key at all? */
bool sim_line_found(uint32_t sheet, const sim_line *line);
/** Keys of a record after this line: an empty cell takes none away. */
sim_line sim_line_keys(const sim_line *before, const sim_line *line);
/** Does the best key of the line lead to these? */
bool sim_line_best(const sim_line *keys, const sim_line *line);
/** Does any key of one lead to the other? */
bool sim_line_leads(uint32_t sheet, const sim_line *a, const sim_line *b);
/** Owner, number and version in values of a record; false: not shown. */
bool sim_note_read(lth_slice bytes, uint32_t *uid, uint32_t *note);

/* clerk.c */
void sim_clerk_begin(struct sim *s, struct sim_school *school);
/** The roll changes, or a file is handed in. */
void sim_clerk_act(struct sim *s, struct sim_school *school);
void sim_clerk_heal(struct sim *s, struct sim_school *school);
/** To be read once more: a person spoke. */
void sim_clerk_again(sim_clerk *c, uint32_t kept);

/** Has everything been read and said that will be? */
bool sim_clerk_done(const sim_clerk *c);

/* reading.c: files into an agent */
lth_err sim_reading_step(struct sim *s, struct sim_node *node, uint32_t slot, lth_txn *txn);
void sim_reading_committed(struct sim *s, struct sim_node *node, uint32_t slot);
/** The commit failed, or was stored and the process does not know. */
void sim_reading_unsure(struct sim *s, struct sim_node *node, uint32_t slot);
uint64_t sim_reading_next(const struct sim_node *node, uint32_t slot);

/** The texts of its questions are left out. */
void sim_report_read(sim_report *out, const struct sim_school *school, uint64_t number,
                     lth_txn *txn);

/* ledger.c */
/** The file was dealt with: what the rules make of it; fails where guards say otherwise. */
void sim_ledger_take(struct sim *s, struct sim_school *school, uint32_t kept, uint64_t given,
                     const sim_report *report);

/* rolls.c: ledger and roll against stores */
void sim_rolls_check_agent(struct sim *s, struct sim_school *school);
void sim_rolls_match_entry(struct sim *s, struct sim_school *school);
