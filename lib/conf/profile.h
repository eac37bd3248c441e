/**
 * @file lib/conf/profile.h
 * Profiles and the hosted schools that use them, inside lth_conf.
 */
#pragma once

#include "internal.h"

extern const conf_item lth_conf__profile_items[], lth_conf__hosted_items[];
extern const conf_item lth_conf__database_items[], lth_conf__view_items[];

/** How a database is reached: `source` of a school or of a view. */
typedef struct conf_database {
    conf_text driver, database, dsn, secret_file;
    conf_number scan_seconds;
} conf_database;
/** Sets those members of @p out. */
void lth_conf__database(const conf_file *file, const conf_database *t, lth_source_conf *out);

/** One profiles/NAME.yaml. False with errors reported. */
bool lth_conf__profile(conf_load *load, const char *path, const lth_schema *schema,
                       lth_profile *out);
/** What several profiles of one school say together (n >= 1). */
bool lth_conf__profiles_join(const conf_file *file, const conf_node *at, const lth_profile *parts,
                             uint32_t n, lth_profile *out);

typedef struct conf_hosted {
    conf_text schools, inbox, keys, carrier_inbox;
    const conf_node *profile, *carrier_profile, *views;
} conf_hosted;

/** The views of `hosted`. @p inbox: form of the inboxes, with {org}; the registry is there. */
void lth_conf__views(const conf_file *file, const conf_node *list, const char *inbox,
                     lth_agent_conf *out);
/** The schools of `hosted`, appended behind @p written ones. @p profiles: directory of profiles. */
void lth_conf__hosted(const conf_file *file, const conf_hosted *t, const char *profiles,
                      const lth_source_conf *written, uint32_t n_written, lth_agent_conf *out);
