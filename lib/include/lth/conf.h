/**
 * @file lth/conf.h
 * YAML to the structures the programs use. The only folder that includes yaml.h is lib/conf.
 *
 * One table per file kind drives parser, checks and docs/config.md. Files <= 1 MiB, depth <= 10, no
 * anchors, aliases, tags, several documents or duplicate keys; an unknown key is an error with the
 * nearest known name. A load collects up to 50 errors, each "file:line:column: what; what to write
 * instead" in Vietnamese and English, and gives nothing unless there is none.
 */
#pragma once

#include "lth/diag.h"
#include "lth/policy.h"
#include "lth/public.h"
#include "lth/registry.h"
#include "lth/schema.h"

#define LTH_CONF_ERRORS_MAX 50u

typedef struct lth_conf_error {
    char *file;
    uint32_t line, column; /**< From 1; 0 = the file as a whole. */
    char *vi, *en;         /**< Without position. */
} lth_conf_error;

typedef struct lth_conf_errors {
    lth_conf_error items[LTH_CONF_ERRORS_MAX];
    uint32_t n;
    uint32_t more; /**< Not kept. */
} lth_conf_errors;
void lth_conf_errors_fini(lth_conf_errors *errors);

/** Everything loaded hangs on one of these; free it once (all pointers inside die with it). */
typedef struct lth_conf lth_conf;
void lth_conf_free(lth_conf **self);

typedef struct lth_conf_node {
    const char *org; /**< Code, looked up in orgs.yaml. */
    const char *name;
    const char *store, *identity; /**< Directories; relative ones are relative to the YAML file. */
} lth_conf_node;

typedef struct lth_broker_conf {
    lth_conf_node node;
    const char *listen_agents, *listen_control;
    const char *parent_endpoint, *parent_org; /**< NULL at the top. */
    uint32_t peers_max;                       /**< limits.peers, default 6000. */
    uint32_t store_gib;                       /**< limits.store_gib, default 64; 1..1024. */
    uint32_t keep_days;                       /**< limits.keep_days, default 35, >= 35. */
    uint32_t workers;                         /**< limits.workers, default 2, 1..16. */
    uint32_t gone_percent;                    /**< limits.gone_percent, default 20, 1..100. */
    const char *peers_dir;                    /**< files.peers, default identity/../peers. */
    lth_registry registry;
    lth_schema schema;
    lth_policy policy;
} lth_broker_conf;

/** Load DIR/broker.yaml (or the file itself) with everything it names. LTH_OK; LTH_E_CONFIG with
 * errors filled; LTH_E_NOMEM. @p errors is output only: need not be initialised, and is released
 * with lth_conf_errors_fini() whatever was returned. */
LTH_MUST_USE lth_err lth_conf_load_broker(lth_conf **owner, const lth_broker_conf **out,
                                          const char *path, lth_conf_errors *errors);

/** A column of a file: aliases of its header. */
typedef struct lth_profile_column {
    const char *const *names;
    uint32_t n_names;
    bool optional;
} lth_profile_column;

/** Where a profile's table stands in a file. */
typedef struct lth_profile_place {
    uint32_t sheet;         /**< From 1; 0: by name, or the first one that has the columns. */
    const char *sheet_name; /**< "" for none. */
    uint32_t header_rows;   /**< 1..10 */
    uint32_t part;          /**< Which of the school's profiles the table belongs to, from 0. */
    bool optional;          /**< A file of this layout may lack the table. */
} lth_profile_place;

typedef struct lth_source_table {
    const char *mode;  /**< "diff" (others arrive with their issues and are refused until then). */
    uint32_t every_ms; /**< >= 1,000; default 30 s. */
    const char *query;
    const char *key;     /**< Column name. */
    lth_mapping mapping; /**< columns[] as named in the YAML; matched to the result set by name,
                            without case, at scan time. */
    const lth_profile_column *headers; /**< Of a file: parallel to mapping.columns; NULL else. */
    lth_profile_place place;           /**< Of a file. */
} lth_source_table;

/** One mapping for all schools that use the same exports (profiles/NAME.yaml). A school may hand in
 * several kinds of file: then this is what its profiles say together; a file's headers tell which
 * of them it is. */
typedef struct lth_profile {
    const char *name;                   /**< "pupils-c1", or "pupils-c1+results". */
    uint32_t kinds;                     /**< Bit (1 << lth_sheet_kind) per kind of file taken. */
    const lth_profile_column *org_from; /**< Column that names a row's organisation; or NULL. */
    const lth_source_table *tables;
    uint32_t n_tables; /**< <= 16 */
} lth_profile;
#define LTH_PROFILE_TABLES_MAX 16u

typedef struct lth_source_conf {
    const char *org; /**< Code. */
    lth_id org_id;
    const char *driver;             /**< ODBC driver name, e.g. SQLite3. */
    const char *database;           /**< File or database name; a SQLite path is made absolute. */
    const char *dsn;                /**< Extra connection string, may be NULL. */
    const char *secret_file;        /**< Password file, may be NULL. */
    uint32_t scan_seconds_max;      /**< Time limit of a scan child; default 300. */
    const lth_source_table *tables; /**< Of a file source: those of its profile. */
    uint32_t n_tables;
    const lth_profile
        *profile;      /**< A hosted school whose files come to `inbox`; NULL: a database. */
    const char *inbox; /**< Directory, absolute. */
} lth_source_conf;

/** A view that holds many schools, split by a column (hosted.views). */
#define LTH_VIEWS_MAX     16u
#define LTH_VIEW_NAME_MAX 40u
typedef struct lth_view_conf {
    const char *name;       /**< Lower-case letters, digits, '-'; no organisation's code. */
    lth_source_conf source; /**< How to reach the database; no tables, org is the name. */
    const char *query;
    const char *org_from; /**< Column with the school's code. */
    uint32_t every_ms;    /**< >= 60,000; default 15 min. */
} lth_view_conf;

typedef struct lth_agent_conf {
    lth_conf_node node;
    const char *control;
    const char *broker; /**< Endpoint. */
    uint32_t store_mib; /**< Default 256. */
    uint32_t live_ms;   /**< At most one live batch per org in this time after a first one sent at
                           once; default 60,000. limits.live. */
    lth_registry registry;
    lth_schema schema;
    const lth_source_conf *schools; /**< Written out one by one, then the hosted ones. */
    uint32_t n_schools;
    const lth_profile *carrier_profile; /**< Files that hold many schools (hosted.carrier): split by
                                           org_from; NULL: none. */
    const char *carrier_inbox;
    const lth_view_conf *views; /**< hosted.views */
    uint32_t n_views;
    const char *views_dir;  /**< Where their files are made: ".views" beside the inboxes, absolute;
                               NULL without views. */
    const char *hosted_dir; /**< Directory with CODE/ (keys and certificate, role host) of every
                               hosted school: hosted.keys, default identity/../hosted. */
    uint32_t gone_percent, gone_least; /**< guard.gone_percent (20), guard.gone_least (5). */
    uint32_t upload_mib;               /**< limits.upload_mib, default 20, 1..64. */
    uint32_t keep_uploads_days;        /**< limits.keep_uploads, default 400. */
} lth_agent_conf;
LTH_MUST_USE lth_err lth_conf_load_agent(lth_conf **owner, const lth_agent_conf **out,
                                         const char *path, lth_conf_errors *errors);

/** The same with what the ministry published. Once something came (version > 0) it stands in place
 * of the node's own code lists and datasets below LTH_PUBLIC_LOCAL_MIN. Before that the node's own
 * files count; without a directory of datasets, and with none named, what names datasets is passed
 * over: such a node waits for its definitions. The schema has the datasets of the public stream
 * itself and the version as dict_ver. */
LTH_MUST_USE lth_err lth_conf_load_broker_with(lth_conf **owner, const lth_broker_conf **out,
                                               const char *path, const lth_public_set *published,
                                               lth_conf_errors *errors);
LTH_MUST_USE lth_err lth_conf_load_agent_with(lth_conf **owner, const lth_agent_conf **out,
                                              const char *path, const lth_public_set *published,
                                              lth_conf_errors *errors);
/** One path of DIR/NAME or of the file itself, before anything else of it is judged; "" when it is
 * not stated. LTH_OK, LTH_E_CONFIG with @p errors filled, LTH_E_NOMEM. */
LTH_MUST_USE lth_err lth_conf_path_of(char *out, size_t size, const char *path, const char *name,
                                      const char *section, const char *key,
                                      lth_conf_errors *errors);

/** The upload page (agents/intake). */
typedef struct lth_intake_conf {
    const char *listen;            /**< "127.0.0.1:7680", "[::1]:7680" */
    const char *agent;             /**< Control socket of the agent that serves the schools. */
    const char *hosted;            /**< Directory with CODE/once of every hosted school. */
    const char *state;             /**< Accounts, failed sign-ins. */
    const char *proxies;           /**< Addresses, blanks between. */
    const char *name, *help, *url; /**< Words on the page; help, url may be NULL. */
    uint32_t upload_mib, connections, per_address, per_school, per_hour;
    uint32_t upload_ms, bytes_per_second, idle_ms, session_ms, header_ms, agent_ms;
} lth_intake_conf;
/** DIR/intake.yaml, or the file itself; as lth_conf_load_broker(). */
LTH_MUST_USE lth_err lth_conf_load_intake(lth_conf **owner, const lth_intake_conf **out,
                                          const char *path, lth_conf_errors *errors);

/** Parts, for the command line and tests. Datasets come with the code lists of "codelists" beside
 * @p dir, when it exists. */
LTH_MUST_USE lth_err lth_conf_load_datasets(lth_conf **owner, const lth_schema **out,
                                            const char *dir, lth_conf_errors *errors);
/** What a schema is built from. */
typedef enum lth_schema_part {
    LTH_PART_DATASET, /**< datasets/NAME.yaml */
    LTH_PART_LISTS,   /**< codelists/lists.yaml */
    LTH_PART_CODES    /**< codelists/LIST.csv */
} lth_schema_part;
typedef struct lth_schema_source {
    lth_schema_part kind;
    const char *name; /**< For messages; of codes: "LIST.csv", with any directory before it. */
    lth_slice text;   /**< Need not outlive the call. */
} lth_schema_source;
/** One schema from texts, in any order. LTH_OK; LTH_E_CONFIG with @p errors filled; LTH_E_NOMEM. */
LTH_MUST_USE lth_err lth_conf_build_schema(lth_conf **owner, const lth_schema **out,
                                           const lth_schema_source *parts, size_t n,
                                           lth_conf_errors *errors);
/** What publishing DIR (datasets/, codelists/) would make known, judged as a whole, and the schema
 * it gives. Free @p set with lth_public_set_fini() whatever is returned. */
LTH_MUST_USE lth_err lth_conf_publication(lth_conf **owner, const lth_schema **out,
                                          lth_public_set *set, const char *dir,
                                          lth_conf_errors *errors);
/** A schema of what is published alone. */
LTH_MUST_USE lth_err lth_conf_build_published(lth_conf **owner, const lth_schema **out,
                                              const lth_public_set *set, lth_conf_errors *errors);
LTH_MUST_USE lth_err lth_conf_load_orgs(lth_conf **owner, const lth_registry **out,
                                        const char *path, lth_conf_errors *errors);

/** Documentation of every key, as Markdown, from the same tables (docs/config.md). */
LTH_MUST_USE lth_err lth_conf_docs(lth_buf *out);
/** Print errors one a line to @p write. */
void lth_conf_errors_each(const lth_conf_errors *errors, bool english,
                          void (*write)(void *ctx, const char *line), void *ctx);
