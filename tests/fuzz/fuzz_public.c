/* Records of the public stream from arbitrary bytes: what is read is written back as it was. The
 * input is a record in wire form. */
#include <stdlib.h>

#include "lth/public.h"
#include "test_hasher.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool fine)
{
    if (!fine) {
        abort();
    }
}

static bool same_group(const lth_record_view *record, uint16_t number, const lth_buf *bytes)
{
    const lth_group_view *group = lth_record_group(record, number);
    return group != NULL && lth_slice_equal(group->value, lth_buf_slice(bytes));
}

/* A document may name another media type than ours: then only the key must come back. */
static void write_back(const lth_hasher *h, const lth_record_view *record)
{
    lth_public_definition definition;
    lth_public_code code;
    lth_buf natural, content;
    lth_buf_init(&natural, LTH_RECORD_MAX);
    lth_buf_init(&content, LTH_RECORD_MAX);
    if (lth_public_code_read(&code, record) && code.from != 0) {
        require(lth_public_code_encode(&natural, &content, &code) == LTH_OK);
        require(same_group(record, LTH_PUBLIC_NATURAL, &natural));
        require(same_group(record, LTH_PUBLIC_CONTENT, &content));
    } else if (lth_public_definition_read(&definition, h, record) && definition.text.n > 0) {
        require(lth_public_definition_encode(&natural, &content, h, &definition) == LTH_OK);
        require(same_group(record, LTH_PUBLIC_NATURAL, &natural));
    }
    lth_buf_fini(&natural);
    lth_buf_fini(&content);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lth_hasher h = test_hasher();
    lth_public_set set = {0};
    lth_record_view record;
    lth_slice in = lth_slice_of(data, size);
    lth_rd rd = lth_rd_of(in);
    lth_err err = lth_public_set_record(&set, &h, in);
    require(err == LTH_OK || err == LTH_E_FORMAT);
    require(lth_public_set_sort(&set) == LTH_OK);
    if (lth_record_parse(&record, &rd) == LTH_REFUSE_none) {
        write_back(&h, &record);
    }
    lth_public_set_fini(&set);
    return 0;
}
