/* Any bytes as what a stranger's request carries; the first byte tells as what. */
#include <stdlib.h>
#include <string.h>

#include "agents/intake/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool so)
{
    if (!so)
        abort();
}

static void as_form(char *text, size_t n)
{
    static lth_form form;
    if (!lth_form_parse(&form, text, n))
        return;
    must(form.n <= LTH_FORM_FIELDS_MAX);
    for (uint32_t i = 0; i < form.n; i++) {
        const char *name = form.fields[i].name, *value = form.fields[i].value;
        must(name >= text && name + strlen(name) <= text + n);
        must(value >= text && value + strlen(value) <= text + n);
        must(lth_utf8_ok(lth_slice_of(value, strlen(value))));
        must(lth_form_get(&form, name) != NULL);
    }
}

static void as_header(char *text, size_t n)
{
    char out[LTH_ADDRESS_SIZE], again[LTH_ADDRESS_SIZE];
    (void)n;
    if (lth_cookie_get(out, sizeof out, text, "lang"))
        must(out[0] != '\0' && strlen(out) < sizeof out && strchr(out, ';') == NULL);
    if (lth_bearer_get(out, sizeof out, text))
        must(out[0] != '\0' && strpbrk(out, " \r\n\"") == NULL);
    if (lth_forwarded_get(out, text)) {
        must(lth_address_in(out, out) && lth_forwarded_get(again, out) && !strcmp(out, again));
        lth_address_group(again, out);
        must(again[0] != '\0');
    }
    (void)lth_address_in("127.0.0.1", text);
}

static void as_name(char *text, size_t n)
{
    char name[LTH_NAME_MAX + 1], line[101], code[LTH_CODE_MAX + 1], once[LTH_ONCE_SIZE],
        again[LTH_ONCE_SIZE], when[24];
    lth_name_clean(name, text, n);
    must(name[0] != '\0' && lth_utf8_ok(lth_slice_of(name, strlen(name))));
    must(strpbrk(name, "/\\\r\n\t") == NULL);
    if (lth_line_clean(line, sizeof line - 1, text))
        must(line[0] != '\0' && strpbrk(line, "\r\n\t") == NULL);
    if (lth_code_clean(code, text))
        must(code[0] != '.' && strchr(code, '/') == NULL);
    if (lth_upload_id_ok(text))
        must(text[0] != '.' && strchr(text, '/') == NULL && strlen(text) <= 80);
    if (lth_once_clean(once, text))
        must(strlen(once) == 39 && lth_once_clean(again, once) && strcmp(once, again) == 0);
    (void)lth_passphrase_judge(text, "79000123");
    must(lth_vietnam_time(when, text) == (when[0] != '\0'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const as[])(char *text, size_t n) = {as_form, as_header, as_name};
    if (size == 0)
        return 0;
    char *text = malloc(size);
    must(text != NULL);
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    as[data[0] % 3](text, size - 1);
    free(text);
    return 0;
}
