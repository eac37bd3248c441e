#include "agents/shell/dictionary.h"

#define PEEK_MAP ((uint64_t)1 << 28)

static lth_err read_store(lth_public_set *out, lth_store *store, lth_diag *diag)
{
    lth_hasher hasher;
    lth_txn *txn = NULL;
    lth_err err = lth_crypto_hasher_new(&hasher, diag);
    if (err)
        return err;
    err = lth_store_begin(store, false, &txn);
    if (!err) {
        err = lth_agent_public_read(out, &hasher, txn);
        lth_store_abort(&txn);
    }
    lth_crypto_hasher_free(&hasher);
    return err ? lth_fail(diag, err, "store: %s", lth_err_text(err)) : LTH_OK;
}

lth_err lth_dictionary_peek(lth_public_set *out, const char *path, lth_conf_errors *errors,
                            lth_diag *diag)
{
    char dir[4200];
    lth_store *store = NULL;
    const lth_store_options options = {
        .tables = lth_agent_table_names, .n_tables = LTH_A_COUNT, .map_size = PEEK_MAP};
    *out = (lth_public_set){.version = 0};
    lth_err err = lth_conf_path_of(dir, sizeof dir, path, "agent.yaml", "node", "store", errors);
    if (err)
        return lth_fail(diag, err, "%s: %s", path, lth_err_text(err));
    if (dir[0] == '\0')
        return LTH_OK;
    err = lth_store_open_lmdb(&store, dir, &options, diag);
    if (err)
        return err == LTH_E_NOT_FOUND ? LTH_OK : err;
    err = read_store(out, store, diag);
    lth_store_close(&store);
    return err;
}

lth_err lth_dictionary_read(lth_public_set *out, lth_engine *engine, lth_diag *diag)
{
    *out = (lth_public_set){.version = 0};
    return engine->store != NULL ? read_store(out, engine->store, diag) : LTH_OK;
}

bool lth_dictionary_due(const lth_engine *engine)
{
    lth_agent_public_info info;
    lth_agent_public_of(engine->core, &info);
    return info.whole && info.at.seq != 0 && info.at.seq != engine->node.conf->schema.dict_ver &&
           info.at.seq != engine->dictionary_tried;
}

static void first_line(void *ctx, const char *line)
{
    char *out = ctx;
    if (out[0] == '\0')
        lth_format(out, LTH_DIAG_TEXT_SIZE, "%s", line);
}

void lth_dictionary_tried(lth_engine *engine, lth_err err, const lth_conf_errors *errors,
                          const lth_diag *diag)
{
    lth_agent_public_info info;
    lth_agent_public_of(engine->core, &info);
    engine->dictionary_tried = info.at.seq;
    engine->dictionary_fault[0] = '\0';
    if (err)
        lth_conf_errors_each(errors, false, first_line, engine->dictionary_fault);
    if (err && engine->dictionary_fault[0] == '\0')
        lth_format(engine->dictionary_fault, sizeof engine->dictionary_fault, "%s", diag->text);
}

json_t *lth_dictionary_row(const lth_engine *engine)
{
    lth_agent_public_info info;
    lth_agent_public_of(engine->core, &info);
    json_t *row = json_pack(
        "{s:s,s:s,s:o,s:b,s:I,s:I,s:I,s:b,s:s,s:I}", "kind", "dictionary", "org",
        engine->node.conf->node.org, "author", lth_engine_json_org(engine, &info.author),
        "author_here", false, "applied", (json_int_t)engine->node.conf->schema.dict_ver, "held",
        (json_int_t)info.at.seq, "above", (json_int_t)info.above.seq, "whole", info.whole, "state",
        info.frozen ? "frozen" : "ok", "taken_ms", (json_int_t)info.taken_ms);
    if (row != NULL && engine->dictionary_fault[0] != '\0') {
        json_object_set_new(row, "failed", json_integer((json_int_t)engine->dictionary_tried));
        json_object_set_new(row, "fault", json_string(engine->dictionary_fault));
    }
    return row;
}

void lth_verb_dictionary_status(void *ctx, lth_control_call *call, const json_t *request)
{
    (void)request;
    lth_control_row(call, lth_dictionary_row(ctx));
    lth_control_end(call, 0, json_object());
}
