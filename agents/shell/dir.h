/**
 * @file agents/shell/dir.h
 * What inboxes, kept files and deliveries do with directories that others may write into.
 */
#pragma once

#include "lth/bytes.h"

#define LTH_DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)

/** Close it, unless it is -1. */
void lth_dir_close(int fd);
/** A subdirectory that is ours and no link; made when missing, if @p make. -1 with errno; EPERM:
 * it is somebody else's. */
int lth_dir_ours(int dir, const char *name, bool make);
/** Write @p text whole as @p made, sync it, and give it the name @p name; the directory is synced.
 * False with errno: @p name is as it was. */
bool lth_dir_replace(int dir, const char *made, const char *name, unsigned mode, lth_slice text);
