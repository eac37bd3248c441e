/**
 * @file agents/capture/view.h
 * A view that holds many schools: one query, split into a file a school (split.h).
 */
#pragma once

#include "agents/capture/pipe.h"

/** Read it and tell of it on @p out. LTH_OK; LTH_E_IO: the agent does not listen; LTH_E_NOMEM. */
LTH_MUST_USE lth_err view_read(const lth_capture_view_request *request, int out);
