/* Forms, cookies and header fields. */
#include <arpa/inet.h>

#include "agents/intake/text.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent signs and plus signs away, in place; the new end or NULL. */
static char *decode(char *from, char *end)
{
    char *to = from;
    for (; from < end; from++) {
        if (*from == '+') {
            *to++ = ' ';
        } else if (*from != '%') {
            *to++ = *from;
        } else {
            int high = end - from > 2 ? hex_digit(from[1]) : -1;
            int low = high >= 0 ? hex_digit(from[2]) : -1;
            if (low < 0)
                return NULL;
            *to++ = (char)(high << 4 | low);
            from += 2;
        }
        if (to[-1] == '\0')
            return NULL;
    }
    return to;
}

/* NAME=VALUE within [at, end): the byte at `end` is ours too. */
static bool add_field(lth_form *out, char *at, char *end)
{
    char *equals = memchr(at, '=', (size_t)(end - at));
    if (out->n == LTH_FORM_FIELDS_MAX)
        return false;
    char *name_end = decode(at, equals != NULL ? equals : end);
    char *value = equals != NULL ? equals + 1 : end;
    char *value_end = decode(value, end);
    if (name_end == NULL || value_end == NULL ||
        !lth_utf8_ok(lth_slice_of(at, (size_t)(name_end - at))) ||
        !lth_utf8_ok(lth_slice_of(value, (size_t)(value_end - value))))
        return false;
    *value_end = '\0'; /* first: without '=' both ends may be one place */
    *name_end = '\0';
    out->fields[out->n++] = (lth_form_field){at, value};
    return true;
}

bool lth_form_parse(lth_form *out, char *body, size_t n)
{
    char *end = body + n;
    out->n = 0;
    for (char *at = body; at < end;) {
        char *stop = memchr(at, '&', (size_t)(end - at));
        stop = stop != NULL ? stop : end;
        if (stop > at && !add_field(out, at, stop))
            return false;
        at = stop + 1;
    }
    return true;
}

const char *lth_form_get(const lth_form *form, const char *name)
{
    for (uint32_t i = 0; i < form->n; i++)
        if (strcmp(form->fields[i].name, name) == 0)
            return form->fields[i].value;
    return NULL;
}

bool lth_cookie_get(char *out, size_t size, const char *header, const char *name)
{
    size_t name_size = strlen(name);
    for (const char *at = header; at != NULL && *at != '\0';) {
        at += strspn(at, " \t;");
        size_t n = strcspn(at, ";");
        if (n > name_size && memcmp(at, name, name_size) == 0 && at[name_size] == '=') {
            const char *value = at + name_size + 1;
            n -= name_size + 1;
            while (n > 0 && (value[n - 1] == ' ' || value[n - 1] == '\t'))
                n--;
            if (n == 0 || n >= size)
                return false;
            memcpy(out, value, n);
            out[n] = '\0';
            return true;
        }
        at += n;
    }
    return false;
}

bool lth_bearer_get(char *out, size_t size, const char *header)
{
    static const char word[] = "bearer ";
    if (header == NULL)
        return false;
    for (size_t i = 0; i < sizeof word - 1; i++)
        if ((header[i] >= 'A' && header[i] <= 'Z' ? header[i] | 0x20 : header[i]) != word[i])
            return false;
    header += sizeof word - 1;
    header += strspn(header, " ");
    size_t n = strspn(header, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                              "0123456789-._~+/=");
    if (n == 0 || n >= size || header[n + strspn(header + n, " \t\r\n")] != '\0')
        return false;
    memcpy(out, header, n);
    out[n] = '\0';
    return true;
}

static bool address_canonical(char out[LTH_ADDRESS_SIZE], const char *text)
{
    uint8_t bytes[16];
    int family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET;
    return inet_pton(family, text, bytes) == 1 &&
           inet_ntop(family, bytes, out, LTH_ADDRESS_SIZE) != NULL;
}

bool lth_forwarded_get(char out[LTH_ADDRESS_SIZE], const char *header)
{
    if (header == NULL)
        return false;
    const char *comma = strrchr(header, ',');
    const char *at = comma != NULL ? comma + 1 : header;
    at += strspn(at, " \t");
    size_t n = strcspn(at, " \t");
    char text[LTH_ADDRESS_SIZE];
    if (n == 0 || n >= sizeof text || at[n + strspn(at + n, " \t")] != '\0')
        return false;
    memcpy(text, at, n);
    text[n] = '\0';
    return address_canonical(out, text);
}

bool lth_address_in(const char *address, const char *list)
{
    char one[LTH_ADDRESS_SIZE], same[LTH_ADDRESS_SIZE];
    for (const char *at = list; *at != '\0';) {
        at += strspn(at, " ,");
        size_t n = strcspn(at, " ,");
        if (n > 0 && n < sizeof one) {
            memcpy(one, at, n);
            one[n] = '\0';
            if (address_canonical(same, one) && strcmp(same, address) == 0)
                return true;
        }
        at += n;
    }
    return false;
}

void lth_address_group(char out[LTH_ADDRESS_SIZE], const char *address)
{
    uint8_t bytes[16];
    if (inet_pton(AF_INET6, address, bytes) == 1) {
        memset(bytes + 8, 0, 8);
        LTH_ASSERT(inet_ntop(AF_INET6, bytes, out, LTH_ADDRESS_SIZE) != NULL);
    } else {
        (void)lth_format(out, LTH_ADDRESS_SIZE, "%s", address);
    }
}
