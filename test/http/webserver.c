/* SPDX-License-Identifier: Apache-2.0 */
#include "webserver.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { REQUEST_BYTES = 16 * 1024, SECONDS_PER_DAY = 86400, RECEIVE_TIMEOUT_S = 10 };

struct webserver {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int listener;
    unsigned port;
    SSL_CTX *tls;
    char ca_file[64];
    char coming[REQUEST_BYTES + 1]; /* the thread's */

    /* Under the mutex. */
    char *answer, *repeated;
    size_t answer_bytes;
    bool is_held, is_ending;
    unsigned count;
    char request[REQUEST_BYTES + 1];
};

/* A connection: in the clear, or within TLS. */
struct line {
    int fd;
    SSL *tls;
};

static void die(const char *what)
{
    fprintf(stderr, "webserver: %s\n", what);
    abort();
}

static void add_names(X509 *certificate, const char *name)
{
    char text[128];
    X509_NAME *subject = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(certificate, subject);
    snprintf(text, sizeof text, "DNS:%s", name);
    X509_EXTENSION *names = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, text);
    X509_add_ext(certificate, names, -1);
    X509_EXTENSION_free(names);
}

static void make_tls(struct webserver *server, const struct webserver_tls *wanted)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), (long)wanted->from_day * SECONDS_PER_DAY);
    X509_gmtime_adj(X509_getm_notAfter(certificate), (long)wanted->to_day * SECONDS_PER_DAY);
    X509_set_pubkey(certificate, key);
    add_names(certificate, wanted->name);
    server->tls = SSL_CTX_new(TLS_server_method());
    if (X509_sign(certificate, key, EVP_sha256()) == 0 || SSL_CTX_use_certificate(server->tls, certificate) != 1 ||
        SSL_CTX_use_PrivateKey(server->tls, key) != 1)
        die("no certificate");
    strcpy(server->ca_file, "/tmp/webserver-XXXXXX");
    int fd = mkstemp(server->ca_file);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (!file || PEM_write_X509(file, certificate) != 1 || fclose(file) != 0)
        die("no file for the certificate");
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static long line_read(const struct line *line, char *room, size_t size)
{
    return line->tls ? SSL_read(line->tls, room, (int)size) : recv(line->fd, room, size, 0);
}

static bool line_write(const struct line *line, const char *bytes, size_t length)
{
    while (length > 0) {
        long sent = line->tls ? SSL_write(line->tls, bytes, (int)length) : send(line->fd, bytes, length, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        bytes += sent;
        length -= (size_t)sent;
    }
    return true;
}

/* Reads a head and as many bytes of a body as it announces. */
static bool read_request(const struct line *line, char *room)
{
    size_t length = 0, wanted = REQUEST_BYTES;
    while (length < wanted) {
        long got = line_read(line, room + length, REQUEST_BYTES - length);
        if (got <= 0)
            return false;
        length += (size_t)got;
        room[length] = '\0';
        const char *end = strstr(room, "\r\n\r\n"), *announced = strcasestr(room, "content-length:");
        if (end)
            wanted = (size_t)(end + 4 - room) +
                     (announced && announced < end ? strtoul(announced + sizeof "content-length:" - 1, NULL, 10) : 0);
    }
    return true;
}

static void answer_line(struct webserver *server, const struct line *line)
{
    if (!read_request(line, server->coming))
        return;
    pthread_mutex_lock(&server->mutex);
    memcpy(server->request, server->coming, sizeof server->request);
    server->count++;
    while (server->is_held && !server->is_ending)
        pthread_cond_wait(&server->changed, &server->mutex);
    char *answer = server->answer, *repeated = server->repeated;
    size_t bytes = server->answer_bytes;
    bool is_ending = server->is_ending;
    server->answer = server->repeated = NULL; /* this thread's until it is put back */
    pthread_mutex_unlock(&server->mutex);
    bool goes_on = !is_ending && answer && line_write(line, answer, bytes);
    while (goes_on && repeated)
        goes_on = line_write(line, repeated, strlen(repeated));
    pthread_mutex_lock(&server->mutex);
    if (!server->answer) {
        server->answer = answer;
        server->repeated = repeated;
    } else {
        free(answer);
        free(repeated);
    }
    pthread_mutex_unlock(&server->mutex);
}

static void serve_line(struct webserver *server, int fd)
{
    struct line line = {.fd = fd};
    struct timeval limit = {.tv_sec = RECEIVE_TIMEOUT_S};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (server->tls) {
        line.tls = SSL_new(server->tls);
        SSL_set_fd(line.tls, fd);
    }
    if (!line.tls || SSL_accept(line.tls) == 1)
        answer_line(server, &line);
    if (line.tls) {
        SSL_shutdown(line.tls);
        SSL_free(line.tls);
    }
    shutdown(fd, SHUT_WR);
    char rest[256];
    while (recv(fd, rest, sizeof rest, 0) > 0)
        ; /* so that closing does not destroy the answer */
    close(fd);
}

static void *serve(void *argument)
{
    struct webserver *server = argument;
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    for (int fd; (fd = accept(server->listener, NULL, NULL)) >= 0;)
        serve_line(server, fd);
    return NULL;
}

struct webserver *webserver_start(const struct webserver_tls *tls)
{
    struct webserver *server = calloc(1, sizeof *server);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    if (!server)
        die("no memory");
    pthread_mutex_init(&server->mutex, NULL);
    pthread_cond_init(&server->changed, NULL);
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (server->listener < 0 || bind(server->listener, (const struct sockaddr *)(const void *)&address, length) != 0 ||
        listen(server->listener, 64) != 0 ||
        getsockname(server->listener, (struct sockaddr *)(void *)&address, &length) != 0)
        die("no port");
    server->port = ntohs(address.sin_port);
    if (tls)
        make_tls(server, tls);
    webserver_answer_body(server, "200 OK", "");
    if (pthread_create(&server->thread, NULL, serve, server) != 0)
        die("no thread");
    return server;
}

void webserver_stop(struct webserver *server)
{
    pthread_mutex_lock(&server->mutex);
    server->is_ending = true;
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->mutex);
    shutdown(server->listener, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->listener);
    SSL_CTX_free(server->tls);
    if (server->ca_file[0])
        unlink(server->ca_file);
    free(server->answer);
    free(server->repeated);
    free(server);
}

unsigned webserver_port(const struct webserver *server)
{
    return server->port;
}

const char *webserver_ca_file(const struct webserver *server)
{
    return server->ca_file;
}

static void set_answer(struct webserver *server, char *answer, size_t length, char *repeated)
{
    pthread_mutex_lock(&server->mutex);
    free(server->answer);
    free(server->repeated);
    server->answer = answer;
    server->answer_bytes = length;
    server->repeated = repeated;
    pthread_mutex_unlock(&server->mutex);
}

void webserver_answer(struct webserver *server, const char *bytes, size_t length)
{
    char *copy = malloc(length + 1);
    if (!copy)
        die("no memory");
    memcpy(copy, bytes, length);
    set_answer(server, copy, length, NULL);
}

void webserver_answer_body(struct webserver *server, const char *status, const char *body)
{
    char *text = NULL;
    int length = asprintf(
        &text, "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
        status, strlen(body), body);
    if (length < 0)
        die("no memory");
    set_answer(server, text, (size_t)length, NULL);
}

void webserver_answer_endlessly(struct webserver *server, const char *first, const char *repeated)
{
    set_answer(server, strdup(first), strlen(first), strdup(repeated));
}

void webserver_hold(struct webserver *server)
{
    pthread_mutex_lock(&server->mutex);
    server->is_held = true;
    pthread_mutex_unlock(&server->mutex);
}

void webserver_let_go(struct webserver *server)
{
    pthread_mutex_lock(&server->mutex);
    server->is_held = false;
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->mutex);
}

unsigned webserver_count(struct webserver *server)
{
    pthread_mutex_lock(&server->mutex);
    unsigned count = server->count;
    pthread_mutex_unlock(&server->mutex);
    return count;
}

bool webserver_was_told(struct webserver *server, const char *text)
{
    pthread_mutex_lock(&server->mutex);
    bool holds = strstr(server->request, text) != NULL;
    pthread_mutex_unlock(&server->mutex);
    return holds;
}
