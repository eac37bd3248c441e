/* lienthong-intake: the upload page of schools that have a browser and Excel. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agents/intake/web.h"
#include "lth/program.h"

#define REFRESH_S 30 /* how often the agent is asked for its schools */

static const lth_daemon_text text = {
    "lienthong-intake",
    "Trang nộp dữ liệu của các trường, có thư mục (hoặc tệp intake.yaml) đó; có thể đặt biến\n"
    "LIENTHONG_NODE. Chạy sau nginx có TLS. SIGTERM: dừng an toàn.\n"
    "lienthong-intake --reset MÃ_TRƯỜNG --node THƯ_MỤC: quên mật khẩu của trường, in mã dùng một\n"
    "lần mới.\n",
    "The upload page of schools, whose directory (or intake.yaml) is DIR; env LIENTHONG_NODE "
    "names\n"
    "it too. Runs behind nginx with TLS. SIGTERM stops cleanly.\n"
    "lienthong-intake --reset SCHOOL_CODE --node DIR: forgets the school's passphrase and prints "
    "a\n"
    "new one-time code.\n"};

static void print_line(void *ctx, const char *line)
{
    (void)fprintf(ctx, "%s\n", line);
}

static void block_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, set, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ,
           SIG_IGN); /* a full quota is an error of the write, not the end of the process */
}

static lth_err make_dirs(const char *state, lth_diag *diag)
{
    static const char *const names[] = {"", "/accounts", "/names"};
    char path[LTH_PATH_SIZE];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)lth_format(path, sizeof path, "%s%s", state, names[i]);
        if (mkdir(path, 0700) != 0 && errno != EEXIST)
            return lth_fail(diag, LTH_E_IO, "%s: %s", path, strerror(errno));
    }
    return LTH_OK;
}

/* One process a state directory. */
static lth_err lock_state(lth_intake *self, lth_diag *diag)
{
    char path[LTH_PATH_SIZE];
    (void)lth_format(path, sizeof path, "%s/lock", self->conf->state);
    self->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (self->lock_fd < 0)
        return lth_fail(diag, LTH_E_IO, "%s: %s", path, strerror(errno));
    if (flock(self->lock_fd, LOCK_EX | LOCK_NB) != 0)
        return lth_fail(diag, LTH_E_STORE_BUSY,
                        "%s: một lienthong-intake khác đang dùng / another one is using it", path);
    return LTH_OK;
}

/* Keys of cookies and of hashed addresses: they outlive a restart. */
static lth_err open_secret(lth_intake *self, lth_diag *diag)
{
    char path[LTH_PATH_SIZE];
    (void)lth_format(path, sizeof path, "%s/secret", self->conf->state);
    if (access(path, F_OK) == 0)
        return lth_crypto_secret_open(self->secret, path, diag);
    lth_random random = lth_crypto_random();
    random.fill(random.ctx, self->secret, sizeof self->secret);
    return lth_crypto_secret_write(path, self->secret, diag);
}

static lth_err open_state(lth_intake *self, lth_diag *diag)
{
    char path[LTH_PATH_SIZE];
    const lth_intake_conf *conf = self->conf;
    self->clock = &lth_clock_real;
    struct timespec now;
    LTH_ASSERT(clock_gettime(CLOCK_REALTIME_COARSE, &now) == 0);
    self->started_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    self->accounts = (lth_accounts){conf->state, conf->hosted, self->clock};
    self->names = (lth_names){conf->state};
    (void)pthread_mutex_init(&self->lock, NULL);
    lth_err err = make_dirs(conf->state, diag);
    if (err == LTH_OK)
        err = lock_state(self, diag);
    if (err == LTH_OK)
        err = open_secret(self, diag);
    if (err != LTH_OK)
        return err;
    (void)lth_format(path, sizeof path, "%s/failures.json", conf->state);
    self->sessions = lth_sessions_new(self->clock, conf->idle_ms, conf->session_ms);
    self->failures = lth_failures_new(self->clock, path, self->secret);
    self->schools = lth_schools_new(conf->agent, conf->state);
    if (self->sessions == NULL || self->failures == NULL || self->schools == NULL)
        return lth_fail(diag, LTH_E_NOMEM, "out of memory");
    return LTH_OK;
}

static void close_state(lth_intake *self)
{
    lth_diag diag = {0};
    if (self->failures != NULL && lth_failures_save(self->failures, &diag) != LTH_OK)
        lth_log_text(&self->log, LTH_LEVEL_ERROR, "state_failed", "reason", diag.text);
    lth_sessions_free(&self->sessions);
    lth_failures_free(&self->failures);
    lth_schools_free(&self->schools);
    free(self->hours);
    if (self->lock_fd >= 0)
        close(self->lock_fd);
}

/* The list of schools, asked for in its own thread: a silent agent must not stop the watch. */
typedef struct refresher {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stop;
    lth_intake *intake;
} refresher;

static void *refresh(void *arg)
{
    refresher *self = arg;
    bool answered = true;
    (void)pthread_mutex_lock(&self->lock);
    while (!self->stop) {
        lth_diag diag = {0};
        (void)pthread_mutex_unlock(&self->lock);
        bool good = lth_schools_refresh(self->intake->schools, &diag) == LTH_OK;
        if (good != answered)
            lth_log_text(&self->intake->log, good ? LTH_LEVEL_NOTICE : LTH_LEVEL_WARN,
                         good ? "agent_answers" : "agent_silent", "reason", diag.text);
        answered = good;
        struct timespec until;
        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += good ? REFRESH_S : 3;
        (void)pthread_mutex_lock(&self->lock);
        if (!self->stop)
            (void)pthread_cond_timedwait(&self->wake, &self->lock, &until);
    }
    (void)pthread_mutex_unlock(&self->lock);
    return NULL;
}

/* Until told to stop: once a second, slow connections and failed sign-ins. */
static void serve(lth_intake *self, const sigset_t *signals)
{
    lth_diag diag = {0};
    struct timespec second = {.tv_sec = 1};
    lth_service_notify("READY=1");
    for (;;) {
        int got = sigtimedwait(signals, NULL, &second);
        if (got == SIGTERM || got == SIGINT)
            return;
        lth_http_watch(self);
        if (lth_failures_save(self->failures, &diag) != LTH_OK)
            lth_log_text(&self->log, LTH_LEVEL_ERROR, "state_failed", "reason", diag.text);
        lth_service_notify("WATCHDOG=1");
    }
}

static int run(lth_intake *self, const sigset_t *signals)
{
    lth_diag diag = {0};
    refresher schools = {.intake = self};
    lth_err err = open_state(self, &diag);
    if (err == LTH_OK)
        err = lth_http_start(self, &diag);
    if (err != LTH_OK) {
        (void)fprintf(stderr, "lienthong-intake: %s\n", diag.text);
        return 2;
    }
    (void)pthread_mutex_init(&schools.lock, NULL);
    pthread_condattr_t steady; /* a clock that is set back must not make it wait for a day */
    (void)pthread_condattr_init(&steady);
    (void)pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&schools.wake, &steady);
    (void)pthread_condattr_destroy(&steady);
    bool started = pthread_create(&schools.thread, NULL, refresh, &schools) == 0;
    lth_log_event(&self->log, LTH_LEVEL_NOTICE, "started", "version=" LTH_VERSION " listen=%s",
                  self->conf->listen);
    if (started)
        serve(self, signals);
    lth_service_notify("STOPPING=1");
    (void)pthread_mutex_lock(&schools.lock);
    schools.stop = true;
    (void)pthread_cond_signal(&schools.wake);
    (void)pthread_mutex_unlock(&schools.lock);
    if (started)
        (void)pthread_join(schools.thread, NULL);
    lth_http_stop(self);
    lth_log_event(&self->log, LTH_LEVEL_NOTICE, "stopped", "%s", "");
    return started ? 0 : 2;
}

static int reset(const lth_intake_conf *conf, const char *school, bool english)
{
    lth_diag diag = {0};
    char once[LTH_ONCE_SIZE], code[LTH_CODE_MAX + 1];
    const lth_accounts accounts = {conf->state, conf->hosted, &lth_clock_real};
    if (!lth_code_clean(code, school)) {
        (void)fprintf(stderr, "lienthong-intake: %s: %s\n", school,
                      english ? "not the code of a school" : "không phải mã trường");
        return 2;
    }
    lth_err err = lth_account_reset(once, &accounts, code, &diag);
    if (err != LTH_OK) {
        (void)fprintf(stderr, "lienthong-intake: %s\n", diag.text);
        return err == LTH_E_NOT_FOUND ? 1 : 2;
    }
    printf(english ? "%s: one-time code %s\n" : "%s: mã dùng một lần %s\n", code, once);
    return 0;
}

/* --reset CODE out of the arguments, before the common ones are read. */
static const char *take_reset(int *argc, char **argv)
{
    for (int i = 1; i + 1 < *argc; i++)
        if (strcmp(argv[i], "--reset") == 0) {
            const char *code = argv[i + 1];
            memmove(&argv[i], &argv[i + 2], (size_t)(*argc - i - 1) * sizeof argv[0]);
            *argc -= 2;
            return code;
        }
    return NULL;
}

int main(int argc, char **argv)
{
    static lth_intake intake = {.lock_fd = -1};
    lth_daemon_options o;
    lth_conf *owner = NULL;
    lth_conf_errors errors = {0};
    sigset_t signals;
    lth_diag diag = {0};
    const char *school = take_reset(&argc, argv);
    int status = lth_daemon_parse(&o, &text, argc, argv);
    if (status >= 0)
        return status;
    block_signals(&signals);
    (void)umask(0077);
    intake.log = lth_log_stderr(o.level);
    status = 2;
    if (lth_crypto_init(&diag) != LTH_OK)
        (void)fprintf(stderr, "lienthong-intake: %s\n", diag.text);
    else if (lth_conf_load_intake(&owner, &intake.conf, o.node, &errors) != LTH_OK)
        lth_conf_errors_each(&errors, o.english, print_line, stderr);
    else
        status = school != NULL ? reset(intake.conf, school, o.english) : run(&intake, &signals);
    close_state(&intake);
    lth_conf_errors_fini(&errors);
    lth_conf_free(&owner);
    return status;
}
