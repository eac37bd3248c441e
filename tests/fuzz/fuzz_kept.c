/* .kept/.order may hold anything after a crash or a hand's work: what is read is written back as it
 * was, and adding to it stays within its bounds. */
#include <stdlib.h>
#include <string.h>

#include "agents/shell/kept.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool good)
{
    if (!good)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lth_kept_list list, again;
    lth_buf text;
    bool changed;
    if (lth_kept_parse(&list, lth_slice_of(data, size)) != LTH_OK)
        return 0;
    require(list.n <= LTH_KEPT_MAX);
    lth_buf_init(&text, LTH_KEPT_TEXT_MAX);
    require(lth_kept_write(&text, &list) == LTH_OK);
    require(lth_kept_parse(&again, lth_buf_slice(&text)) == LTH_OK && again.n == list.n);
    require(list.n == 0 || memcmp(again.files, list.files, list.n * sizeof *list.files) == 0);
    for (uint32_t i = 0, n = again.n; i < n; i++) {
        lth_kept file = list.files[n - 1 - i];
        require(lth_kept_add(&again, &file, i % 2 == 0, &changed) == LTH_OK);
        require(again.n <= LTH_KEPT_MAX && (i % 2 == 0 || again.n > 0));
    }
    lth_kept_fini(&list);
    lth_kept_fini(&again);
    lth_buf_fini(&text);
    return 0;
}
