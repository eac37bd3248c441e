/* What a cloned or cheating agent with the school's key could send. */
#include "sim.h"

/* Another header for a position that was used before. */
static void second_header(lth_batch_header *h)
{
    h->source_time_ms += 1;
}

/* The next epoch, without asking. */
static void next_epoch(lth_batch_header *h)
{
    h->epoch += 1;
    h->batch_seq = 1;
    memset(h->prev, 0, sizeof h->prev);
}

/* An epoch that nobody ever granted, later than all. */
static void far_epoch(lth_batch_header *h)
{
    h->epoch += 7;
    h->batch_seq = 1;
    h->first_rec_seq = 1;
    memset(h->prev, 0, sizeof h->prev);
}

static void send(sim *s, sim_node *node, const sim_school *school, lth_frame *frame,
                 const lth_batch_header *header)
{
    uint8_t bytes[LTH_BATCH_SIGNED_SIZE];
    lth_signer signer = test_signer(school->key);
    lth_buf buf;
    lth_batch_header_encode(bytes, header);
    if (signer.sign(signer.ctx, lth_slice_of(bytes, LTH_BATCH_HEADER_SIZE),
                    bytes + LTH_BATCH_HEADER_SIZE) != LTH_OK) {
        return;
    }
    frame->batch.signed_header = lth_slice_of(bytes, sizeof bytes);
    lth_buf_init(&buf, LTH_FRAME_MAX);
    if (lth_frame_encode(&buf, frame) == LTH_OK) {
        sim_client_send(s, node, lth_buf_slice(&buf), true);
    }
    lth_buf_fini(&buf);
}

void sim_forge(sim *s, sim_node *node, lth_slice bytes)
{
    lth_frame frame;
    lth_batch_header h;
    if (lth_frame_decode(&frame, bytes, NULL) != LTH_OK || frame.kind != LTH_FRAME_BATCH ||
        lth_batch_header_decode(&h, frame.batch.signed_header.p) != LTH_REFUSE_none) {
        return;
    }
    sim_school *school = sim_school_of(s, &h.origin);
    if (school == NULL) {
        return;
    }
    if (s->faults.fork && sim_below(&s->rng, 2) == 0) {
        second_header(&h);
        school->cloned = true;
        sim_say(s, "school %u: a second header for epoch %u seq %llu", school->index, h.epoch,
                (unsigned long long)h.batch_seq);
    } else if (s->faults.ungranted) {
        bool far = sim_below(&s->rng, 2) == 0;
        school->cloned = school->cloned || !far; /* that epoch may come to be granted */
        (far ? far_epoch : next_epoch)(&h);
    } else {
        return;
    }
    send(s, node, school, &frame, &h);
}
