/**
 * @file agents/shell/rejected.h
 * What a person of a tier above said about a held record, for its school. Like findings it is never
 * logged.
 */
#pragma once

#include "agents/shell/engine.h"

/** {org, name, by, why, ms}; null when nobody rejected it, or the tier does not say why. */
json_t *lth_rejected_json(const lth_engine *self, const lth_frame_held *held);
/** The same as a sentence, {vi, en}; NULL likewise. */
json_t *lth_rejected_text(const lth_engine *self, const lth_frame_held *held);
