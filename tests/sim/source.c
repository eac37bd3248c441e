/* The schools' own databases: tables that their program changes as it likes, also wrongly. */
#include "sim.h"

static sim_row *add_row(sim_table *t)
{
    sim_row *row = &t->rows[t->n++];
    *row = (sim_row){.uid = ++t->last_uid, .version = 1, .nat = ++t->last_nat};
    (void)snprintf(row->key, sizeof row->key, "k%u", ++t->last_key);
    return row;
}

static void draw_values(sim *s, sim_row *row)
{
    row->born = (uint32_t)(2008 + sim_below(&s->rng, 10)) * 10000 +
                (1 + sim_below(&s->rng, 12)) * 100 + 1 + sim_below(&s->rng, 28);
    row->born = sim_below(&s->rng, 8) == 0 ? 0 : row->born;
    row->score = (int32_t)sim_below(&s->rng, 101);
}

void sim_source_fill(sim *s, sim_school *school)
{
    for (uint32_t t = 0; t < SIM_SOURCES; t++) {
        uint32_t n = sim_below(&s->rng, 14);
        for (uint32_t i = 0; i < n; i++) {
            draw_values(s, add_row(&school->tables[t]));
        }
    }
    school->mutate_at = sim_range(&s->rng, 1, 20) * SIM_S;
}

/* ---- what the school's program does ---- */

static void give_up_natural(sim_table *t, uint32_t nat)
{
    if (nat != 0 && t->n_left < sizeof t->left / sizeof t->left[0]) {
        t->left[t->n_left++] = nat;
    }
}

static void remove_row(sim_table *t, uint32_t at)
{
    give_up_natural(t, t->rows[at].nat);
    t->rows[at] = t->rows[--t->n];
}

static void op_insert(sim *s, sim_table *t, sim_row *row)
{
    (void)row;
    if (t->n < SIM_ROWS_MAX - 2) {
        draw_values(s, add_row(t));
    }
}

static void op_update(sim *s, sim_table *t, sim_row *row)
{
    (void)t;
    draw_values(s, row);
    row->version++;
}

static void op_delete(sim *s, sim_table *t, sim_row *row)
{
    (void)s;
    remove_row(t, (uint32_t)(row - t->rows));
}

/* The vendor numbers anew: another local key for the same thing. */
static void op_renumber(sim *s, sim_table *t, sim_row *row)
{
    (void)s;
    (void)snprintf(row->key, sizeof row->key, "k%u", ++t->last_key);
    row->moved = true;
}

static void op_rename(sim *s, sim_table *t, sim_row *row)
{
    (void)s;
    give_up_natural(t, row->nat);
    row->nat = ++t->last_nat;
    row->version++;
}

static void op_swap(sim *s, sim_table *t, sim_row *row)
{
    sim_row *other = &t->rows[sim_below(&s->rng, t->n)];
    uint32_t nat = row->nat;
    give_up_natural(t, row->nat);
    give_up_natural(t, other->nat);
    row->nat = other->nat;
    other->nat = nat;
    row->version++;
    other->version += other != row ? 1 : 0;
}

/* A natural key that somebody had before comes again under another local key. */
static void op_return(sim *s, sim_table *t, sim_row *row)
{
    (void)row;
    uint32_t nat = t->n_left > 0 ? t->left[sim_below(&s->rng, t->n_left)] : 0;
    for (uint32_t i = 0; i < t->n; i++) {
        nat = t->rows[i].nat == nat ? 0 : nat;
    }
    if (nat != 0 && t->n < SIM_ROWS_MAX - 2) {
        sim_row *fresh = add_row(t);
        draw_values(s, fresh);
        fresh->nat = nat;
    }
}

static void op_spoil(sim *s, sim_table *t, sim_row *row)
{
    row->version++;
    switch (sim_below(&s->rng, 4)) {
    case 0:
        row->score = 500;
        break;
    case 1:
        row->born = 1;
        break;
    case 2:
        give_up_natural(t, row->nat);
        row->nat = 0;
        break;
    default: {
        sim_row *other = &t->rows[sim_below(&s->rng, t->n)];
        give_up_natural(t, row->nat);
        row->nat = other->nat;
        other->moved = row->moved = true;
    }
    }
}

static void op_bad_key(sim *s, sim_table *t, sim_row *row)
{
    if (t->n >= SIM_ROWS_MAX - 2) {
        return;
    }
    char key[sizeof row->key];
    row->moved = true;
    memcpy(key, row->key, sizeof key);
    sim_row *fresh = add_row(t);
    draw_values(s, fresh);
    fresh->moved = true;
    (void)snprintf(fresh->key, sizeof fresh->key, "%s", sim_below(&s->rng, 2) == 0 ? "" : key);
}

static void (*const ops[])(sim *, sim_table *, sim_row *) = {
    op_insert, op_insert, op_insert,   op_insert, op_update, op_update, op_update, op_update,
    op_delete, op_delete, op_renumber, op_rename, op_swap,   op_return, op_return};

void sim_source_mend(sim *s, sim_school *school)
{
    (void)s;
    for (uint32_t t = 0; t < SIM_SOURCES; t++) {
        sim_table *table = &school->tables[t];
        for (uint32_t i = 0; i < table->n; i++) {
            bool bad = table->rows[i].key[0] == '\0';
            for (uint32_t k = 0; k < i && !bad; k++) {
                bad = strcmp(table->rows[i].key, table->rows[k].key) == 0;
            }
            if (bad) {
                remove_row(table, i--);
            }
        }
    }
}

void sim_source_mutate(sim *s, sim_school *school)
{
    uint32_t n = 1 + sim_below(&s->rng, 3);
    for (uint32_t i = 0; i < n; i++) {
        sim_table *t = &school->tables[sim_below(&s->rng, SIM_SOURCES)];
        sim_row *row = t->n > 0 ? &t->rows[sim_below(&s->rng, t->n)] : NULL;
        if (row == NULL) {
            op_insert(s, t, row);
        } else if (sim_chance(&s->rng, s->faults.bad_keys)) {
            op_bad_key(s, t, row);
        } else if (sim_chance(&s->rng, s->faults.bad_rows)) {
            op_spoil(s, t, row);
        } else {
            ops[sim_below(&s->rng, sizeof ops / sizeof *ops)](s, t, row);
        }
    }
    if (s->faults.bad_keys > 0 && sim_below(&s->rng, 4) == 0) {
        sim_source_mend(s, school);
    }
    school->mutate_at = s->now + sim_range(&s->rng, 2, 30) * SIM_S;
}

/* ---- what a row says ---- */

bool sim_row_valid(const sim_row *row)
{
    return row->nat != 0 && row->born != 1 && row->score >= 0 && row->score <= 100;
}

static void fill(const sim *s, const sim_row *row, char *text, size_t size)
{
    uint32_t mix = row->uid * 7919u + row->version * 104729u;
    size_t at = strlen(text);
    size_t n = s->faults.pad > 0 ? mix % s->faults.pad : 0;
    for (size_t i = 0; i < n && at + 1 < size; i++) {
        text[at++] = (char)('a' + (mix + i * i) % 26);
    }
    text[at] = '\0';
}

static void texts(const sim *s, const sim_school *school, uint32_t table, const sim_row *row,
                  char text[7][2048])
{
    uint32_t i = school->index;
    (void)snprintf(text[0], 2048, "%s", row->key);
    (void)snprintf(text[1], 2048, "K1~%u~%u~%u", table == 1 ? 0 : table, i, row->nat);
    (void)snprintf(text[2], 2048, "U%u", row->uid);
    (void)snprintf(text[3], 2048, "N2~%u~%u~%u~%u", table, i, row->uid, row->version);
    (void)snprintf(text[4], 2048, "%02u/%02u/%u", row->born % 100, row->born / 100 % 100,
                   row->born / 10000);
    if (row->born == 1) {
        (void)snprintf(text[4], 2048, "31/02/2015");
    }
    (void)snprintf(text[5], 2048, "S3~%u~%u~%u~%u~", table, i, row->uid, row->version);
    fill(s, row, text[5], 2048);
    (void)snprintf(text[6], 2048, "%d", row->score);
}

void sim_row_cells(const sim *s, const sim_school *school, uint32_t table, const sim_row *row,
                   lth_cell cells[7], char text[7][2048])
{
    texts(s, school, table, row, text);
    for (uint32_t i = 0; i < 7; i++) {
        cells[i] = (lth_cell){.p = (const uint8_t *)text[i], .n = (int64_t)strlen(text[i])};
    }
    cells[0].n = row->key[0] == '\0' ? -1 : cells[0].n;
    cells[1].n = row->nat == 0 ? -1 : cells[1].n;
    cells[4].n = row->born == 0 ? -1 : cells[4].n;
}

/* ---- the bytes it must become, by an encoder that shares nothing with lib/schema ---- */

static size_t put_varint(uint8_t *out, uint32_t v)
{
    size_t n = 0;
    for (; v > 127; v >>= 7) {
        out[n++] = (uint8_t)(v | 128);
    }
    out[n++] = (uint8_t)v;
    return n;
}

size_t sim_put_number(uint8_t *out, uint32_t field, uint32_t number)
{
    size_t n = put_varint(out, field << 3);
    return n + put_varint(out + n, number);
}

size_t sim_put_text(uint8_t *out, uint32_t field, const char *text)
{
    size_t size = strlen(text);
    size_t n = put_varint(out, field << 3 | 2);
    n += put_varint(out + n, (uint32_t)size);
    memcpy(out + n, text, size);
    return n + size;
}

size_t sim_row_group(const sim *s, const sim_school *school, uint32_t table, const sim_row *row,
                     uint32_t group, uint8_t out[8192])
{
    char text[7][2048];
    size_t n = 0;
    texts(s, school, table, row, text);
    switch (group) {
    case 1:
        return row->nat == 0 ? 0 : sim_put_text(out, 1, text[1]);
    case 2:
        n = sim_put_text(out, 2, text[2]);
        n += sim_put_text(out + n, 3, text[3]);
        if (row->born > 1) {
            n += sim_put_number(out + n, 4, row->born);
        }
        return n;
    case 3:
        return sim_put_text(out, 5, text[5]);
    default:
        return sim_put_number(out, 6, (uint32_t)row->score * 2);
    }
}

const sim_row *sim_row_find(const sim_table *table, uint32_t uid)
{
    for (uint32_t i = 0; i < table->n; i++) {
        if (table->rows[i].uid == uid) {
            return &table->rows[i];
        }
    }
    return NULL;
}

static uint32_t read_number(const uint8_t *p, const uint8_t *end, const uint8_t **next)
{
    uint32_t v = 0;
    while (p < end && *p >= '0' && *p <= '9') {
        v = v * 10 + (uint32_t)(*p++ - '0');
    }
    *next = p < end ? p + 1 : end;
    return v;
}

bool sim_read_name(lth_slice group, uint32_t *uid, uint32_t *version)
{
    const uint8_t *end = group.p + group.n;
    for (size_t i = 0; i + 7 < group.n; i++) {
        const uint8_t *p = group.p + i;
        if (memcmp(p, "N2~", 3) == 0) {
            (void)read_number(p + 3, end, &p);
            (void)read_number(p, end, &p);
            *uid = read_number(p, end, &p);
            *version = read_number(p, end, &p);
            return true;
        }
    }
    return false;
}

static bool was_left(const sim_table *table, uint32_t nat)
{
    for (uint32_t k = 0; k < table->n_left; k++) {
        if (table->left[k] == nat) {
            return true;
        }
    }
    return table->n_left == sizeof table->left / sizeof table->left[0];
}

bool sim_natural_left(const sim_table *table, lth_slice natural)
{
    const uint8_t *end = natural.p + natural.n;
    for (size_t i = 0; i + 7 < natural.n; i++) {
        const uint8_t *p = natural.p + i;
        if (memcmp(p, "K1~", 3) == 0) {
            (void)read_number(p + 3, end, &p);
            (void)read_number(p, end, &p);
            uint32_t nat = read_number(p, end, &p);
            for (uint32_t k = 0; k < table->n; k++) {
                if (table->rows[k].nat == nat && !table->rows[k].moved) {
                    return was_left(table, nat);
                }
            }
            return true;
        }
    }
    return natural.n == 0;
}

/* ---- scans ---- */

static void load_table(sim *s, sim_node *node, uint32_t slot)
{
    sim_scan *scan = &node->scans[slot];
    const sim_table *t = &s->schools[node->school_index[slot]].tables[scan->table];
    scan->n = t->n;
    scan->at = 0;
    memcpy(scan->rows, t->rows, t->n * sizeof *t->rows);
    for (uint32_t i = scan->n; i > 1; i--) { /* no order can be relied on */
        uint32_t k = sim_below(&s->rng, i);
        sim_row row = scan->rows[k];
        scan->rows[k] = scan->rows[i - 1];
        scan->rows[i - 1] = row;
    }
    scan->fails = LTH_SCAN_none;
    scan->dies = false;
    if (sim_fault(s, s->faults.scan_fault)) {
        static const lth_scan_fault kinds[] = {LTH_SCAN_incomplete, LTH_SCAN_locked,
                                               LTH_SCAN_unreachable, LTH_SCAN_timeout,
                                               LTH_SCAN_missing_column};
        scan->fails = kinds[sim_below(&s->rng, 5)];
        scan->fails_at = sim_below(&s->rng, scan->n + 1);
        scan->dies = sim_below(&s->rng, 4) == 0;
    }
}

void sim_scan_begin(sim *s, sim_node *node, uint32_t slot, uint64_t tables)
{
    sim_scan *scan = &node->scans[slot];
    scan->running = true;
    scan->tables = tables;
    scan->started = s->now;
    scan->next = s->now + sim_range(&s->rng, 1, 500) * SIM_MS;
    for (scan->table = 0; (scan->tables >> scan->table & 1) == 0; scan->table++) {
    }
    load_table(s, node, slot);
}

bool sim_scan_advance(sim *s, sim_node *node, uint32_t slot)
{
    sim_scan *scan = &node->scans[slot];
    scan->tables &= ~(UINT64_C(1) << scan->table);
    if (scan->tables == 0) {
        return false;
    }
    while ((scan->tables >> scan->table & 1) == 0) {
        scan->table++;
    }
    load_table(s, node, slot);
    return true;
}
