#include "bench/load.h"

#include <pthread.h>
#include <stdlib.h>

#include "lth/crypto.h"

#define MAKERS       2u
#define GROUP_MAX    4096u
#define FIELDS_MAX   64u
#define RECORD_BYTES 634u /* what every record has on the wire; docs/benchmarks.md */

static int compare_schools(const void *a, const void *b)
{
    return lth_id_compare(&((const bench_school *)a)->org, &((const bench_school *)b)->org);
}

void bench_load_open(bench_load *out, const bench_country *country, uint32_t batch_records)
{
    char path[BENCH_PATH], file[BENCH_PATH];
    lth_diag diag = {0};
    lth_key_info info;
    *out = (bench_load){.country = country,
                        .dataset = &country->schema->datasets[0],
                        .n_schools = country->options.n_schools,
                        .batch_records = batch_records};
    out->schools = bench_alloc(out->n_schools, sizeof *out->schools);
    bench_path(path, "%s/root/root.crt", country->options.dir);
    bench_must(lth_crypto_trust_open(&out->trust, path, &diag), &diag, path);
    for (uint32_t i = 0; i < out->n_schools; i++) {
        bench_school *school = &out->schools[i];
        school->org = country->schools[i];
        school->next_rec_seq = 1;
        bench_country_school(country, i, path);
        bench_path(file, "%s/sign.key", path);
        bench_must(lth_crypto_signer_open(&school->signer, file, &diag), &diag, file);
        bench_path(file, "%s/id.key", path);
        bench_must(lth_crypto_secret_open(school->id_key, file, &diag), &diag, file);
        bench_path(file, "%s/sign.crt", path);
        bench_must(lth_crypto_trust_learn_file(&out->trust, file, &info, &diag), &diag, file);
        bench_must(
            lth_crypto_trust_der(&out->trust, info.key_id, &school->leaf_der, &school->ca_der),
            NULL, file);
    }
    qsort(out->schools, out->n_schools, sizeof *out->schools, compare_schools);
}

void bench_load_close(bench_load *load)
{
    for (uint32_t i = 0; i < load->n_schools; i++)
        lth_crypto_signer_close(&load->schools[i].signer);
    free(load->schools);
    lth_crypto_trust_close(&load->trust);
}

uint32_t bench_load_find(const bench_load *load, const lth_id *org)
{
    bench_school key = {.org = *org};
    const bench_school *found =
        bsearch(&key, load->schools, load->n_schools, sizeof key, compare_schools);
    return found == NULL ? load->n_schools : (uint32_t)(found - load->schools);
}

/* ---- records ---- */

/* One thread that makes batches. */
typedef struct maker {
    bench_load *load;
    bench_round *round;
    uint32_t number, first, step;
    lth_hasher hasher;
    lth_batch_builder builder;
    bench_rng rng;
    lth_buf groups;
    char text[GROUP_MAX];
    uint64_t record_bytes;
    pthread_t thread;
} maker;

/* Letters, or digits that count when the field is the natural key. */
static lth_slice make_text(maker *m, size_t at, size_t n, bool natural, uint32_t index)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < n; i++) {
        if (i % 12 == 0)
            bits = bench_random(&m->rng);
        m->text[at + i] = (char)('a' + bits % 26);
        bits /= 26;
    }
    for (size_t i = n; natural && i-- > 0; index /= 10)
        m->text[at + i] = (char)('0' + index % 10);
    if (natural && n >= 3)
        memcpy(m->text + at, "999", 3); /* no real pupil's number begins so */
    return lth_slice_of(m->text + at, n);
}

static lth_value make_value(maker *m, const lth_field *field, size_t *at, bool natural,
                            uint32_t index)
{
    uint64_t random = bench_random(&m->rng);
    switch (field->type) {
    case LTH_TYPE_TEXT: {
        lth_value value = {.kind = LTH_VALUE_TEXT,
                           .text = make_text(m, *at, field->max, natural, index)};
        *at += field->max;
        return value;
    }
    case LTH_TYPE_INTEGER: {
        uint64_t span = (uint64_t)(field->max_value - field->min) + 1;
        return (lth_value){.kind = LTH_VALUE_INT, .number = field->min + (int64_t)(random % span)};
    }
    case LTH_TYPE_DATE: {
        uint64_t year = 2008 + random % 10, month = 1 + random / 16 % 12,
                 day = 1 + random / 256 % 28;
        return (lth_value){.kind = LTH_VALUE_INT,
                           .number = (int64_t)(year * 10000 + month * 100 + day)};
    }
    default:
        bench_die("the bench dataset has a field of a type that is not made here");
    }
}

static void make_record(maker *m, bench_school *school, uint32_t index)
{
    const lth_dataset *ds = m->load->dataset;
    lth_record_new record = {.op = LTH_OP_STATE,
                             .dataset = ds->number,
                             .src_version = m->number + 1,
                             .n_groups = ds->n_groups};
    uint8_t local_key[4];
    size_t starts[LTH_GROUPS_MAX + 1] = {0}, text = 0;
    lth_put32(local_key, index);
    lth_record_id_make(&record.record_id, &m->hasher, &school->org, school->id_key, ds->number,
                       lth_slice_of(local_key, sizeof local_key));
    lth_put64(record.seed, bench_random(&m->rng));
    lth_put64(record.seed + 8, bench_random(&m->rng));
    lth_buf_clear(&m->groups);
    for (uint32_t g = 0; g < ds->n_groups; g++) {
        const lth_group *group = &ds->groups[g];
        lth_value values[FIELDS_MAX];
        LTH_ASSERT(group->n_fields <= FIELDS_MAX);
        for (uint32_t f = 0; f < group->n_fields; f++)
            values[f] =
                make_value(m, group->fields[f], &text, group->number == ds->natural_group, index);
        bench_must(lth_group_encode(&m->groups, group, values), NULL, "group");
        starts[g + 1] = m->groups.n;
    }
    for (uint32_t g = 0; g < ds->n_groups; g++) {
        record.groups[g].number = ds->groups[g].number;
        record.groups[g].value = lth_slice_of(m->groups.p + starts[g], starts[g + 1] - starts[g]);
    }
    size_t before = m->builder.body.n;
    bench_must(lth_batch_builder_add(&m->builder, &m->hasher, &record), NULL, "batch");
    size_t size = m->builder.body.n - before;
    if (size != RECORD_BYTES)
        bench_die("a record has %zu bytes on the wire, %u are meant", size, RECORD_BYTES);
    m->record_bytes += size;
}

static void make_batch(maker *m, bench_school *school, bench_batch *out)
{
    uint8_t signed_header[LTH_BATCH_SIGNED_SIZE];
    lth_batch_header header = {.kind = LTH_KIND_DELTA,
                               .origin = school->org,
                               .epoch = 1,
                               .batch_seq = school->at.seq + 1,
                               .source_time_ms = bench_wall_ms(),
                               .source_position = m->number + 1,
                               .stream = LTH_STREAM_OWN};
    memcpy(header.prev, school->at.hash, sizeof header.prev);
    lth_batch_builder_reset(&m->builder, school->next_rec_seq);
    for (uint32_t i = 0; i < m->load->batch_records; i++)
        make_record(m, school, i);
    bench_must(
        lth_batch_builder_seal(&m->builder, &m->hasher, &school->signer, &header, signed_header),
        NULL, "sign");
    school->next_rec_seq += m->load->batch_records;
    school->at.epoch = 1;
    school->at.seq++;
    lth_batch_header_hash(&m->hasher, signed_header, school->at.hash);
    lth_frame frame = {.kind = LTH_FRAME_BATCH,
                       .batch = {.signed_header = lth_slice_of(signed_header, sizeof signed_header),
                                 .body = lth_buf_slice(&m->builder.body),
                                 .lane = LTH_LANE_SNAPSHOT}};
    out->at = school->at;
    out->bytes = (uint32_t)(sizeof signed_header + m->builder.body.n);
    lth_buf_init(&out->frame, LTH_FRAME_MAX);
    bench_must(lth_frame_encode(&out->frame, &frame), NULL, "frame");
}

static void *maker_main(void *arg)
{
    maker *m = arg;
    lth_diag diag = {0};
    bench_must(lth_crypto_hasher_new(&m->hasher, &diag), &diag, "hasher");
    lth_batch_builder_init(&m->builder);
    lth_buf_init(&m->groups, LTH_RECORD_MAX);
    for (uint32_t i = m->first; i < m->round->n; i += m->step) {
        bench_batch *batch = &m->round->batches[i];
        m->rng.state = m->load->country->options.seed + ((uint64_t)m->number << 32) + batch->school;
        make_batch(m, &m->load->schools[batch->school], batch);
    }
    lth_buf_fini(&m->groups);
    lth_batch_builder_fini(&m->builder);
    lth_crypto_hasher_free(&m->hasher);
    return NULL;
}

void bench_load_round(bench_load *load, bench_round *out, uint32_t round)
{
    *out = (bench_round){.n = load->n_schools};
    out->batches = bench_alloc(out->n, sizeof *out->batches);
    bench_rng rng = {load->country->options.seed + round};
    for (uint32_t i = 0; i < out->n; i++) {
        uint32_t other = (uint32_t)(bench_random(&rng) % (i + 1));
        out->batches[i].school = out->batches[other].school;
        out->batches[other].school = i;
    }
    maker *makers = bench_alloc(MAKERS, sizeof *makers);
    for (uint32_t i = 0; i < MAKERS; i++) {
        makers[i] =
            (maker){.load = load, .round = out, .number = round, .first = i, .step = MAKERS};
        if (pthread_create(&makers[i].thread, NULL, maker_main, &makers[i]) != 0)
            bench_die("no thread");
    }
    for (uint32_t i = 0; i < MAKERS; i++) {
        pthread_join(makers[i].thread, NULL);
        out->record_bytes += makers[i].record_bytes;
    }
    free(makers);
}

void bench_round_free(bench_round *round)
{
    for (uint32_t i = 0; i < round->n; i++)
        lth_buf_fini(&round->batches[i].frame);
    free(round->batches);
    *round = (bench_round){0};
}
