/**
 * @file tests/store/crash_disk.h
 * A record of what LMDB writes to one file, and the contents the file may have after a power cut.
 *
 * Linked with -Wl,--wrap for pwrite, pwritev, writev, write, fdatasync and fsync, and with the
 * static liblmdb. The model of a disk: what was written before a completed sync, or by a completed
 * O_DSYNC write, is there; of anything else, and of a write under way, any sectors may be.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CRASH_SECTOR 512u

/** What the disk is believed to keep; the lies stand for LMDB's unsafe flags. */
typedef enum crash_disk_kind {
    CRASH_HONEST,
    CRASH_NO_SYNC,     /**< fdatasync() does nothing, as with MDB_NOSYNC. */
    CRASH_NO_METASYNC, /**< O_DSYNC does nothing, as with MDB_NOMETASYNC. */
} crash_disk_kind;

/** Which of the unsynced sectors reach the disk. */
typedef enum crash_subset {
    CRASH_NONE,
    CRASH_ALL,
    CRASH_HALF,        /**< Each sector by a coin. */
    CRASH_HALF_WRITES, /**< Each write by a coin. */
    CRASH_ONLY_ONE,    /**< One write. */
    CRASH_ALL_BUT_ONE, /**< All writes but one. */
    CRASH_SUBSETS
} crash_subset;

/** Start with the file's present contents. */
void crash_disk_start(const char *path);
/** Everything up to here was acknowledged to the caller as commit @p number. */
void crash_disk_ack(uint32_t number);
void crash_disk_stop(void);
void crash_disk_free(void);

size_t crash_disk_events(void);
/** Highest commit acknowledged before event @p at. */
uint32_t crash_disk_acked(size_t at);

/**
 * A legal image after a power cut with @p at events complete and the next one under way.
 *
 * @param out Receives the image, @p size bytes of it; owned by the caller.
 */
void crash_disk_image(size_t at, crash_disk_kind kind, crash_subset subset, uint64_t *random,
                      uint8_t **out, size_t *size);
