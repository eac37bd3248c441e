#include <stdlib.h>

#include "internal.h"

#define FIRST_CAP 256u

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
    if (slots == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < seen->cap; i++) {
        if (memcmp(seen->slots[i], EMPTY, PRINT_SIZE) != 0) {
            memcpy(place(slots, cap, seen->slots[i]), seen->slots[i], PRINT_SIZE);
        }
    }
    free(seen->slots);
    seen->slots = slots;
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

void lth_agent__seen_fini(agent_seen *seen)
{
    free(seen->slots);
    *seen = (agent_seen){0};
}
