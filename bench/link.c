#include "bench/link.h"

#include <poll.h>
#include <stdlib.h>

#include "lth/crypto.h"

#define STALL_MS 60000

static void on_receipt(bench_link *link, const lth_frame_receipt *frame)
{
    lth_receipt receipt;
    if (!lth_receipt_decode(&receipt, frame->bytes))
        bench_die("a receipt cannot be read");
    uint32_t at = bench_load_find(link->load, &receipt.origin);
    if (at == link->load->n_schools)
        bench_die("a receipt for a school that is not ours");
    memcpy(link->receipts[at], frame->bytes.p, LTH_RECEIPT_BYTES);
    if (receipt.at.seq == link->wanted[at].seq)
        link->n_receipts++;
}

static void on_certs(bench_link *link, const lth_frame_certs *certs)
{
    lth_trust *trust = &link->load->trust;
    for (uint32_t i = 0; i < certs->n; i++)
        if (trust->learn(trust->ctx, certs->pairs[i].leaf, certs->pairs[i].ca, NULL) !=
            LTH_REFUSE_none)
            bench_die("the broker's certificate is not believed");
}

static void on_frame(bench_link *link, const lth_frame *frame)
{
    switch (frame->kind) {
    case LTH_FRAME_LINK_RESUME:
        link->credit = frame->link_resume.credit;
        link->resumed = true;
        break;
    case LTH_FRAME_CERTS:
        on_certs(link, &frame->certs);
        break;
    case LTH_FRAME_RESUME:
        link->heads++;
        break;
    case LTH_FRAME_EPOCH_GRANT:
        link->grants++;
        break;
    case LTH_FRAME_CREDIT:
        link->credit = frame->credit.total;
        break;
    case LTH_FRAME_RECEIPT:
        on_receipt(link, &frame->receipt);
        break;
    case LTH_FRAME_HEARTBEAT:
        break;
    case LTH_FRAME_REJECT:
        bench_die("refused: %s %.*s", lth_refusal_name(frame->reject.code),
                  (int)frame->reject.detail.n, (const char *)frame->reject.detail.p);
    default:
        bench_die("unexpected frame %s", lth_frame_name(frame->kind));
    }
}

/* Everything that has arrived. */
static void receive(bench_link *link)
{
    lth_net_message message;
    lth_frame frame;
    while (lth_net_client_recv(link->client, &message) == LTH_OK) {
        bench_must(lth_frame_decode(&frame, message.bytes, NULL), NULL, "frame from the broker");
        on_frame(link, &frame);
        lth_net_message_fini(&message);
    }
}

static void wait_for_more(bench_link *link)
{
    int fds[2];
    lth_net_client_fds(link->client, fds);
    struct pollfd wait[2] = {{.fd = fds[0], .events = POLLIN}, {.fd = fds[1], .events = POLLIN}};
    if (poll(wait, 2, STALL_MS) == 0)
        bench_die("nothing from the broker for a minute");
    if (lth_net_client_state(link->client) == LTH_NET_REFUSED)
        bench_die("the broker refused the connection");
    receive(link);
}

static void send_bytes(bench_link *link, lth_slice bytes)
{
    while (lth_net_client_send(link->client, bytes) != LTH_OK)
        wait_for_more(link);
}

static void send_frame(bench_link *link, const lth_frame *frame)
{
    lth_buf bytes;
    lth_buf_init(&bytes, LTH_FRAME_MAX);
    bench_must(lth_frame_encode(&bytes, frame), NULL, "frame");
    send_bytes(link, lth_buf_slice(&bytes));
    lth_buf_fini(&bytes);
    receive(link);
}

static void greet(bench_link *link)
{
    const bench_country *country = link->load->country;
    lth_frame hello = {.kind = LTH_FRAME_LINK_HELLO,
                       .link_hello = {.version = LTH_PROTOCOL_VERSION,
                                      .node_org = country->province,
                                      .incarnation = 1,
                                      .role = LTH_ROLE_HOST,
                                      .clock_ms = bench_wall_ms()}};
    while (lth_net_client_state(link->client) != LTH_NET_UP)
        wait_for_more(link);
    send_frame(link, &hello);
    while (!link->resumed)
        wait_for_more(link);
}

static void send_certs(bench_link *link)
{
    const bench_load *load = link->load;
    for (uint32_t i = 0; i < load->n_schools;) {
        lth_frame frame = {.kind = LTH_FRAME_CERTS};
        for (; i < load->n_schools && frame.certs.n < LTH_CERTS_MAX; i++) {
            frame.certs.pairs[frame.certs.n].leaf = load->schools[i].leaf_der;
            frame.certs.pairs[frame.certs.n++].ca = load->schools[i].ca_der;
        }
        send_frame(link, &frame);
    }
}

static void take_epochs(bench_link *link)
{
    const bench_load *load = link->load;
    for (uint32_t i = 0; i < load->n_schools; i++) {
        lth_frame hello = {.kind = LTH_FRAME_HELLO,
                           .hello = {.origin = load->schools[i].org, .session = 1}};
        lth_frame request = {.kind = LTH_FRAME_EPOCH_REQUEST,
                             .epoch_request = {.origin = load->schools[i].org}};
        send_frame(link, &hello);
        send_frame(link, &request);
    }
    while (link->heads < load->n_schools || link->grants < load->n_schools)
        wait_for_more(link);
}

void bench_link_open(bench_link *out, bench_load *load)
{
    const bench_country *country = load->country;
    char path[BENCH_PATH];
    uint8_t secret[32];
    lth_key_info broker;
    lth_diag diag = {0};
    *out = (bench_link){.load = load};
    out->receipts = bench_alloc(load->n_schools, sizeof *out->receipts);
    out->wanted = bench_alloc(load->n_schools, sizeof *out->wanted);
    bench_path(path, "%s/identity/sign.crt", country->broker);
    bench_must(lth_crypto_trust_learn_file(&load->trust, path, &broker, &diag), &diag, path);
    bench_path(path, "%s/identity/curve.key", country->host);
    bench_must(lth_crypto_secret_open(secret, path, &diag), &diag, path);
    bench_must(lth_net_open(&out->net, 1, &diag), &diag, "net");
    lth_net_client_options options = {.endpoint = country->endpoint,
                                      .server_key = broker.curve_key,
                                      .secret_key = secret,
                                      .seed = 1,
                                      .reconnect_ms_min = 50,
                                      .reconnect_ms_max = 50};
    bench_must(lth_net_client_open(&out->client, out->net, &options, &diag), &diag, "connect");
    greet(out);
    send_certs(out);
    take_epochs(out);
}

void bench_link_close(bench_link *link)
{
    lth_net_client_close(&link->client);
    lth_net_close(&link->net);
    free(link->receipts);
    free(link->wanted);
}

static void check_receipts(const bench_link *link)
{
    const bench_load *load = link->load;
    for (uint32_t i = 0; i < load->n_schools; i++) {
        lth_receipt receipt;
        lth_slice bytes = lth_slice_of(link->receipts[i], LTH_RECEIPT_BYTES);
        if (!lth_receipt_decode(&receipt, bytes) ||
            lth_statement_verify(bytes, receipt.key_id, &load->trust) != LTH_REFUSE_none)
            bench_die("a receipt is not signed by the broker");
        if (receipt.at.epoch != link->wanted[i].epoch || receipt.at.seq != link->wanted[i].seq ||
            memcmp(receipt.at.hash, link->wanted[i].hash, LTH_HASH_SIZE) != 0 ||
            receipt.held_count != 0 || !lth_id_equal(&receipt.tier_org, &load->country->ministry))
            bench_die("a receipt names another batch");
    }
}

bench_sent bench_link_round(bench_link *link, const bench_round *round)
{
    bench_sent out = {0};
    link->n_receipts = 0;
    for (uint32_t i = 0; i < round->n; i++)
        link->wanted[round->batches[i].school] = round->batches[i].at;
    uint64_t start = bench_ns();
    for (uint32_t i = 0; i < round->n; i++) {
        const bench_batch *batch = &round->batches[i];
        while (link->used + batch->bytes > link->credit)
            wait_for_more(link);
        send_bytes(link, lth_buf_slice(&batch->frame));
        link->used += batch->bytes;
        out.bytes += batch->bytes;
    }
    while (link->n_receipts < round->n)
        wait_for_more(link);
    out.seconds = (double)(bench_ns() - start) / 1e9;
    check_receipts(link);
    return out;
}
