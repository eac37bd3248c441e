/**
 * @file agents/capture/sqlite_file.h
 * Reading a SQLite file that a school's own program writes, without ever making it wait.
 *
 * Any lock of a reader makes a writer without busy time-out fail with "database is locked". So a
 * file with a rollback journal is read without locks (immutable=1), between two looks: nobody was
 * writing at either, no journal is left to roll back, and the change counter, size and time of the
 * file stayed the same. Otherwise what was read is thrown away and read again. In WAL mode readers
 * never stop a writer: with a log the file is opened in the ordinary way, read-only.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define SQLITE_FILE_PATH_MAX 4096u

typedef enum sqlite_file_state {
    SQLITE_FILE_QUIET, /**< May be read without locks now. */
    SQLITE_FILE_WAL,   /**< A write-ahead log is in use: read in the ordinary way. */
    SQLITE_FILE_BUSY,  /**< Somebody is writing, or a crashed program left a journal. */
    SQLITE_FILE_BAD,   /**< Not there, not readable, or no SQLite file. */
} sqlite_file_state;

typedef struct sqlite_file_look {
    uint64_t device, inode, size;
    int64_t changed_s, changed_ns;
    uint8_t header[100];
} sqlite_file_look;

/** Look at the file; takes no lock, and must not run while this process holds SQLite's locks on it
 * (closing any descriptor drops them). */
sqlite_file_state sqlite_file_look_at(sqlite_file_look *out, const char *path);
/** After reading: was the file left alone since @p before? */
bool sqlite_file_unchanged(const sqlite_file_look *before, const char *path);

/** "file:PATH?mode=ro[&immutable=1]" with everything percent-encoded that the driver's connection
 * string or SQLite would read. False: too long. */
bool sqlite_file_uri(char *out, unsigned size, const char *path, bool immutable);
