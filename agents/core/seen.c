#include <stdlib.h>

#include "internal.h"

#define FIRST_CAP 16u

static const uint8_t EMPTY[PRINT_SIZE];

/* Keys are hashes already: their first bytes are the place. */
static uint8_t *place(uint8_t (*slots)[PRINT_SIZE], uint32_t cap, const uint8_t key[PRINT_SIZE])
{
    uint32_t at = lth_get32(key) & (cap - 1);
    while (memcmp(slots[at], EMPTY, PRINT_SIZE) != 0 && memcmp(slots[at], key, PRINT_SIZE) != 0) {
        at = (at + 1) & (cap - 1);
    }
    return slots[at];
}

static bool grow(agent_seen *seen)
{
    uint32_t cap = seen->cap == 0 ? FIRST_CAP : seen->cap * 2;
    uint8_t(*slots)[PRINT_SIZE] = calloc(cap, PRINT_SIZE);
    agent_where *where = seen->tracked ? calloc(cap, sizeof *where) : NULL;
    if (slots == NULL || (seen->tracked && where == NULL)) {
        free(slots);
        free(where);
        return false;
    }
    for (uint32_t i = 0; i < seen->cap; i++) {
        if (memcmp(seen->slots[i], EMPTY, PRINT_SIZE) != 0) {
            uint8_t *slot = place(slots, cap, seen->slots[i]);
            memcpy(slot, seen->slots[i], PRINT_SIZE);
            if (seen->tracked) {
                where[(size_t)(slot - slots[0]) / PRINT_SIZE] = seen->where[i];
            }
        }
    }
    free(seen->slots);
    free(seen->where);
    seen->slots = slots;
    seen->where = where;
    seen->cap = cap;
    return true;
}

agent_seen_add lth_agent__seen_add(agent_seen *seen, const uint8_t key[PRINT_SIZE])
{
    if (memcmp(key, EMPTY, PRINT_SIZE) == 0) {
        agent_seen_add before = seen->zero ? SEEN_TWICE : SEEN_NEW;
        seen->zero = true;
        return before;
    }
    if (seen->n >= seen->cap / 8 * 7 && !grow(seen)) {
        return SEEN_NOMEM;
    }
    uint8_t *slot = place(seen->slots, seen->cap, key);
    if (memcmp(slot, key, PRINT_SIZE) == 0) {
        return SEEN_TWICE;
    }
    memcpy(slot, key, PRINT_SIZE);
    seen->n++;
    return SEEN_NEW;
}

bool lth_agent__seen_has(const agent_seen *seen, const uint8_t key[PRINT_SIZE])
{
    if (memcmp(key, EMPTY, PRINT_SIZE) == 0) {
        return seen->zero;
    }
    return seen->cap > 0 && memcmp(place(seen->slots, seen->cap, key), key, PRINT_SIZE) == 0;
}

agent_where *lth_agent__seen_where(agent_seen *seen, const uint8_t key[PRINT_SIZE])
{
    LTH_ASSERT(seen->tracked && lth_agent__seen_has(seen, key));
    if (memcmp(key, EMPTY, PRINT_SIZE) == 0) {
        return &seen->zero_where;
    }
    const uint8_t *slot = place(seen->slots, seen->cap, key);
    return &seen->where[(size_t)(slot - seen->slots[0]) / PRINT_SIZE];
}

void lth_agent__seen_fini(agent_seen *seen)
{
    free(seen->slots);
    free(seen->where);
    *seen = (agent_seen){0};
}
