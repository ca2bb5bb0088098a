/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "app/engine.h"

int main(int argc, char **argv)
{
    struct arena arena;
    struct diag diag;
    struct engine *engine;
    arena_init(&arena, 16 * 1024 * 1024);
    diag_init(&diag, &arena);
    struct engine_options options = {.app_path = argc > 2 ? argv[2] : "app.yaml", .log_fd = 1};
    for (int i = 3; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--listen") == 0) options.listen = argv[i + 1];
        if (strcmp(argv[i], "--cores") == 0) options.cores = (unsigned)(argv[i + 1][0] - '0');
    }
    enum error error = engine_open(&options, &diag, &engine);
    if (error != OK) {
        for (struct diag_item *item = diag.first; item; item = item->next)
            fprintf(stderr, "%s:%u:%u: %s\n", item->place.file ? item->place.file : "", item->place.line, item->place.column, item->message);
        fprintf(stderr, "%s %s\n", error_code(error), diag.message ? diag.message : error_sentence(error));
        return 1;
    }
    error = engine_run(engine);
    engine_close(engine);
    arena_fini(&arena);
    return error != OK;
}
