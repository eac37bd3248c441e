/**
 * @file agents/shell/inbox.h
 * One directory that files come to: which of them are whole and in what order, and where they go
 * once they were read (agents/shell/uploads.h says the rules). The only other place beside
 * platform.h that asks the operating system for something: everything goes through descriptors of
 * directories and O_NOFOLLOW, so that no name can lead out of the inbox.
 *
 * Found by looking at the directory's time of change once a second, not by inotify: one way that
 * has no limits to set (1,600 watches), loses nothing when a queue overflows, and needs no second
 * way for start-up; 1,600 directories cost about 2 ms. A directory is listed again when it changed,
 * when its last change is so young that another one could hide in the same tick of the file
 * system's clock, and while something in it is still being written.
 */
#pragma once

#include "agents/core/agent.h"

#define LTH_INBOX_FILES_MAX 1000u /**< Listed at once, the oldest; further ones wait for these. */

typedef struct lth_inbox_file {
    char name[LTH_UPLOAD_ID_MAX + 1];
    uint64_t arrived_ns; /**< When it got this name here. */
    uint64_t order_ns;   /**< When it came, also when its name was changed after that. */
    bool busy;           /**< Somebody had it open for writing when it was looked at. */
} lth_inbox_file;

typedef struct lth_inbox {
    const char *path;      /**< Borrowed. */
    lth_inbox_file *files; /**< In order of arrival. */
    uint32_t n_files;
    uint32_t writing;    /**< Still being written, under whatever name. */
    uint32_t strange;    /**< Left alone: links, directories, devices, hidden names. */
    uint64_t changed_ns; /**< Of the directory when it was listed. */
    bool look_again;
    bool missing; /**< The directory cannot be read. */
} lth_inbox;

/** A file that is being read. */
typedef struct lth_inbox_taken {
    int fd; /**< -1 after LTH_INBOX_FAILED. */
    uint64_t bytes, arrived_ns;
    uint64_t inode, changed_ns;
} lth_inbox_taken;

typedef enum lth_inbox_answer {
    LTH_INBOX_TAKEN,
    LTH_INBOX_BUSY,   /**< Still being written: later. */
    LTH_INBOX_GONE,   /**< Not there, or no longer a plain file. */
    LTH_INBOX_FAILED, /**< It cannot be opened; the diag says why, and it can still be kept. */
} lth_inbox_answer;

void lth_inbox_init(lth_inbox *self, const char *path);
void lth_inbox_fini(lth_inbox *self);
/** List the directory if it may have changed. True: it was listed. */
bool lth_inbox_look(lth_inbox *self, uint64_t now_ms);
/** May this name stand in an inbox as it is? */
bool lth_inbox_name_ok(const char *name);

/** Open a file of the inbox, or one that was kept. Close taken->fd. */
lth_inbox_answer lth_inbox_take(lth_inbox *self, const char *name, lth_inbox_taken *out,
                                lth_diag *diag);
lth_inbox_answer lth_inbox_take_kept(lth_inbox *self, const char *name, lth_inbox_taken *out,
                                     lth_diag *diag);
/** Is it still what was taken, to the byte as far as the file system tells? */
bool lth_inbox_unchanged(const lth_inbox_taken *taken);
/** SHA-256 of a taken file. LTH_E_IO, LTH_E_NOMEM. */
LTH_MUST_USE lth_err lth_inbox_hash(const lth_inbox_taken *taken, const lth_hasher *hasher,
                                    uint8_t out[LTH_HASH_SIZE], lth_diag *diag);
/** Move it to .kept, durably. LTH_E_NOT_FOUND: another file has come under this name meanwhile, and
 * stays. */
LTH_MUST_USE lth_err lth_inbox_keep(lth_inbox *self, const char *name, const lth_inbox_taken *taken,
                                    lth_diag *diag);
/** Give a file another name, one of ours: an upload with this one is known already. */
void lth_inbox_rename(lth_inbox *self, const char *name);
/** It left the inbox: the list need not be made anew for that. */
void lth_inbox_drop(lth_inbox *self, const char *name);
/** Write .kept/NAME.json durably. */
LTH_MUST_USE lth_err lth_inbox_note(lth_inbox *self, const char *name, const void *text, size_t n,
                                    lth_diag *diag);
/** Open .answer, made when missing; -1: it cannot be, or is not this account's; the diag says why.
 * Others who may write into the inbox could put a directory with links there. */
int lth_inbox_answers(const lth_inbox *self, lth_diag *diag);
/** Make a finished file the answer. */
LTH_MUST_USE lth_err lth_inbox_answer_done(int answers, const char *made, const char *name,
                                           lth_diag *diag);
/** Remove what was made of it: a full disk must not be kept full by halves of answers. */
void lth_inbox_answer_drop(int answers, const char *made);
/** Remove what was kept or answered before that time. */
void lth_inbox_prune(lth_inbox *self, uint64_t before_ms);

/** A wall clock beside a steady one. Zero: not looked at yet. */
typedef struct lth_inbox_clock {
    uint64_t wall_ms;
    lth_mono mono;
} lth_inbox_clock;
#define LTH_INBOX_CLOCK_AFTER LTH_MONO_S(6 * 3600)
/** May files be removed for their age? Only after the wall clock went for some hours without a
 * jump: a computer that woke up in another year must not remove all that is kept. */
bool lth_inbox_clock_believed(lth_inbox_clock *self, uint64_t wall_ms, lth_mono mono);
