/**
 * @file agents/capture/file.h
 * Tables in files (lth/sheet.h): rows for the agent, and the answer workbook for the clerk.
 */
#pragma once

#include "agents/capture/rows.h"

/** Read every table of the request and write rows and ends to @p fd. A file is taken whole or not
 * at all: when it cannot be read to its end no row is written. LTH_OK, LTH_E_IO (@p fd),
 * LTH_E_NOMEM.
 */
LTH_MUST_USE lth_err file_read(const lth_capture_file_request *request, int fd);

/** Write the answer workbook; then one TABLE_END with or without fault. As file_read(). */
LTH_MUST_USE lth_err file_answer(const lth_capture_answer_request *request, int fd);
