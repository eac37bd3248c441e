/* From a directory to what is published and back: the schema that every node builds from records is
 * the one that the ministry's files say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lth/conf.h"

static char dir[64];

static int begin(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof dir, "/tmp/lth-public-XXXXXX");
    return mkdtemp(dir) == NULL ? -1 : 0;
}

static int end(void **state)
{
    char command[128];
    (void)state;
    (void)snprintf(command, sizeof command, "rm -r %s", dir);
    return system(command);
}

static void put(const char *name, const char *text)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    for (char *slash = strchr(path + strlen(dir) + 1, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0700);
        *slash = '/';
    }
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    assert_true(fputs(text, out) >= 0);
    assert_int_equal(fclose(out), 0);
}

static void show_error(void *ctx, const char *line)
{
    (void)ctx;
    print_message("%s\n", line);
}

static void must(lth_err err, lth_conf_errors *errors)
{
    if (err != LTH_OK) {
        lth_conf_errors_each(errors, true, show_error, NULL);
    }
    lth_conf_errors_fini(errors);
    assert_int_equal(err, LTH_OK);
}

static void same_code(const lth_code *a, const lth_code *b)
{
    assert_string_equal(a->code, b->code);
    assert_int_equal(a->from, b->from);
    assert_int_equal(a->to, b->to);
    assert_string_equal(a->title.vi, b->title.vi);
    assert_true((a->title.en == NULL) == (b->title.en == NULL));
    assert_true((a->parent == NULL) == (b->parent == NULL));
    assert_true(a->parent == NULL || strcmp(a->parent, b->parent) == 0);
    assert_true((a->replaced_by == NULL) == (b->replaced_by == NULL));
    assert_true(a->replaced_by == NULL || strcmp(a->replaced_by, b->replaced_by) == 0);
}

/* The dictionary that comes with the programs, 14,000 codes and all. */
static void the_core_dictionary_comes_back(void **state)
{
    (void)state;
    lth_conf *a, *b;
    const lth_schema *files, *built;
    lth_public_set set;
    lth_conf_errors errors;
    must(lth_conf_publication(&a, &files, &set, LTH_CONFIG_DIR, &errors), &errors);
    set.version = 7;
    must(lth_conf_build_published(&b, &built, &set, &errors), &errors);
    assert_int_equal(built->dict_ver, 7);
    assert_true(files->n_datasets >= 5);
    assert_int_equal(files->n_datasets, built->n_datasets);
    for (uint32_t i = 0; i < files->n_datasets; i++) {
        const lth_dataset *x = &files->datasets[i], *y = &built->datasets[i];
        lth_diag diag = {0};
        assert_string_equal(x->name, y->name);
        assert_int_equal(x->number, y->number);
        assert_int_equal(x->n_fields, y->n_fields);
        assert_int_equal(x->n_rules, y->n_rules);
        assert_int_equal(x->n_references, y->n_references);
        assert_int_equal(lth_dataset_compatible(x, y, &diag), LTH_OK);
        assert_int_equal(lth_dataset_compatible(y, x, &diag), LTH_OK);
    }
    assert_int_equal(files->n_lists, built->n_lists);
    uint32_t codes = 0;
    for (uint32_t i = 0; i < files->n_lists; i++) {
        assert_string_equal(files->lists[i].name, built->lists[i].name);
        assert_int_equal(files->lists[i].n_codes, built->lists[i].n_codes);
        for (uint32_t k = 0; k < files->lists[i].n_codes; k++) {
            same_code(&files->lists[i].codes[k], &built->lists[i].codes[k]);
        }
        codes += files->lists[i].n_codes;
    }
    assert_int_equal(codes, set.n_codes);
    lth_public_set_fini(&set);
    lth_conf_free(&a);
    lth_conf_free(&b);
}

/* ---- a node's own files ---- */

#define DATASET(name, number, version, more)                                                       \
    "dataset: " name "\nnumber: " number "\nversion: " version "\nnatural_key: [code]\n"           \
    "groups: { key: { number: 1 }, rest: { number: 2 } }\n"                                        \
    "fields:\n  code: { number: 1, group: key, type: text, max: 9, required: true }\n"             \
    "  what: { number: 2, group: rest, type: text, max: 9 }\n" more

static void put_broker(bool datasets)
{
    put("orgs.yaml",
        "version: 1\norgs:\n"
        "  - { id: 3b7d0a5c91e24f68a0c47d1e5b2f9083, code: \"bo\", name: Bo, kind: top }\n");
    put("routes.yaml",
        "version: 1\nroutes:\n"
        "  - { name: up, purpose: x, legal_basis: x, from: { under: \"bo\" }, to: { org: "
        "\"bo\" },\n      datasets: { book: { share: [rest] } } }\n");
    char text[512];
    (void)snprintf(text, sizeof text,
                   "node: { org: \"bo\", store: st, identity: id }\n"
                   "listen: { agents: \"tcp://127.0.0.1:1\", control: c }\n%s",
                   datasets ? "files: { datasets: datasets }\n" : "");
    put("broker.yaml", text);
}

static const lth_broker_conf *load(lth_conf **owner, const lth_public_set *published,
                                   lth_err expected)
{
    const lth_broker_conf *out;
    lth_conf_errors errors;
    lth_err err = lth_conf_load_broker_with(owner, &out, dir, published, &errors);
    if (err != expected) {
        lth_conf_errors_each(&errors, true, show_error, NULL);
    }
    lth_conf_errors_fini(&errors);
    assert_int_equal(err, expected);
    return out;
}

static void publish(lth_public_set *set, const char *name, const char *text)
{
    lth_public_definition one = {.kind = LTH_PUBLIC_DATASET,
                                 .name = lth_slice_of(name, strlen(name)),
                                 .version = 1,
                                 .text = lth_slice_of(text, strlen(text))};
    assert_int_equal(lth_public_set_definition(set, &one), LTH_OK);
    assert_int_equal(lth_public_set_sort(set), LTH_OK);
    set->version++;
}

static void a_node_without_definitions_waits_for_them(void **state)
{
    (void)state;
    lth_conf *owner;
    lth_public_set set = {0};
    put_broker(false);
    const lth_broker_conf *conf = load(&owner, &set, LTH_OK);
    assert_int_equal(conf->schema.n_datasets, 2); /* those of the public stream itself */
    assert_int_equal(conf->schema.dict_ver, 0);
    assert_int_equal(conf->policy.routes[0].n_datasets, 0);
    lth_conf_free(&owner);
    publish(&set, "book", DATASET("book", "40", "1", ""));
    conf = load(&owner, &set, LTH_OK);
    assert_int_equal(conf->schema.n_datasets, 3);
    assert_int_equal(conf->schema.dict_ver, 1);
    assert_int_equal(conf->policy.routes[0].n_datasets, 1);
    assert_int_equal(conf->policy.routes[0].datasets[0].dataset, 40);
    lth_conf_free(&owner);
    put_broker(true); /* named and not there: a mistake, not a node that waits */
    lth_public_set none = {0};
    (void)load(&owner, &none, LTH_E_CONFIG);
    char store[300], expected[300];
    lth_conf_errors errors;
    must(lth_conf_path_of(store, sizeof store, dir, "broker.yaml", "node", "store", &errors),
         &errors);
    (void)snprintf(expected, sizeof expected, "%s/st", dir);
    assert_string_equal(store, expected);
    lth_public_set_fini(&set);
}

static void published_definitions_win(void **state)
{
    (void)state;
    lth_conf *owner;
    lth_public_set none = {0}, set = {0};
    put_broker(true);
    put("datasets/book.yaml", DATASET("book", "40", "1", ""));
    put("datasets/toy.yaml", DATASET("toy", "41", "1", ""));
    put("datasets/own.yaml", DATASET("own", "40000", "1", ""));
    const lth_broker_conf *conf = load(&owner, &none, LTH_OK);
    assert_int_equal(conf->schema.n_datasets, 5);
    lth_conf_free(&owner);
    publish(&set, "book",
            DATASET("book", "40", "2", "  more: { number: 3, group: rest, type: integer }\n"));
    conf = load(&owner, &set, LTH_OK);
    assert_int_equal(conf->schema.n_datasets, 4);
    assert_int_equal(lth_schema_find_name(&conf->schema, "book")->n_fields, 3);
    assert_null(lth_schema_find_name(&conf->schema, "toy"));
    assert_non_null(lth_schema_find_name(&conf->schema, "own"));
    lth_conf_free(&owner);
    put("datasets/own.yaml", DATASET("book", "40000", "1", "")); /* the name is taken */
    (void)load(&owner, &set, LTH_E_CONFIG);
    publish(&set, "bad", "dataset: bad\nnumber: x\n");
    (void)load(&owner, &set, LTH_E_CONFIG);
    lth_public_set_fini(&set);
}

static void what_cannot_be_published_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text;
    } bad[] = {{"datasets/other.yaml", DATASET("book", "40", "1", "")},
               {"datasets/book.yaml", DATASET("book", "40000", "1", "")},
               {"datasets/book.yaml", DATASET("book", "7", "1", "")},
               {"datasets/book.yaml", "dataset: book\n"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        lth_conf *owner;
        const lth_schema *schema;
        lth_public_set set;
        lth_conf_errors errors;
        char path[256];
        put(bad[i].name, bad[i].text);
        assert_int_equal(lth_conf_publication(&owner, &schema, &set, dir, &errors), LTH_E_CONFIG);
        assert_true(errors.n > 0);
        lth_conf_errors_fini(&errors);
        lth_public_set_fini(&set);
        (void)snprintf(path, sizeof path, "%s/%s", dir, bad[i].name);
        assert_int_equal(unlink(path), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_core_dictionary_comes_back, begin, end),
        cmocka_unit_test_setup_teardown(a_node_without_definitions_waits_for_them, begin, end),
        cmocka_unit_test_setup_teardown(published_definitions_win, begin, end),
        cmocka_unit_test_setup_teardown(what_cannot_be_published_is_refused, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
