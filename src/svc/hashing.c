/* SPDX-License-Identifier: Apache-2.0 */
/* Argon2id burns tens of milliseconds and megabytes: the pool bounds how many at once, and its queue how many wait. */
#include "svc/hashing.h"

#include "base/password.h"
#include "base/random.h"
#include "model/model.h"
#include "model/session.h"
#include "rt/offload.h"

struct checking {
    struct slice hash, password;
    bool is_right;
    enum error error;
};

static void check_on_pool(void *argument)
{
    struct checking *checking = argument;
    checking->error = password_verify(checking->hash, checking->password, &checking->is_right);
}

enum error hashing_check(const struct identity *identity, struct session *session, struct slice hash,
                         struct slice password, bool *is_right)
{
    struct checking checking = {.hash = hash.len > 0 ? hash : slice_from(identity->stand_in), .password = password};
    session_fini(session);
    TRY(offload_run(session->model->offload, session->fiber, session->deadline, check_on_pool, &checking));
    if (checking.error != OK && checking.error != ERROR_PARSE)
        return checking.error;
    *is_right = checking.error == OK && checking.is_right && hash.len > 0;
    return OK;
}

struct making {
    const struct password_params *params;
    struct slice password;
    char hash[PASSWORD_HASH_MAX];
    enum error error;
};

static void make_on_pool(void *argument)
{
    struct making *making = argument;
    struct random_source random;
    random_source_system(&random);
    making->error = password_hash(making->params, making->password, &random, making->hash, sizeof making->hash);
}

enum error hashing_make(const struct identity *identity, struct session *session, struct slice password,
                        struct slice *out)
{
    struct making *making = arena_zalloc(session->arena, sizeof *making);
    if (!making)
        return ERROR_MEMORY;
    making->params = &identity->config->password;
    making->password = password;
    session_fini(session);
    TRY(offload_run(session->model->offload, session->fiber, session->deadline, make_on_pool, making));
    *out = slice_from(making->hash);
    return making->error;
}
