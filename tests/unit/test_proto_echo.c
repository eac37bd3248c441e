/* Decode and encode again whatever comes in: u32 size and frame, over and over, to the same form.
 */
#include <stdio.h>
#include <stdlib.h>

#include "lth/frame.h"

static bool read_frame(lth_buf *in)
{
    uint8_t size[4];
    if (fread(size, 1, sizeof size, stdin) != sizeof size) {
        return false;
    }
    lth_buf_clear(in);
    uint8_t *p = lth_buf_more(in, lth_get32(size));
    return p != NULL && fread(p, 1, in->n, stdin) == in->n;
}

int main(void)
{
    lth_buf in;
    lth_buf out;
    lth_diag diag = {0};
    lth_frame frame;
    lth_buf_init(&in, LTH_FRAME_MAX);
    lth_buf_init(&out, LTH_FRAME_MAX);
    int status = 0;
    while (status == 0 && read_frame(&in)) {
        uint8_t size[4];
        if (lth_frame_decode(&frame, lth_buf_slice(&in), &diag) != LTH_OK ||
            lth_frame_encode(&out, &frame) != LTH_OK) {
            fprintf(stderr, "%s\n", diag.text);
            status = 1;
            break;
        }
        lth_put32(size, (uint32_t)out.n);
        bool written = fwrite(size, 1, sizeof size, stdout) == sizeof size &&
                       fwrite(out.p, 1, out.n, stdout) == out.n;
        status = written ? 0 : 1;
    }
    lth_buf_fini(&in);
    lth_buf_fini(&out);
    return status;
}
