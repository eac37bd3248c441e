/* Any bytes as a frame: what is let through is canonical, so encoding it gives the same bytes. */
#include <stdlib.h>

#include "lth/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    lth_frame frame;
    lth_diag diag = {0};
    lth_slice in = lth_slice_of(p, n);
    lth_frame_kind kind = lth_frame_peek(in);
    lth_err err = lth_frame_decode(&frame, in, &diag);
    if (err != LTH_OK) {
        LTH_ASSERT((err == LTH_E_FORMAT || err == LTH_E_LIMIT) && diag.err == err);
        return 0;
    }
    lth_buf again;
    lth_buf_init(&again, LTH_FRAME_MAX);
    LTH_ASSERT(frame.kind == kind);
    LTH_ASSERT(lth_frame_encode(&again, &frame) == LTH_OK);
    LTH_ASSERT(lth_slice_equal(lth_buf_slice(&again), in));
    lth_buf_fini(&again);
    return 0;
}
