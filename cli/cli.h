/**
 * @file cli/cli.h
 * What the verbs of `lienthong` share. One file per verb; each returns the exit status of
 * docs/commands: 0 yes or done, 1 answered no, 2 wrong usage or configuration, 3 node not
 * reachable, 4 refused.
 */
#pragma once

#include <jansson.h>
#include <stdio.h>

#include "lth/conf.h"
#include "lth/control.h"

typedef struct lth_cli {
    const char *node; /**< --node or LIENTHONG_NODE; NULL when neither. */
    bool english, json;
    int argc; /**< What stands behind the verb. */
    char **argv;
    const char *const
        *options; /**< Options given to the verb, as name, value, name, value, NULL. */
} lth_cli;

typedef struct lth_cli_verb {
    const char *name; /**< One or two words: "conf check". */
    const char *args; /**< For usage. */
    const char *vi, *en;
    const char *const
        *options; /**< Known options, "--x" (flag) or "--x=" (with a value), NULL-terminated. */
    int (*run)(const lth_cli *cli);
} lth_cli_verb;

/** Value of an option ("" for a given flag), NULL when not given. @p nth from 0 for repeated ones.
 */
const char *lth_cli_option(const lth_cli *cli, const char *name, int nth);
/** Text in the person's language. */
const char *lth_cli_say(const lth_cli *cli, const char *vi, const char *en)
    __attribute__((format_arg(2), format_arg(3)));
/** "lienthong: ..." on stderr; returns @p status. */
int lth_cli_fail(const lth_cli *cli, int status, const char *vi, const char *en,
                 const char *detail);
/** Prints the usage of the verb under way; returns 2. */
int lth_cli_usage(const lth_cli *cli);
/** Print the errors of a configuration; returns 2. */
int lth_cli_conf_errors(const lth_cli *cli, lth_conf_errors *errors);

/** Run on the datasets of @p dir, of the node, or installed ones, with the code lists beside them.
 * @p run also gets their directory. */
int lth_cli_with_schema(const lth_cli *cli, const char *dir,
                        int (*run)(const lth_cli *cli, const lth_schema *schema, const char *dir));

/** Is this the directory (or YAML file) of an agent? Otherwise it is taken as a broker's. */
bool lth_cli_is_agent(const char *dir);
/** Path of the node's control socket: --node may be the socket, a node's directory or its YAML
 * file. 0, or an exit status after having said why. */
int lth_cli_socket(const lth_cli *cli, char *out, size_t size);
/** Ask the node; @p row gets every row. On an error answer prints it. Returns the exit status; *end
 * (optional) the end object. */
int lth_cli_ask(const lth_cli *cli, json_t *request, void (*row)(void *ctx, const json_t *row),
                void *ctx, json_t **end);
/** Ask and collect rows in an array. */
int lth_cli_collect(const lth_cli *cli, json_t *request, json_t **rows);
/** One JSON document on standard output; @p doc is stolen. */
void lth_cli_print_json(json_t *doc);
/** String member, or "" (never NULL). */
const char *lth_cli_str(const json_t *object, const char *key);
json_int_t lth_cli_int(const json_t *object, const char *key);

/** Who decides: --by, or the person behind sudo, or the login name. */
const char *lth_cli_by(const lth_cli *cli);
/** The rule that a row names, on a line of its own, without its end. */
void lth_cli_print_rule(const lth_cli *cli, const json_t *row);
/** State of an upload, for people. */
const char *lth_cli_upload_state(const lth_cli *cli, const char *state);
/** Text, then blanks up to @p width characters: a Vietnamese letter is several bytes. */
void lth_cli_pad(const char *text, int width);
/** Print an array of fields (name, title, value), one a line, in two columns. */
void lth_cli_print_fields(const lth_cli *cli, const json_t *fields);

/** Whole file with a limit; NULL with a message said. */
uint8_t *lth_cli_read_file(const lth_cli *cli, const char *path, size_t max, size_t *size);
/** Write a new file: temporary name, sync, rename; refuses an existing one unless @p replace. 0 or
 * exit status. */
int lth_cli_write_file(const lth_cli *cli, const char *path, const void *p, size_t n, bool replace);

int lth_cli_init_root(const lth_cli *cli);
int lth_cli_init_ca(const lth_cli *cli);
int lth_cli_init_broker(const lth_cli *cli);
int lth_cli_init_agent(const lth_cli *cli);
int lth_cli_init_host(const lth_cli *cli);
int lth_cli_conf_check(const lth_cli *cli);
int lth_cli_conf_docs(const lth_cli *cli);
int lth_cli_dataset_proto(const lth_cli *cli);
int lth_cli_dataset_compare(const lth_cli *cli);
int lth_cli_dictionary(const lth_cli *cli);
int lth_cli_dictionary_publish(const lth_cli *cli);
int lth_cli_dictionary_status(const lth_cli *cli);
/** The row "dictionary" of `status`, one line. */
void lth_cli_print_dictionary(const lth_cli *cli, const json_t *row);
int lth_cli_dataset_list(const lth_cli *cli);
int lth_cli_status(const lth_cli *cli);
int lth_cli_counts(const lth_cli *cli);
int lth_cli_source_check(const lth_cli *cli);
int lth_cli_scan(const lth_cli *cli);
int lth_cli_source_confirm(const lth_cli *cli);
int lth_cli_source_withdraw(const lth_cli *cli);
int lth_cli_source_resync(const lth_cli *cli);
int lth_cli_upload_list(const lth_cli *cli);
int lth_cli_upload_show(const lth_cli *cli);
int lth_cli_upload_receipt(const lth_cli *cli);
int lth_cli_upload_answers(const lth_cli *cli);
int lth_cli_upload_confirm(const lth_cli *cli);
int lth_cli_upload_withdraw(const lth_cli *cli);
int lth_cli_upload_answer(const lth_cli *cli);
int lth_cli_upload_accept(const lth_cli *cli);
int lth_cli_held_list(const lth_cli *cli);
int lth_cli_held_show(const lth_cli *cli);
int lth_cli_held_retry(const lth_cli *cli);
int lth_cli_held_reject(const lth_cli *cli);
int lth_cli_warning_list(const lth_cli *cli);
int lth_cli_warning_accept(const lth_cli *cli);
int lth_cli_record_list(const lth_cli *cli);
int lth_cli_record_show(const lth_cli *cli);
int lth_cli_verify(const lth_cli *cli);
int lth_cli_errors(const lth_cli *cli);
