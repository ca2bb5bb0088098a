/* SPDX-License-Identifier: Apache-2.0 */
/* The public C API: the command line of a program around an app file. */
#include "app/program.h"
#include "cli/command.h"

int tn_app_main(tn_app *app, int argc, char **argv)
{
    const struct command_program program = {.app_path = app->path, .extend = program_extend, .extend_state = app};
    enum command_exit code = command_main(&program, argc, argv);
    program_destroy(app);
    return (int)code;
}
