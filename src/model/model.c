/* SPDX-License-Identifier: Apache-2.0 */
/* The model's root: what sessions share. The key that signs cursors is made once per database and kept in it, so that a
 * cursor outlives a restart and holds on every node. */
#include "model/model.h"

#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "base/uuid.h"
#include "data/sql.h"
#include "model/secret.h"

static enum error core_init(struct model_core *core, enum dialect dialect)
{
    core->sql = calloc(1, sizeof *core->sql); /* so that core_fini() may come at any point */
    core->random = malloc(sizeof *core->random);
    core->uuids = malloc(sizeof *core->uuids);
    if (!core->sql || !core->random || !core->uuids)
        return ERROR_MEMORY;
    sql_init(core->sql, NULL, dialect);
    random_source_system(core->random);
    uuid_source_init(core->uuids);
    return OK;
}

static void core_fini(struct model_core *core)
{
    if (core->sql)
        sql_fini(core->sql);
    free(core->sql);
    free(core->random);
    free(core->uuids);
}

enum error model_create(const struct schema *schema, struct db *db, struct offload *offload, unsigned core_count,
                        struct model **out)
{
    struct model *model = calloc(1, sizeof *model);
    if (!model)
        return ERROR_MEMORY;
    enum error error = ERROR_MEMORY;
    *model = (struct model){.schema = schema, .db = db, .offload = offload, .core_count = core_count};
    model->password = password_params_default();
    model->cores = calloc(core_count + 1, sizeof *model->cores);
    if (!model->cores)
        goto fail;
    for (unsigned i = 0; i <= core_count; i++)
        if ((error = core_init(&model->cores[i], db ? db_dialect(db) : DIALECT_SQLITE)) != OK)
            goto fail;
    if (db && (error = secret_get(db, "cursor", model->cursor_key, sizeof model->cursor_key)) != OK)
        goto fail;
    *out = model;
    return OK;
fail:
    model_destroy(model);
    return error;
}

void model_destroy(struct model *model)
{
    if (!model)
        return;
    for (unsigned i = 0; model->cores && i <= model->core_count; i++)
        core_fini(&model->cores[i]);
    free(model->cores);
    free(model);
}
