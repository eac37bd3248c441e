#include "lth/program.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GO_ON = -1, DONE = 0, USAGE = 2 };

bool lth_english_wanted(const char *lang)
{
    static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};
    for (size_t i = 0; lang == NULL && i < sizeof(names) / sizeof(names[0]); i++) {
        const char *value = getenv(names[i]);
        lang = value != NULL && value[0] != '\0' ? value : NULL;
    }
    return lang != NULL && strncmp(lang, "en", 2) == 0;
}

static bool parse_level(const char *text, lth_level *level)
{
    static const struct {
        const char *name;
        lth_level level;
    } levels[] = {{"error", LTH_LEVEL_ERROR},
                  {"warn", LTH_LEVEL_WARN},
                  {"notice", LTH_LEVEL_NOTICE},
                  {"info", LTH_LEVEL_INFO},
                  {"debug", LTH_LEVEL_DEBUG}};
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
        if (strcmp(levels[i].name, text) == 0) {
            *level = levels[i].level;
            return true;
        }
    return false;
}

static int usage(const lth_daemon_text *text, const char *lang, int status)
{
    FILE *out = status == DONE ? stdout : stderr;
    bool english = lth_english_wanted(lang);
    fprintf(out, "%s %s --node %s [--log-level error|warn|notice|info|debug] [--lang vi|en]\n%s",
            english ? "usage:" : "cách dùng:", text->name, english ? "DIR" : "THƯ_MỤC",
            english ? text->en : text->vi);
    return status;
}

int lth_daemon_parse(lth_daemon_options *out, const lth_daemon_text *text, int argc, char **argv)
{
    static const struct option longs[] = {
        {"node", required_argument, NULL, 'n'}, {"log-level", required_argument, NULL, 'l'},
        {"lang", required_argument, NULL, 'g'}, {"version", no_argument, NULL, 'V'},
        {"help", no_argument, NULL, 'h'},       {NULL, 0, NULL, 0}};
    const char *lang = NULL;
    int answer = GO_ON; /* said after the last option: --lang may stand behind --help */
    *out = (lth_daemon_options){.node = getenv("LIENTHONG_NODE"), .level = LTH_LEVEL_NOTICE};
    for (int c; (c = getopt_long(argc, argv, "n:h", longs, NULL)) != -1;) {
        switch (c) {
        case 'n':
            out->node = optarg;
            break;
        case 'g':
            lang = optarg;
            break;
        case 'l':
            answer = parse_level(optarg, &out->level) ? answer : USAGE;
            break;
        case 'V':
            printf("%s " LTH_VERSION "\n", text->name);
            return DONE;
        case 'h':
            answer = answer == GO_ON ? DONE : answer;
            break;
        default:
            answer = USAGE;
            break;
        }
    }
    out->english = lth_english_wanted(lang);
    if (answer == GO_ON && (out->node == NULL || optind != argc))
        answer = USAGE;
    return answer == GO_ON ? GO_ON : usage(text, lang, answer);
}
