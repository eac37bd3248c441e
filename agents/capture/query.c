/* The guard in front of every source: read one thing, change nothing. */

#include "agents/capture/pipe.h"

#define WORD_MAX 16u

/* Refused anywhere outside quotes: WITH may precede a change, SELECT may create or lock. */
static const char *const CHANGING[] = {"INSERT", "UPDATE", "DELETE", "MERGE", "INTO"};

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_word(char c)
{
    unsigned char u = (unsigned char)c;
    return u >= 0x80 || c == '_' || c == '$' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
           (c >= 'a' && c <= 'z');
}

/* Past the quote, comment or single character at @p p. */
static const char *skip_one(const char *p)
{
    const char *end = NULL;
    if (*p == '\'' || *p == '"' || *p == '`')
        end = strchr(p + 1, *p);
    else if (*p == '[')
        end = strchr(p + 1, ']');
    else if (p[0] == '-' && p[1] == '-')
        end = strchr(p, '\n');
    else if (p[0] == '/' && p[1] == '*') {
        end = strstr(p + 2, "*/");
        end = end != NULL ? end + 1 : NULL;
    } else
        end = p;
    return end != NULL ? end + 1 : p + strlen(p);
}

static const char *skip_blank(const char *p)
{
    while (is_space(*p) || (p[0] == '-' && p[1] == '-') || (p[0] == '/' && p[1] == '*'))
        p = is_space(*p) ? p + 1 : skip_one(p);
    return p;
}

/* The word at @p p in capitals ("" when longer than any that matters); returns its end. */
static const char *take_word(const char *p, char word[WORD_MAX])
{
    size_t n = 0;
    for (; is_word(*p); p++, n++) {
        if (n < WORD_MAX - 1)
            word[n] = *p >= 'a' && *p <= 'z' ? (char)(*p - 'a' + 'A') : *p;
    }
    word[n < WORD_MAX ? n : 0] = '\0';
    return p;
}

bool lth_capture_query_ok(const char *query, const char **why)
{
    char word[WORD_MAX];
    const char *p = skip_blank(query);
    const char *after = take_word(p, word);
    *why = "SELECT";
    if (strcmp(word, "SELECT") != 0 && strcmp(word, "WITH") != 0)
        return false;
    for (p = after; *p != '\0';) {
        if (*p == ';') {
            *why = ";";
            return *skip_blank(p + 1) == '\0';
        }
        if (!is_word(*p)) {
            p = skip_one(p);
            continue;
        }
        p = take_word(p, word);
        for (size_t i = 0; i < sizeof CHANGING / sizeof CHANGING[0]; i++) {
            if (strcmp(word, CHANGING[i]) == 0) {
                *why = CHANGING[i];
                return false;
            }
        }
    }
    return true;
}
