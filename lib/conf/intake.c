#include <arpa/inet.h>
#include <stddef.h>
#include <string.h>

#include "internal.h"

typedef struct intake_texts {
    struct {
        conf_text listen, agent, hosted, state, proxies;
    } intake;
    struct {
        conf_text name, help, url;
    } page;
    struct {
        conf_number upload_mib, connections, per_address, per_school, per_hour;
        conf_number upload_time, bytes_per_second, idle, session, header_time, agent_time;
    } limits;
} intake_texts;

#define AT(section, member)                                                                        \
    (offsetof(intake_texts, section.member) - offsetof(intake_texts, section))

static const conf_item INTAKE_ITEMS[] = {
    {"listen", CONF_TEXT, 0, "127.0.0.1:7680", 1, 100, NULL, NULL, AT(intake, listen),
     "Địa chỉ và cổng nhận HTTP, phía sau nginx có TLS",
     "Address and port for HTTP, behind nginx with TLS"},
    {"agent", CONF_PATH, CONF_REQUIRED, NULL, 0, 0, NULL, NULL, AT(intake, agent),
     "Ổ cắm (socket) của agent làm hộ các trường; đường dẫn nhiều nhất 107 byte",
     "Control socket of the agent that serves the schools; a path of at most 107 bytes"},
    {"hosted", CONF_PATH, CONF_REQUIRED, NULL, 0, 0, NULL, NULL, AT(intake, hosted),
     "Thư mục các trường làm hộ: mã dùng một lần ở MÃ/once (chỉ đọc)",
     "Directory of hosted schools: one-time codes in CODE/once (only read)"},
    {"state", CONF_PATH, CONF_REQUIRED, NULL, 0, 0, NULL, NULL, AT(intake, state),
     "Thư mục tài khoản của trang nộp (đĩa cục bộ, quyền 0700)",
     "Directory of the page's accounts (a local disk, mode 0700)"},
    {"proxies", CONF_TEXT, 0, "127.0.0.1 ::1", 0, 1000, NULL, NULL, AT(intake, proxies),
     "Địa chỉ của proxy; chỉ tin X-Forwarded-For từ đây",
     "Addresses of the proxy; X-Forwarded-For is believed from these alone"},
    {.key = NULL},
};

static const conf_item PAGE_ITEMS[] = {
    {"name", CONF_TEXT, 0, "Liên thông", 1, 200, NULL, NULL, AT(page, name),
     "Tên đơn vị, ở đầu trang", "Name of the organisation, at the head of the page"},
    {"help", CONF_TEXT, 0, NULL, 1, 200, NULL, NULL, AT(page, help),
     "Hỏi ai khi cần giúp: tên, số điện thoại", "Whom to ask for help: name, telephone"},
    {"url", CONF_TEXT, 0, NULL, 1, 200, NULL, NULL, AT(page, url),
     "Địa chỉ https mà trường dùng, để in trong hướng dẫn dòng lệnh",
     "The https address that schools use, shown in the instructions for curl"},
    {.key = NULL},
};

static const conf_item LIMIT_ITEMS[] = {
    {"upload_mib", CONF_COUNT, 0, "20", 1, 64, NULL, NULL, AT(limits, upload_mib),
     "Tệp lớn nhất, MiB", "Largest file, MiB"},
    {"connections", CONF_COUNT, 0, "512", 16, 8192, NULL, NULL, AT(limits, connections),
     "Số kết nối cùng lúc", "Connections at the same time"},
    {"per_address", CONF_COUNT, 0, "128", 1, 8192, NULL, NULL, AT(limits, per_address),
     "Số yêu cầu cùng lúc từ một địa chỉ", "Requests at the same time from one address"},
    {"per_school", CONF_COUNT, 0, "8", 1, 1000, NULL, NULL, AT(limits, per_school),
     "Số tệp cùng lúc của một trường", "Files of one school at the same time"},
    {"per_hour", CONF_COUNT, 0, "240", 1, 100000, NULL, NULL, AT(limits, per_hour),
     "Số tệp một trường nộp trong một giờ", "Files that one school sends in an hour"},
    {"upload_time", CONF_DURATION, 0, "15m", 1000, 86400000, NULL, NULL, AT(limits, upload_time),
     "Thời gian tối đa để gửi một tệp", "Time limit of sending one file"},
    {"bytes_per_second", CONF_COUNT, 0, "1024", 1, 1048576, NULL, NULL,
     AT(limits, bytes_per_second), "Tốc độ gửi trung bình nhỏ nhất, sau 30 giây đầu",
     "Least average speed of sending, after the first 30 seconds"},
    {"idle", CONF_DURATION, 0, "30m", 60000, 86400000, NULL, NULL, AT(limits, idle),
     "Phiên đăng nhập hết hạn khi không dùng", "An unused session ends after"},
    {"session", CONF_DURATION, 0, "12h", 60000, 604800000, NULL, NULL, AT(limits, session),
     "Phiên đăng nhập dài nhất", "Longest session"},
    {"header_time", CONF_DURATION, 0, "20s", 1000, 600000, NULL, NULL, AT(limits, header_time),
     "Thời gian chờ phần đầu của một yêu cầu, và giữa hai yêu cầu",
     "Time limit of a request's headers, and between two requests"},
    {"agent_time", CONF_DURATION, 0, "30s", 1000, 600000, NULL, NULL, AT(limits, agent_time),
     "Agent im lặng bao lâu thì coi như đang nghỉ", "An agent silent for so long counts as away"},
    {.key = NULL},
};

const conf_item lth_conf__intake_items[] = {
    {"intake", CONF_TABLE, CONF_REQUIRED, NULL, 0, 0, NULL, INTAKE_ITEMS,
     offsetof(intake_texts, intake), "Trang nộp dữ liệu", "The upload page"},
    {"page", CONF_TABLE, 0, NULL, 0, 0, NULL, PAGE_ITEMS, offsetof(intake_texts, page),
     "Chữ trên trang", "Words on the page"},
    {"limits", CONF_TABLE, 0, NULL, 0, 0, NULL, LIMIT_ITEMS, offsetof(intake_texts, limits),
     "Giới hạn", "Limits"},
    {.key = NULL},
};

/* ADDRESS:PORT, [ADDRESS]:PORT */
static bool listen_ok(const char *text)
{
    char address[INET6_ADDRSTRLEN];
    uint8_t bytes[16];
    const char *colon = strrchr(text, ':');
    bool six = text[0] == '[';
    size_t n = colon != NULL ? (size_t)(colon - text) : 0;
    if (n < 2 || (six && text[n - 1] != ']')) {
        return false;
    }
    n -= six ? 2 : 0;
    if (n >= sizeof address) {
        return false;
    }
    memcpy(address, text + (six ? 1 : 0), n);
    address[n] = '\0';
    size_t digits = strspn(colon + 1, "0123456789");
    uint32_t port = 0;
    for (size_t i = 0; i < digits && i < 6; i++) {
        port = port * 10 + (uint32_t)(colon[1 + i] - '0');
    }
    return inet_pton(six ? AF_INET6 : AF_INET, address, bytes) == 1 && digits > 0 && digits < 6 &&
           colon[1 + digits] == '\0' && port > 0 && port < 65536;
}

static void check(const conf_file *file, const intake_texts *t)
{
    const conf_text *listen = &t->intake.listen, *agent = &t->intake.agent;
    if (listen->s != NULL && !listen_ok(listen->s)) {
        lth_conf__error(file, listen->at, "\"%s\" không phải ĐỊA_CHỈ_IP:CỔNG: ví dụ 127.0.0.1:7680",
                        "\"%s\" is not IP_ADDRESS:PORT: for example 127.0.0.1:7680", listen->s);
    }
    if (agent->s != NULL && strlen(agent->s) > CONF_SOCKET_MAX) {
        lth_conf__error(file, agent->at,
                        "đường dẫn socket dài %zu byte, nhiều nhất %u: đặt ở thư mục ngắn hơn",
                        "the socket's path has %zu bytes, at most %u: use a shorter directory",
                        strlen(agent->s), CONF_SOCKET_MAX);
    }
    const conf_text *url = &t->page.url;
    if (url->s != NULL && strncmp(url->s, "https://", 8) != 0) {
        lth_conf__error(file, url->at, "địa chỉ phải bắt đầu bằng https://",
                        "the address must begin with https://");
    }
}

void lth_conf__intake(conf_load *load, const char *path, lth_intake_conf *out)
{
    conf_file file;
    intake_texts t = {0};
    if (!lth_conf__file_open(&file, load, path)) {
        return;
    }
    lth_conf__read(&file, file.root, "intake.yaml", lth_conf__intake_items, &t);
    check(&file, &t);
    *out = (lth_intake_conf){
        .listen = t.intake.listen.s,
        .agent = t.intake.agent.s,
        .hosted = t.intake.hosted.s,
        .state = t.intake.state.s,
        .proxies = t.intake.proxies.s,
        .name = t.page.name.s,
        .help = t.page.help.s,
        .url = t.page.url.s,
        .upload_mib = (uint32_t)t.limits.upload_mib.v,
        .connections = (uint32_t)t.limits.connections.v,
        .per_address = (uint32_t)t.limits.per_address.v,
        .per_school = (uint32_t)t.limits.per_school.v,
        .per_hour = (uint32_t)t.limits.per_hour.v,
        .upload_ms = (uint32_t)t.limits.upload_time.v,
        .bytes_per_second = (uint32_t)t.limits.bytes_per_second.v,
        .idle_ms = (uint32_t)t.limits.idle.v,
        .session_ms = (uint32_t)t.limits.session.v,
        .header_ms = (uint32_t)t.limits.header_time.v,
        .agent_ms = (uint32_t)t.limits.agent_time.v,
    };
}
