/* verify FILE: a proof checked offline, naming the first step that fails. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "lth/crypto.h"

#define PROOF_MAX (1024u * 1024u)

static const struct {
    lth_proof_step step;
    const char *vi, *en;
} reasons[] = {
    {LTH_PROOF_CHECKSUM, "tệp đã bị thay đổi hoặc bị cắt", "the file was changed or cut"},
    {LTH_PROOF_FORMAT, "tệp không đúng dạng bằng chứng", "the file is not of a proof's form"},
    {LTH_PROOF_CERTIFICATE, "chứng thư không dẫn về gốc tin cậy này",
     "the certificates do not lead to this root"},
    {LTH_PROOF_HEADER, "phần đầu gói sai", "the batch header is wrong"},
    {LTH_PROOF_SIGNATURE, "chữ ký không đúng", "the signature does not verify"},
    {LTH_PROOF_ORIGIN, "khoá ký không thuộc đơn vị gửi", "the key is not the origin's"},
    {LTH_PROOF_RECORD, "bản ghi sai định dạng", "the record is malformed"},
    {LTH_PROOF_PATH, "bản ghi không thuộc gói đã ký", "the record is not part of the signed batch"},
};

static const char *reason(const lth_cli *cli, lth_proof_step step)
{
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (reasons[i].step == step)
            return lth_cli_say(cli, reasons[i].vi, reasons[i].en);
    return "";
}

static json_t *groups_json(const lth_record_view *record)
{
    json_t *groups = json_array();
    for (uint32_t i = 0; i < record->n_groups; i++)
        json_array_append_new(groups,
                              json_pack("{s:i,s:b,s:I}", "number", (int)record->groups[i].number,
                                        "shown", record->groups[i].shown, "bytes",
                                        (json_int_t)record->groups[i].value.n));
    return groups;
}

static void hex_member(json_t *object, const char *name, const void *p, size_t n)
{
    char text[65];
    lth_hex(text, p, n);
    json_object_set_new(object, name, json_string(text));
}

/* Who keeps the key: the school itself, or a carrier in its place. */
static void say_keeper(const lth_cli *cli, json_t *doc)
{
    if (strcmp(lth_cli_str(doc, "signed_by"), lth_role_name(LTH_ROLE_HOST)) == 0)
        printf(lth_cli_say(cli, "  ký thay trường, khoá do đơn vị %s cấp và giữ hộ\n",
                           "  signed on the school's behalf, key issued and kept under "
                           "organisation %s\n"),
               lth_cli_str(doc, "issuer"));
    else
        printf("  %s\n", lth_cli_say(cli, "ký tại trường", "signed at the school"));
}

static int answer(const lth_cli *cli, lth_proof_step step, const lth_trust *trust,
                  const lth_batch_header *header, const lth_record_view *record)
{
    lth_key_info key = {0};
    bool good = step == LTH_PROOF_OK;
    json_t *doc = json_pack("{s:b,s:s}", "verified", good, "step", lth_proof_step_name(step));
    if (good) {
        hex_member(doc, "origin", header->origin.b, 16);
        hex_member(doc, "record_id", record->header.record_id.b, 16);
        hex_member(doc, "key_id", header->key_id, 32);
        if (trust->find(trust->ctx, header->key_id, &key) == LTH_REFUSE_none) {
            json_object_set_new(doc, "signed_by", json_string(lth_role_name(key.role)));
            hex_member(doc, "issuer", key.issuer_org.b, 16);
        }
        json_object_set_new(doc, "epoch", json_integer(header->epoch));
        json_object_set_new(doc, "batch_seq", json_integer((json_int_t)header->batch_seq));
        json_object_set_new(doc, "rec_seq", json_integer((json_int_t)record->header.rec_seq));
        json_object_set_new(doc, "dataset_number", json_integer(record->header.dataset));
        json_object_set_new(doc, "groups", groups_json(record));
    } else {
        json_object_set_new(doc, "reason", json_string(reason(cli, step)));
    }
    if (cli->json) {
        lth_cli_print_json(doc);
        return good ? 0 : 1;
    }
    if (good) {
        printf(lth_cli_say(cli, "đúng: bản ghi %s do đơn vị %s ký, kỳ %lld, gói %lld\n",
                           "good: record %s signed by organisation %s, epoch %lld, batch %lld\n"),
               lth_cli_str(doc, "record_id"), lth_cli_str(doc, "origin"),
               (long long)lth_cli_int(doc, "epoch"), (long long)lth_cli_int(doc, "batch_seq"));
        say_keeper(cli, doc);
        for (uint32_t i = 0; i < record->n_groups; i++)
            printf(
                "  %s %u: %s\n", lth_cli_say(cli, "nhóm", "group"), record->groups[i].number,
                record->groups[i].shown
                    ? lth_cli_say(cli, "có giá trị, khớp chữ ký", "shown, matches the signature")
                    : lth_cli_say(cli, "không gửi, chỉ có cam kết", "withheld, commitment only"));
    } else {
        printf("%s: %s (%s)\n", lth_cli_say(cli, "SAI", "BAD"), reason(cli, step),
               lth_proof_step_name(step));
    }
    json_decref(doc);
    return good ? 0 : 1;
}

int lth_cli_verify(const lth_cli *cli)
{
    if (cli->argc != 1)
        return lth_cli_usage(cli);
    const char *root = lth_cli_option(cli, "--root", 0);
    if (root == NULL)
        root = getenv("LIENTHONG_ROOT");
    if (root == NULL && access("/etc/lienthong/root.crt", R_OK) == 0)
        root = "/etc/lienthong/root.crt";
    if (root == NULL)
        return lth_cli_fail(cli, 2, "cần chứng thư gốc: --root root.crt",
                            "a root certificate is needed: --root root.crt", "");
    lth_trust trust = {0};
    lth_hasher hasher = {0};
    lth_diag diag = {0};
    if (lth_crypto_trust_open(&trust, root, &diag) != LTH_OK ||
        lth_crypto_hasher_new(&hasher, &diag) != LTH_OK)
        return lth_cli_fail(cli, 2, "chứng thư gốc", "root certificate", diag.text);
    size_t size;
    uint8_t *bytes = lth_cli_read_file(cli, cli->argv[0], PROOF_MAX, &size);
    lth_record_view *record = malloc(sizeof(*record));
    int status = 2;
    if (bytes != NULL && record != NULL) {
        lth_proof proof;
        lth_batch_header header;
        lth_proof_step step =
            lth_proof_check(&hasher, &trust, lth_slice_of(bytes, size), &proof, &header, record);
        status = answer(cli, step, &trust, &header, record);
    }
    free(record);
    free(bytes);
    lth_crypto_hasher_free(&hasher);
    lth_crypto_trust_close(&trust);
    return status;
}
