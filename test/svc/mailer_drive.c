/* SPDX-License-Identifier: Apache-2.0 */
/* A mailer that does what its standard input says, for test/svc/mailer_test.py:
 *     mailer_drive URL FROM CA_FILE|- RETRY_MS TRIES QUEUE_LIMIT SHUTDOWN_MS TIMEOUT_MS
 *     send TO SUBJECT TEXT   each in hexadecimal; prints the error's code
 *     figures                prints queued sent retried given_up
 * Log lines go to standard error. At the end of the input it is destroyed, and says how long that took. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hex.h"
#include "base/log.h"
#include "svc/mailer.h"

static struct slice decode(const char *text, char *room, size_t size)
{
    size_t length = strlen(text) / 2;
    if (length > size || hex_decode(slice_from(text), room, length) != OK)
        exit(3);
    return slice_of(room, length);
}

static void send_mail(struct mailer *mailer, const char *to, const char *subject, const char *text)
{
    static char rooms[3][100000];
    const struct mailer_mail mail = {decode(to, rooms[0], sizeof rooms[0]), decode(subject, rooms[1], sizeof rooms[1]),
                                     decode(text, rooms[2], sizeof rooms[2])};
    printf("%s\n", error_code(mailer_send(mailer, &mail)));
}

static void obey(struct mailer *mailer)
{
    static char line[400000], to[200000], subject[200000], text[200000];
    while (fgets(line, sizeof line, stdin)) {
        if (sscanf(line, "send %199999s %199999s %199999s", to, subject, text) == 3)
            send_mail(mailer, to, subject, text);
        else if (strcmp(line, "figures\n") == 0) {
            struct mailer_figures f = mailer_figures(mailer);
            printf("%zu %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", f.queued, f.sent, f.retried, f.given_up);
        } else {
            exit(4);
        }
        fflush(stdout);
    }
}

int main(int argc, char **argv)
{
    int fd = STDERR_FILENO;
    struct log log;
    struct arena arena;
    struct diag diag;
    struct mailer *mailer;
    if (argc != 9)
        return 2;
    log_init(&log, clock_system(), log_write_fd, &fd);
    arena_init(&arena, 1 << 20);
    diag_init(&diag, &arena);
    const struct mailer_config config = {.url = argv[1],
                                         .from = argv[2],
                                         .ca_file = strcmp(argv[3], "-") == 0 ? NULL : argv[3],
                                         .log = &log,
                                         .retry_ms = strtol(argv[4], NULL, 10),
                                         .tries = (unsigned)strtoul(argv[5], NULL, 10),
                                         .queue_limit = strtoul(argv[6], NULL, 10),
                                         .timeout_ms = strtol(argv[8], NULL, 10)};
    enum error error = mailer_create(&config, &diag, &mailer);
    if (error != OK) {
        printf("%s: %s (%s)\n", error_code(error), diag.message ? diag.message : "", diag.hint ? diag.hint : "");
        arena_fini(&arena);
        return 1;
    }
    obey(mailer);
    int64_t began_us = clock_monotonic_us(clock_system());
    mailer_destroy(mailer, strtol(argv[7], NULL, 10));
    printf("ended %" PRId64 "\n", (clock_monotonic_us(clock_system()) - began_us) / 1000);
    log_fini(&log);
    arena_fini(&arena);
    return 0;
}
