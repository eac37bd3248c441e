/* One file a school: the key made of its passphrase, its tokens. */
#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agents/intake/state.h"
#include "lth/schema.h"

#define ONCE_RANDOM 28u
#define ONCE_CHECK  4u

static const char once_symbols[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static pthread_mutex_t writing = PTHREAD_MUTEX_INITIALIZER;

static void path_of(char out[LTH_PATH_SIZE], const lth_accounts *self, const char *code)
{
    (void)lth_format(out, LTH_PATH_SIZE, "%s/accounts/%s.json", self->state, code);
}

static bool take(char *out, size_t size, const json_t *from, const char *key)
{
    const char *text = json_string_value(json_object_get(from, key));
    if (text == NULL || strlen(text) >= size)
        return false;
    memcpy(out, text, strlen(text) + 1);
    return true;
}

static bool decode(lth_account *out, const json_t *json)
{
    *out = (lth_account){.n_tokens = 0};
    const json_t *tokens = json_object_get(json, "tokens");
    bool good = take(out->generation, sizeof out->generation, json, "generation") &&
                take(out->salt, sizeof out->salt, json, "salt") &&
                take(out->key, sizeof out->key, json, "key") &&
                take(out->once, sizeof out->once, json, "once") &&
                take(out->made, sizeof out->made, json, "made") &&
                json_array_size(tokens) <= LTH_TOKENS_MAX;
    for (size_t i = 0; good && i < json_array_size(tokens); i++) {
        const json_t *from = json_array_get(tokens, i);
        lth_token *token = &out->tokens[out->n_tokens++];
        good = take(token->id, sizeof token->id, from, "id") &&
               take(token->hash, sizeof token->hash, from, "hash") &&
               take(token->made, sizeof token->made, from, "made") &&
               take(token->name, sizeof token->name, from, "name");
    }
    return good && strlen(out->salt) == 32 && strlen(out->key) == 64;
}

lth_err lth_account_load(lth_account *out, const lth_accounts *self, const char *code)
{
    char path[LTH_PATH_SIZE];
    lth_buf text;
    lth_buf_init(&text, LTH_ACCOUNT_MAX);
    path_of(path, self, code);
    lth_err err = lth_file_read(&text, path);
    if (err == LTH_OK) {
        json_t *json = json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
        err = decode(out, json) ? LTH_OK : LTH_E_FORMAT;
        json_decref(json);
    }
    lth_buf_fini(&text);
    return err;
}

static lth_err save(const lth_account *account, const lth_accounts *self, const char *code,
                    lth_diag *diag)
{
    char path[LTH_PATH_SIZE];
    json_t *tokens = json_array();
    for (uint32_t i = 0; i < account->n_tokens; i++) {
        const lth_token *t = &account->tokens[i];
        json_array_append_new(tokens, json_pack("{s:s,s:s,s:s,s:s}", "id", t->id, "hash", t->hash,
                                                "made", t->made, "name", t->name));
    }
    json_t *json = json_pack("{s:i,s:s,s:s,s:s,s:s,s:s,s:o}", "version", 1, "generation",
                             account->generation, "salt", account->salt, "key", account->key,
                             "once", account->once, "made", account->made, "tokens", tokens);
    char *text = json_dumps(json, JSON_INDENT(1));
    path_of(path, self, code);
    lth_err err = text != NULL ? lth_file_write(path, 0600, lth_slice_of(text, strlen(text)), diag)
                               : lth_fail(diag, LTH_E_NOMEM, "out of memory");
    free(text);
    json_decref(json);
    return err;
}

/* The same passphrase from every keyboard: composed (NFC), as all text of this project is. */
static lth_slice composed(const char *passphrase, lth_arena *arena)
{
    static const lth_field field = {.type = LTH_TYPE_TEXT, .max = 200};
    lth_slice raw = lth_slice_of(passphrase, strlen(passphrase));
    lth_value value;
    if (lth_value_parse(&value, &field, raw, NULL, arena) != LTH_REFUSE_none)
        return raw;
    return value.kind == LTH_VALUE_TEXT ? value.text : raw;
}

static lth_err derive(char out[LTH_KEY_TEXT], const char *passphrase, const char *salt_text,
                      lth_diag *diag)
{
    uint8_t salt[16], key[LTH_HASH_SIZE];
    lth_arena *arena = lth_arena_new(64 * 1024);
    if (arena == NULL || !lth_unhex(salt, sizeof salt, salt_text, strlen(salt_text))) {
        lth_arena_free(&arena);
        return lth_fail(diag, LTH_E_FORMAT, "account cannot be read");
    }
    lth_err err =
        lth_crypto_scrypt(key, composed(passphrase, arena), lth_slice_of(salt, sizeof salt), diag);
    if (err == LTH_OK)
        lth_hex(out, key, sizeof key);
    lth_crypto_cleanse(key, sizeof key);
    lth_arena_free(&arena);
    return err;
}

bool lth_account_sign_in(lth_account *out, const lth_accounts *self, const char *code,
                         const char *passphrase)
{
    static const char nobody[] = "00000000000000000000000000000000";
    char key[LTH_KEY_TEXT] = "";
    bool there = lth_account_load(out, self, code) == LTH_OK;
    bool good = derive(key, passphrase, there ? out->salt : nobody, NULL) == LTH_OK;
    good = there && good && lth_crypto_same(key, out->key, sizeof key);
    lth_crypto_cleanse(key, sizeof key);
    return good;
}

static lth_err set_passphrase(lth_account *account, const lth_accounts *self,
                              const char *passphrase, lth_diag *diag)
{
    lth_random_text(account->salt, 16);
    lth_random_text(account->generation, 16);
    lth_stamp(account->made, self->clock);
    return derive(account->key, passphrase, account->salt, diag);
}

/* Hash in hosted/CODE/once; "" when there is none. */
static void once_expected(char out[LTH_KEY_TEXT], const lth_accounts *self, const char *code)
{
    char path[LTH_PATH_SIZE];
    lth_buf text;
    lth_buf_init(&text, 256);
    (void)lth_format(path, sizeof path, "%s/%s/once", self->hosted, code);
    out[0] = '\0';
    if (lth_file_read(&text, path) == LTH_OK && text.n >= LTH_KEY_TEXT - 1) {
        memcpy(out, text.p, LTH_KEY_TEXT - 1);
        out[LTH_KEY_TEXT - 1] = '\0';
    }
    lth_buf_fini(&text);
}

lth_err lth_account_open(lth_account *out, const lth_accounts *self, const char *code,
                         const char *once, const char *passphrase, lth_diag *diag)
{
    char expected[LTH_KEY_TEXT], given[LTH_KEY_TEXT], clean[LTH_ONCE_SIZE];
    once_expected(expected, self, code);
    bool typed = lth_once_clean(clean, once);
    lth_sha256_text(given, clean, typed ? strlen(clean) : 0);
    (void)pthread_mutex_lock(&writing);
    lth_err err = lth_account_load(out, self, code);
    bool used = err == LTH_OK && strcmp(out->once, expected) == 0;
    bool right = typed && expected[0] != '\0' && lth_crypto_same(given, expected, sizeof given);
    if (!right || used || (err != LTH_OK && err != LTH_E_NOT_FOUND)) {
        err = lth_fail(diag, LTH_E_REFUSED, "one-time code");
    } else {
        *out = (lth_account){.n_tokens = 0};
        memcpy(out->once, expected, sizeof expected);
        err = set_passphrase(out, self, passphrase, diag);
        if (err == LTH_OK)
            err = save(out, self, code, diag);
    }
    (void)pthread_mutex_unlock(&writing);
    lth_crypto_cleanse(clean, sizeof clean);
    return err;
}

lth_err lth_account_change(lth_account *out, const lth_accounts *self, const char *code,
                           const char *passphrase, lth_diag *diag)
{
    (void)pthread_mutex_lock(&writing);
    lth_err err = lth_account_load(out, self, code);
    if (err == LTH_OK)
        err = set_passphrase(out, self, passphrase, diag);
    if (err == LTH_OK)
        err = save(out, self, code, diag);
    (void)pthread_mutex_unlock(&writing);
    return err;
}

lth_err lth_token_make(char out[LTH_KEY_TEXT], const lth_accounts *self, const char *code,
                       const char *name, lth_diag *diag)
{
    lth_account account;
    (void)pthread_mutex_lock(&writing);
    lth_err err = lth_account_load(&account, self, code);
    if (err == LTH_OK && account.n_tokens == LTH_TOKENS_MAX)
        err = lth_fail(diag, LTH_E_LIMIT, "%u tokens are there", LTH_TOKENS_MAX);
    if (err == LTH_OK) {
        lth_token *token = &account.tokens[account.n_tokens++];
        lth_random_text(out, 32);
        lth_random_text(token->id, 4);
        lth_sha256_text(token->hash, out, strlen(out));
        lth_stamp(token->made, self->clock);
        (void)lth_format(token->name, sizeof token->name, "%s", name);
        err = save(&account, self, code, diag);
    }
    (void)pthread_mutex_unlock(&writing);
    return err;
}

lth_err lth_token_revoke(const lth_accounts *self, const char *code, const char *id, lth_diag *diag)
{
    lth_account account;
    (void)pthread_mutex_lock(&writing);
    lth_err err = lth_account_load(&account, self, code);
    uint32_t at = 0;
    while (err == LTH_OK && at < account.n_tokens && strcmp(account.tokens[at].id, id) != 0)
        at++;
    if (err == LTH_OK && at == account.n_tokens)
        err = LTH_E_NOT_FOUND;
    if (err == LTH_OK) {
        account.n_tokens--;
        memmove(&account.tokens[at], &account.tokens[at + 1],
                (account.n_tokens - at) * sizeof account.tokens[0]);
        err = save(&account, self, code, diag);
    }
    (void)pthread_mutex_unlock(&writing);
    return err;
}

bool lth_token_right(const lth_accounts *self, const char *code, const char *token)
{
    lth_account account;
    char hash[LTH_KEY_TEXT];
    bool right = false;
    lth_sha256_text(hash, token, strlen(token));
    if (lth_account_load(&account, self, code) != LTH_OK)
        return false;
    for (uint32_t i = 0; i < account.n_tokens; i++)
        right |= lth_crypto_same(hash, account.tokens[i].hash, sizeof hash);
    return right;
}

/* Four symbols of the hash of the 28 before them: a slip of the pen is noticed (cli/host.c makes
 * the same). */
static void once_check(const char text[ONCE_RANDOM], char out[ONCE_CHECK])
{
    char hash[LTH_KEY_TEXT];
    uint8_t digest[LTH_HASH_SIZE];
    lth_sha256_text(hash, text, ONCE_RANDOM);
    LTH_ASSERT(lth_unhex(digest, sizeof digest, hash, sizeof hash - 1));
    for (size_t i = 0; i < ONCE_CHECK; i++)
        out[i] = once_symbols[digest[i] & 31];
}

bool lth_once_checked(const char once[LTH_ONCE_SIZE])
{
    char text[ONCE_RANDOM + ONCE_CHECK], check[ONCE_CHECK];
    size_t n = 0;
    for (; *once != '\0' && n < sizeof text; once++)
        if (*once != '-')
            text[n++] = *once;
    if (n < sizeof text)
        return false;
    once_check(text, check);
    return memcmp(check, text + ONCE_RANDOM, ONCE_CHECK) == 0;
}

static void once_make(char out[LTH_ONCE_SIZE])
{
    uint8_t bytes[ONCE_RANDOM];
    char text[ONCE_RANDOM + ONCE_CHECK + 1];
    lth_random random = lth_crypto_random();
    random.fill(random.ctx, bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        text[i] = once_symbols[bytes[i] & 31];
    once_check(text, text + ONCE_RANDOM);
    text[sizeof text - 1] = '\0';
    LTH_ASSERT(lth_once_clean(out, text));
    lth_crypto_cleanse(bytes, sizeof bytes);
    lth_crypto_cleanse(text, sizeof text);
}

lth_err lth_account_reset(char once[LTH_ONCE_SIZE], const lth_accounts *self, const char *code,
                          lth_diag *diag)
{
    char path[LTH_PATH_SIZE], hash[LTH_KEY_TEXT + 1];
    struct stat st;
    (void)lth_format(path, sizeof path, "%s/%s", self->hosted, code);
    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
        return lth_fail(diag, LTH_E_NOT_FOUND, "%s: không có trường này / no such school", path);
    once_make(once);
    lth_sha256_text(hash, once, strlen(once));
    (void)lth_format(hash + LTH_KEY_TEXT - 1, 2, "\n");
    (void)lth_format(path, sizeof path, "%s/%s/once", self->hosted, code);
    lth_err err = lth_file_write(path, 0400, lth_slice_of(hash, LTH_KEY_TEXT), diag);
    path_of(path, self, code);
    if (err == LTH_OK && unlink(path) != 0 && errno != ENOENT)
        err = lth_fail(diag, LTH_E_IO, "%s: cannot be removed: %s", path, strerror(errno));
    return err;
}
