/* How people tell one row from another: by what its record is found by. */
#include "internal.h"

static lth_err add(lth_buf *out, const lth_field *field, const lth_value *value)
{
    lth_err err = out->n > 0 ? lth_buf_add(out, ", ", 2) : LTH_OK;
    if (err != LTH_OK) {
        return err;
    }
    return field->type == LTH_TYPE_DATE ? lth_schema__add_date(out, value->number)
                                        : lth_value_text(out, field, value);
}

lth_err lth_map_who(lth_buf *out, const lth_mapping *mapping, const lth_value *values)
{
    uint64_t said[(LTH_FIELDS_MAX + 63) / 64] = {0};
    lth_buf_clear(out);
    for (uint32_t k = mapping->n_match; k-- > 0;) {
        for (uint32_t t = 0; t < mapping->match[k].n_terms; t++) {
            int32_t at = mapping->match[k].terms[t].field;
            if (at < 0) {
                continue;
            }
            const lth_field *field = mapping->fields[at].field;
            size_t index = (size_t)(field - mapping->dataset->fields);
            uint64_t bit = UINT64_C(1) << (index % 64);
            if ((said[index / 64] & bit) != 0 || values[index].kind == LTH_VALUE_NULL) {
                continue;
            }
            said[index / 64] |= bit;
            lth_err err = add(out, field, &values[index]);
            if (err != LTH_OK) {
                return err;
            }
        }
    }
    return LTH_OK;
}
