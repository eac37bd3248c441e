#include "lth/hash.h"

static const char *const ROLE_NAMES[] = {
    [LTH_ROLE_AGENT] = "agent", [LTH_ROLE_HOST] = "host", [LTH_ROLE_BROKER] = "broker",
    [LTH_ROLE_ADMIN] = "admin", [LTH_ROLE_CA] = "ca",
};

const char *lth_role_name(lth_role role)
{
    size_t i = (size_t)role;
    bool known = i >= LTH_ROLE_AGENT && i < sizeof ROLE_NAMES / sizeof ROLE_NAMES[0];
    return known ? ROLE_NAMES[i] : "unknown";
}
