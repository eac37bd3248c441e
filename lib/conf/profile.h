/**
 * @file lib/conf/profile.h
 * Profiles and the hosted schools that use them, inside lth_conf.
 */
#pragma once

#include "internal.h"

extern const conf_item lth_conf__profile_items[], lth_conf__hosted_items[];

/** One profiles/NAME.yaml. False with errors reported. */
bool lth_conf__profile(conf_load *load, const char *path, const lth_schema *schema,
                       lth_profile *out);
/** What several profiles of one school say together (n >= 1). */
bool lth_conf__profiles_join(const conf_file *file, const conf_node *at, const lth_profile *parts,
                             uint32_t n, lth_profile *out);

typedef struct conf_hosted {
    conf_text schools, inbox, keys, carrier_inbox;
    const conf_node *profile, *carrier_profile;
} conf_hosted;

/** The schools of `hosted`, appended behind @p written ones. @p profiles: directory of profiles. */
void lth_conf__hosted(const conf_file *file, const conf_hosted *t, const char *profiles,
                      const lth_source_conf *written, uint32_t n_written, lth_agent_conf *out);
