/**
 * @file lib/store/store_dir.h
 * The directory of a store on disk: on a local file system, owned by one process, and either
 * absent or complete.
 *
 *   DIR/owner      held with flock() for the life of the process that has the store open
 *   DIR/data.mdb   LMDB's file
 *   DIR/lock.mdb   LMDB's reader table
 *
 * A new store is made as DIR.new, synced and renamed; what a crash left as DIR.new is made anew.
 */
#pragma once

#include "lth/diag.h"

#define LTH_STORE_PATH_MAX 1024

/**
 * Take an existing store's directory.
 *
 * @param lock_fd Receives the descriptor whose closing gives the directory up.
 * @return LTH_OK; LTH_E_NOT_FOUND if there is no store; LTH_E_STORE_BUSY; LTH_E_IO (not a local
 *         file system, or the system refused).
 */
LTH_MUST_USE lth_err lth_store_dir_take(const char *dir, int *lock_fd, lth_diag *diag);

/**
 * Make the empty directory `DIR.new`, taken as above; its path goes to @p fresh. An existing
 * DIR must be empty. LTH_OK, LTH_E_STORE_BUSY, LTH_E_IO.
 */
LTH_MUST_USE lth_err lth_store_dir_start(const char *dir, char fresh[LTH_STORE_PATH_MAX],
                                         int *lock_fd, lth_diag *diag);

/** Sync what was made in @p fresh and rename it to @p dir; both survive a power cut afterwards.
 * LTH_OK, LTH_E_STORE_BUSY (another process was faster), LTH_E_IO. */
LTH_MUST_USE lth_err lth_store_dir_finish(const char *dir, const char *fresh, lth_diag *diag);

/** Whether a file system of this statfs() type may hold a store (not NFS, CIFS, FUSE, ...). */
bool lth_store_dir_is_local(uint64_t type);
