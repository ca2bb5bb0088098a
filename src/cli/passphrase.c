/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a password. A terminal that does not show what is typed must show it again whatever happens: signals that
 * would end the program wait meanwhile, and end it when the terminal is as it was. */
#include "cli/passphrase.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

static void list_signals(sigset_t *out)
{
    static const int ending[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
    sigemptyset(out);
    for (size_t i = 0; i < ARRAY_LEN(ending); i++)
        sigaddset(out, ending[i]);
}

void passphrase_shelter(sigset_t *before)
{
    sigset_t signals;
    list_signals(&signals);
    sigprocmask(SIG_BLOCK, &signals, before);
}

void passphrase_unshelter(const sigset_t *before)
{
    sigprocmask(SIG_SETMASK, before, NULL);
}

enum outcome { READ_LINE, READ_END, READ_TOO_LONG, READ_FAILED };

/* Byte by byte, so that nothing behind the line is taken. `signals` -1: nobody waits for one. */
static enum outcome read_line(int signals, char room[PASSPHRASE_BYTES_MAX], struct slice *out)
{
    size_t used = 0;
    for (;;) {
        struct pollfd files[] = {{STDIN_FILENO, POLLIN, 0}, {signals, POLLIN, 0}};
        char byte;
        if (poll(files, 2, -1) < 0 && errno != EINTR)
            return READ_FAILED;
        if (files[1].revents)
            return READ_END;
        if (!files[0].revents)
            continue;
        ssize_t count = read(STDIN_FILENO, &byte, 1);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return READ_FAILED;
        *out = slice_of(room, used);
        if (count == 0 || byte == '\n')
            return count == 0 && used == 0 ? READ_END : READ_LINE;
        if (used == PASSPHRASE_BYTES_MAX)
            return READ_TOO_LONG;
        room[used++] = byte;
    }
}

static enum outcome ask(const char *prompt, int signals, char room[PASSPHRASE_BYTES_MAX], struct slice *out)
{
    fputs(prompt, stderr);
    enum outcome outcome = read_line(signals, room, out);
    fputc('\n', stderr);
    return outcome;
}

static enum outcome ask_twice(int signals, char room[PASSPHRASE_BYTES_MAX], struct slice *out, bool *is_same)
{
    char other[PASSPHRASE_BYTES_MAX];
    struct slice again;
    enum outcome outcome = ask("password: ", signals, room, out);
    if (outcome == READ_LINE)
        outcome = ask("once more: ", signals, other, &again);
    if (outcome == READ_LINE)
        *is_same = slice_eq(*out, again);
    explicit_bzero(other, sizeof other);
    return outcome;
}

static enum outcome read_terminal(char room[PASSPHRASE_BYTES_MAX], struct slice *out, bool *is_same)
{
    struct termios shown, hidden;
    sigset_t waiting, before;
    list_signals(&waiting);
    if (tcgetattr(STDIN_FILENO, &shown) != 0)
        return READ_FAILED;
    passphrase_shelter(&before);
    int signals = signalfd(-1, &waiting, SFD_CLOEXEC);
    hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    enum outcome outcome = READ_FAILED;
    if (signals >= 0 && tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden) == 0) {
        outcome = ask_twice(signals, room, out, is_same);
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
    }
    if (signals >= 0)
        close(signals);
    passphrase_unshelter(&before);
    return outcome;
}

enum error passphrase_read(struct diag *diag, char room[PASSPHRASE_BYTES_MAX], struct slice *out)
{
    bool is_same = true;
    enum outcome outcome = isatty(STDIN_FILENO) ? read_terminal(room, out, &is_same) : read_line(-1, room, out);
    if (outcome == READ_FAILED) {
        diag_say(diag, NULL, "the password cannot be read: %s", strerrordesc_np(errno));
        return ERROR_IO;
    }
    if (outcome == READ_LINE && out->len > 0 && out->ptr[out->len - 1] == '\r')
        out->len--;
    if (outcome == READ_LINE && is_same && out->len > 0)
        return OK;
    diag_say(diag, "it is read from standard input, as one line: echo … | tenon account …",
             outcome == READ_TOO_LONG ? "the password is longer than any is taken"
             : !is_same               ? "these are two passwords"
                                      : "there is no password");
    return ERROR_VALIDATION;
}
