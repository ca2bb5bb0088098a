/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/verb.h"

#include <stdio.h>
#include <string.h>

#include "base/suggest.h"

static enum command_exit refuse(const struct command_line *line, const char *command, const struct verb *verbs,
                                size_t count)
{
    struct suggest suggest;
    const char *name = line->arguments[0];
    suggest_init(&suggest, slice_from(name ? name : ""));
    if (name)
        fprintf(stderr, "%s %s: unknown action \"%s\"", line->program, command, name);
    else
        fprintf(stderr, "%s %s: say what", line->program, command);
    for (size_t i = 0; i < count; i++) {
        suggest_offer_text(&suggest, verbs[i].name);
        if (!name)
            fprintf(stderr, "%s %s", i == 0 ? ":" : i + 1 < count ? "," : " or", verbs[i].name);
    }
    if (name && suggest.best.ptr)
        fprintf(stderr, "; did you mean \"%.*s\"?", SLICE_ARG(suggest.best));
    fprintf(stderr, "\ntry: %s %s --help\n", line->program, command);
    return COMMAND_USAGE;
}

enum command_exit verb_find(const struct command_line *line, const char *command, const struct verb *verbs,
                            size_t count, size_t *at, const char **app_path)
{
    size_t i = 0;
    while (i < count && !(line->argument_count > 0 && strcmp(line->arguments[0], verbs[i].name) == 0))
        i++;
    if (i == count)
        return refuse(line, command, verbs, count);
    const struct verb *verb = &verbs[i];
    if (line->argument_count <= verb->argument_count) {
        fprintf(stderr, "%s %s %s: say %s\ntry: %s %s --help\n", line->program, command, verb->name, verb->arguments,
                line->program, command);
        return COMMAND_USAGE;
    }
    if (line->argument_count > verb->argument_count + 2) {
        fprintf(stderr, "%s %s %s: \"%s\" is one argument too many\n", line->program, command, verb->name,
                line->arguments[verb->argument_count + 2]);
        return COMMAND_USAGE;
    }
    const char *named = line->arguments[verb->argument_count + 1];
    *app_path = named ? named : line->running->app_path;
    *at = i;
    return COMMAND_DONE;
}
