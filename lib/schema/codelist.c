#include "internal.h"

bool lth_schema__in_force(const lth_code *code, uint32_t on)
{
    return code->from <= on && (code->to == 0 || on <= code->to);
}

/* First span whose code is not before the text. */
static uint32_t lower_bound(const lth_codelist *list, lth_slice code)
{
    uint32_t low = 0;
    uint32_t high = list->n_codes;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const char *text = list->codes[middle].code;
        if (lth_slice_compare(lth_slice_of(text, strlen(text)), code) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

lth_code_state lth_codelist_find(const lth_codelist *list, lth_slice code, uint32_t on,
                                 const lth_code **out)
{
    const lth_code *nearest = NULL;
    lth_code_state state = LTH_CODE_UNKNOWN;
    for (uint32_t i = lower_bound(list, code); i < list->n_codes; i++) {
        const lth_code *one = &list->codes[i];
        if (!lth_slice_equal(lth_slice_of(one->code, strlen(one->code)), code)) {
            break;
        }
        if (nearest == NULL || one->from <= on) {
            nearest = one;
        }
        if (lth_schema__in_force(one, on)) {
            state = LTH_CODE_IN_FORCE;
            break;
        }
        state = LTH_CODE_NOT_IN_FORCE;
    }
    if (out != NULL) {
        *out = nearest;
    }
    return state;
}

/* ---- titles ---- */

struct lth_code_title {
    lth_slice folded;
    uint32_t code; /**< Index. */
};

static int compare_titles(const struct lth_code_title *a, const struct lth_code_title *b)
{
    int order = lth_slice_compare(a->folded, b->folded);
    return order != 0 ? order : (a->code > b->code) - (a->code < b->code);
}

/* Heap sort: pure parts have no qsort, and lists have thousands of codes. */
static void sink(struct lth_code_title *heap, uint32_t at, uint32_t n)
{
    for (uint32_t child = 2 * at + 1; child < n; child = 2 * at + 1) {
        if (child + 1 < n && compare_titles(&heap[child], &heap[child + 1]) < 0) {
            child++;
        }
        if (compare_titles(&heap[at], &heap[child]) >= 0) {
            return;
        }
        struct lth_code_title swap = heap[at];
        heap[at] = heap[child];
        heap[child] = swap;
        at = child;
    }
}

static void sort_titles(struct lth_code_title *items, uint32_t n)
{
    for (uint32_t i = n / 2; i > 0; i--) {
        sink(items, i - 1, n);
    }
    for (uint32_t left = n; left > 1; left--) {
        struct lth_code_title swap = items[0];
        items[0] = items[left - 1];
        items[left - 1] = swap;
        sink(items, 0, left - 1);
    }
}

lth_err lth_codelist_index(lth_codelist *list, lth_arena *arena)
{
    struct lth_code_title *index = lth_arena_alloc(arena, 2u * list->n_codes * sizeof *index);
    uint32_t n = 0;
    if (index == NULL) {
        return LTH_E_NOMEM;
    }
    for (uint32_t i = 0; i < list->n_codes; i++) {
        const char *titles[] = {list->codes[i].title.vi, list->codes[i].title.en};
        for (int k = 0; k < 2; k++) {
            uint8_t folded[TITLE_FOLD_MAX];
            size_t size =
                titles[k] == NULL
                    ? 0
                    : lth_schema__title_fold(folded, lth_slice_of(titles[k], strlen(titles[k])));
            if (size == 0) {
                continue;
            }
            void *copy = lth_arena_copy(arena, folded, size);
            if (copy == NULL) {
                return LTH_E_NOMEM;
            }
            index[n++] = (struct lth_code_title){.folded = lth_slice_of(copy, size), .code = i};
        }
    }
    sort_titles(index, n);
    list->index = index;
    list->n_index = n;
    return LTH_OK;
}

const lth_code *lth_codelist_by_title(const lth_codelist *list, lth_slice text, uint32_t on)
{
    uint8_t folded[TITLE_FOLD_MAX];
    lth_slice wanted = lth_slice_of(folded, lth_schema__title_fold(folded, text));
    uint32_t low = 0;
    uint32_t high = wanted.n > 0 ? list->n_index : 0;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (lth_slice_compare(list->index[middle].folded, wanted) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    const lth_code *found = NULL;
    for (; wanted.n > 0 && low < list->n_index; low++) {
        const lth_code *one = &list->codes[list->index[low].code];
        if (!lth_slice_equal(list->index[low].folded, wanted)) {
            break;
        }
        if (lth_schema__in_force(one, on) && found != NULL && strcmp(found->code, one->code) != 0) {
            return NULL;
        }
        found = lth_schema__in_force(one, on) ? one : found;
    }
    return found;
}

/* The plain letters of a text as a set: an edit changes at most two of them. */
static uint64_t letters_of(lth_slice text)
{
    uint64_t set = 0;
    for (size_t i = 0; i < text.n; i++) {
        uint8_t c = text.p[i] | 0x20;
        set |= c >= 'a' && c <= 'z' ? UINT64_C(1) << (c - 'a') : 0;
    }
    return set;
}

static uint32_t count_bits(uint64_t set)
{
    uint32_t n = 0;
    for (; set != 0; set &= set - 1) {
        n++;
    }
    return n;
}

/* Cheap proof that the distance is not below @p best. */
static bool is_far(lth_slice a, lth_slice b, uint32_t best)
{
    size_t na = lth_schema__text_chars(a);
    size_t nb = lth_schema__text_chars(b);
    uint32_t differ = count_bits(letters_of(a) ^ letters_of(b));
    return (na > nb ? na - nb : nb - na) >= best || differ > 2 * (best - 1);
}

static bool is_number(lth_slice text)
{
    bool digits = text.n > 0;
    for (size_t i = 0; i < text.n; i++) {
        digits = digits && text.p[i] >= '0' && text.p[i] <= '9';
    }
    return digits;
}

static lth_slice without_zeros(lth_slice text)
{
    while (text.n > 0 && text.p[0] == '0') {
        text = lth_slice_of(text.p + 1, text.n - 1);
    }
    return text;
}

/* Of numbers none is near another, but one that lost its zeros is still that one. */
static const lth_code *same_number(const lth_codelist *list, lth_slice text, uint32_t on)
{
    lth_slice wanted = without_zeros(text);
    for (uint32_t i = 0; i < list->n_codes; i++) {
        const lth_code *one = &list->codes[i];
        lth_slice code = lth_slice_of(one->code, strlen(one->code));
        if (lth_schema__in_force(one, on) && is_number(code) &&
            lth_slice_equal(without_zeros(code), wanted)) {
            return one;
        }
    }
    return NULL;
}

const lth_code *lth_codelist_nearest(const lth_codelist *list, lth_slice text, uint32_t on)
{
    const lth_code *nearest = NULL;
    if (is_number(text)) {
        return same_number(list, text, on);
    }
    uint32_t size = lth_text_distance(text, (lth_slice){0});
    uint32_t best = (size + 1) / 3 + 1;
    for (uint32_t i = 0; i < list->n_codes && best > 1 && size != UINT32_MAX; i++) {
        const lth_code *one = &list->codes[i];
        const char *texts[] = {one->title.vi, one->code, one->title.en};
        for (int k = 0; k < 3 && lth_schema__in_force(one, on); k++) {
            lth_slice other = lth_slice_of(texts[k], texts[k] == NULL ? 0 : strlen(texts[k]));
            if (other.n == 0 || is_far(text, other, best)) {
                continue;
            }
            uint32_t d = lth_text_distance(text, other);
            if (d < best && d < lth_text_distance(other, (lth_slice){0})) {
                best = d;
                nearest = one;
            }
        }
    }
    return nearest;
}
