/* SPDX-License-Identifier: Apache-2.0 */
/* The `tenon` program. */
#include "cli/command.h"

int main(int argc, char **argv)
{
    const struct command_program tenon = {.app_path = "app.yaml"};
    return (int)command_main(&tenon, argc, argv);
}
