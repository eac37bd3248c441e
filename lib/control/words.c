#include <stdlib.h>

#include "lth/control.h"

json_t *lth_control_words(lth_slice text)
{
    char *line = malloc(text.n + 1);
    for (size_t i = 0; i < text.n && line != NULL; i++) {
        bool control = text.p[i] < ' ' || text.p[i] == 0x7F;
        line[i] = control ? ' ' : (char)text.p[i];
        if (i > 0 && text.p[i - 1] == 0xC2 && text.p[i] < 0xA0) /* U+0080 to U+009F */
            line[i - 1] = line[i] = ' ';
    }
    json_t *json = line != NULL ? json_stringn(line, text.n) : NULL;
    free(line);
    return json != NULL ? json : json_string("");
}
