/* SPDX-License-Identifier: Apache-2.0 */
/* Parsing a command line by the table, and printing the table as help. Options may stand before or behind the argument,
 * with their value behind a space or an equals sign. */
#include "cli/command.h"

#include <stdio.h>
#include <string.h>

#include "base/attr.h"
#include "base/suggest.h"
#include "cli/account_command.h"
#include "cli/adopter.h"
#include "cli/audit_command.h"
#include "cli/copy.h"
#include "cli/init.h"
#include "cli/keys.h"
#include "cli/look.h"
#include "cli/migrate_command.h"
#include "cli/plans.h"
#include "cli/reasons.h"
#include "cli/serve.h"

struct option {
    const char *name;  /* without the dashes */
    const char *value; /* what the help calls its value; NULL: it has none */
    const char *summary;
    size_t offset; /* of its member in struct command_line */
    bool is_many;  /* the member is a struct command_values */
};

static const struct option options[] = {
    {"listen", "HOST:PORT", "serve on this address instead of the app file's", offsetof(struct command_line, listen)},
    {"admin", "HOST:PORT", "metrics and health in detail here", offsetof(struct command_line, admin)},
    {"cores", "N", "cores that serve requests; 0 is one for each CPU", offsetof(struct command_line, cores)},
    {"share-port", NULL, "let another serve take over the same address, without a gap",
     offsetof(struct command_line, shares_port)},
    {"base", "APP.YAML", "compare with this app file instead of the recorded schema",
     offsetof(struct command_line, base)},
    {"contract", NULL, "also what takes away what older servers use", offsetof(struct command_line, is_contract)},
    {"database", "URL", "use this database instead of the app file's", offsetof(struct command_line, database)},
    {"steps", "N", "how many migrations; 1 where nothing is said", offsetof(struct command_line, steps)},
    {"yes", NULL, "do not ask", offsetof(struct command_line, is_sure)},
    {"as", "ID", "ask as the account with this id", offsetof(struct command_line, as)},
    {"scopes", "LIST", "narrowed to these permissions, as a token or key is: \"markets:read positions:*\"",
     offsetof(struct command_line, scopes)},
    {"name", "TEXT", "what the key is for", offsetof(struct command_line, name)},
    {"owner", "ID", "the account, by id or login, whose key it is and whose rights it is held to",
     offsetof(struct command_line, owner)},
    {"expires", "TIME", "good for so long: 90d, 12h; without it for ever", offsetof(struct command_line, expires)},
    {"rate", "LIMIT", "no more requests than this: 100/m, 5/15m", offsetof(struct command_line, rate)},
    {"overlap", "TIME", "the old key is good for so long yet; 24h where nothing is said, 0 ends it at once",
     offsetof(struct command_line, overlap)},
    {"role", "ROLE", "what the account may do", offsetof(struct command_line, role)},
    {"set", "FIELD=VALUE", "a field of the account; may be given many times", offsetof(struct command_line, set), true},
    {"unlocked", NULL, "let others write to the source meanwhile: to rehearse",
     offsetof(struct command_line, is_unlocked)},
    {"json", NULL, "print JSON for programs", offsetof(struct command_line, is_json)},
    {"output", "FILE", "write to a new file instead of standard output", offsetof(struct command_line, output)},
    {"access", "WHO", "none (the default), read or all: what `access:` says of every resource",
     offsetof(struct command_line, access)},
    {"app", "APP.YAML", "the app file, where it is not app.yaml", offsetof(struct command_line, app)},
    {"complete", NULL, "every chain must be there from its first line to its last",
     offsetof(struct command_line, is_complete)},
    {"help", NULL, "print this", offsetof(struct command_line, is_help)},
};

const struct command command_table[] = {
    {"init", "[dir]", "", "write a small app.yaml that works, to begin with",
     "Makes the folder if need be, and overwrites nothing.", init_run},
    {"check", "[app.yaml]", "json", "report every mistake in an app file",
     "Prints file:line:column of each, with what to do about it, and runs the tests of the file. Warnings are no "
     "failure.",
     look_check},
    {"serve", "[app.yaml]", "listen admin cores share-port", "serve the app",
     "Creates the tables of an empty database; a database that differs from the app file is refused with what "
     "differs.\n"
     "SIGTERM drains and stops, a second one stops at once; SIGHUP reloads the app file, or keeps the old one.\n"
     "To replace a server that runs with --share-port, start the new one with it too (and another --admin), then send\n"
     "the old one SIGTERM.",
     serve_run},
    {"dev", "[app.yaml]", "listen admin cores", "serve, add what the database lacks, reload on every change",
     "Adds tables, columns and indexes by itself; whatever would change or lose what is stored is refused.", serve_dev},
    {"adopt", "<database>", "output access", "write the app file of a database that exists",
     "The database is sqlite:file.db or postgres://user@host/name. It is read, looked through for what its values "
     "are,\n"
     "and not changed. What cannot be served is left out, with a comment that says why. Nobody may read or write\n"
     "anything until `access:` says who.",
     adopter_run},
    {"migrate", "ACTION [NAME] [app.yaml]", "base contract database steps yes json",
     "change the database as the app file has changed",
     "  diff          write what leads from the recorded schema to the app file: migrations/NNNN_name.….sql\n"
     "  new NAME      write an empty migration, to be filled by hand\n"
     "  lint          say what each pending statement locks, writes anew or loses, and how to do it instead\n"
     "  check         prove on a copy that up, down and up again leave everything as it was\n"
     "  up            apply what is pending; --contract also what takes away what older servers use\n"
     "  down          take back the last one, or --steps N; asks before it loses what is stored\n"
     "  status        list them all",
     migrate_command_run},
    {"routes", "[app.yaml]", "json", "list the routes, each with its middleware", NULL, look_routes},
    {"explain", "REQUEST [app.yaml]", "as json", "show a request's SQL, its plans, and the indexes that it misses",
     "REQUEST is written in quotes: 'GET /api/v1/markets?status=active&sort=-volume&limit=20'\n"
     "Serves the request once, reading only, and shows each statement that it ran: arguments, the database's plan, "
     "rows\n"
     "read against rows returned, time. Where an index would help there is a patch for the app file (patch -p1).",
     plans_explain},
    {"why", "REQUEST [app.yaml]", "as scopes json", "say why a request is allowed or denied, rule by rule",
     "REQUEST is written in quotes, with a body behind it if need be: 'PATCH /api/v1/markets/7 {\"status\": "
     "\"active\"}'\n"
     "Shows who asks, the rules that are theirs, what each clause comes to with the values that decided, its SQL, and "
     "the\n"
     "fields that may be read and written. Nothing is written, and nothing hidden is shown.",
     reasons_why},
    {"schema", "app", "", "print the JSON Schema of app files, for editors",
     "In app.yaml: # yaml-language-server: $schema=./app.schema.json", look_schema},
    {"copy", "<from> <to> [app.yaml]", "unlocked json",
     "copy the app's database into an empty one: out of SQLite, or back",
     "<from> and <to> are URLs, sqlite:data/app.db or postgres://…; <to> holds none of the app's tables.\n"
     "Nobody else can write to <from> meanwhile. Every table is read back and compared; unless all of them agree,\n"
     "nothing of the copy stays.",
     copy_run},
    {"audit", "[log...]", "app database complete json", "say whether the audit trail in a log is as it was written",
     "Reads log lines of `tenon serve`, the oldest file first, or standard input, and holds them against the key in "
     "the\n"
     "app's database. Says which lines were changed, left out, added, repeated or put in another order, and exits with "
     "1\n"
     "then. That a chain begins before these logs, or has not ended, is only said, unless --complete is given.",
     audit_command_run},
    {"key", "ACTION [ID] [app.yaml]", "name scopes owner expires rate overlap database json",
     "make and end the keys with which programs ask",
     "  create        make one: --name and --scopes, and if need be --owner, --expires and --rate.\n"
     "                It is printed on standard output, this once; the database has its digest alone\n"
     "  list          list them all: whose, for what, when last used, until when; never the secret\n"
     "  rotate ID     make another with the same name, owner, scopes and limit; the old one ends after --overlap\n"
     "  revoke ID     end one: a server that runs refuses it within a second\n"
     "A key has no more than its scopes; one with an owner also no more than the owner's role.",
     keys_run},
    {"account", "ACTION [LOGIN] [ROLE] [app.yaml]", "role set database json",
     "make and change the accounts of people, the first administrator's too",
     "  add LOGIN         make one, with --role and a --set for each field that must be there; reads its password\n"
     "  list              list them all: id, login, role, how many sign-ins\n"
     "  role LOGIN ROLE   give it another role, which counts within a second\n"
     "  signout LOGIN     end every sign-in\n"
     "  password LOGIN    give it another password, which is read, and end every sign-in\n"
     "LOGIN is what one signs in with, or the id. Passwords are read from standard input: one line, and not shown.\n"
     "Access rules and `readonly` do not bind whoever has the database: nobody has to sign in for this.",
     account_command_run},
    {"version", NULL, "json", "print the version", NULL, look_version},
    {NULL},
};

static const struct command *find_command(const char *name)
{
    for (const struct command *command = command_table; command->name; command++)
        if (strcmp(command->name, name) == 0)
            return command;
    return NULL;
}

static bool takes(const struct command *command, const struct option *option)
{
    struct slice rest = slice_from(command->options);
    struct slice name;
    if (strcmp(option->name, "help") == 0)
        return true;
    while (slice_split(&rest, ' ', &name))
        if (slice_eq_text(name, option->name))
            return true;
    return false;
}

static void print_suggestion(const struct suggest *suggest, const char *dashes)
{
    if (suggest->best.ptr)
        fprintf(stderr, "; did you mean \"%s%.*s\"?", dashes, SLICE_ARG(suggest->best));
    fputc('\n', stderr);
}

static enum command_exit refuse_command(const char *program, const char *name)
{
    struct suggest suggest;
    suggest_init(&suggest, slice_from(name));
    for (const struct command *command = command_table; command->name; command++)
        suggest_offer_text(&suggest, command->name);
    fprintf(stderr, "%s: unknown command \"%s\"", program, name);
    print_suggestion(&suggest, "");
    fprintf(stderr, "try: %s --help\n", program);
    return COMMAND_USAGE;
}

static enum command_exit refuse_option(const char *program, const struct command *command, struct slice name)
{
    struct suggest suggest;
    suggest_init(&suggest, name);
    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        if (takes(command, &options[i]))
            suggest_offer_text(&suggest, options[i].name);
    fprintf(stderr, "%s %s: unknown option \"--%.*s\"", program, command->name, SLICE_ARG(name));
    print_suggestion(&suggest, "--");
    fprintf(stderr, "try: %s %s --help\n", program, command->name);
    return COMMAND_USAGE;
}

static void print_option(const struct option *option)
{
    char left[40];
    snprintf(left, sizeof left, "--%s%s%s", option->name, option->value ? " " : "", option->value ? option->value : "");
    printf("  %-22s %s\n", left, option->summary);
}

static void print_command_help(const char *program, const struct command *command)
{
    printf("usage: %s %s%s%s [options]\n\n%s\n", program, command->name, command->argument ? " " : "",
           command->argument ? command->argument : "", command->summary);
    if (command->details)
        printf("%s\n", command->details);
    printf("\noptions\n");
    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        if (takes(command, &options[i]))
            print_option(&options[i]);
}

static enum command_exit print_help(const char *program)
{
    printf("usage: %s <command> [argument] [options]\n\ncommands\n", program);
    for (const struct command *command = command_table; command->name; command++) {
        char left[40];
        snprintf(left, sizeof left, "%s %s", command->name, command->argument ? command->argument : "");
        printf("  %-33s %s\n", left, command->summary);
    }
    printf("\n%s <command> --help says more. The app file is app.yaml where none is named.\n"
           "exit codes: 0 done, 1 failed, 2 the command line is wrong\n",
           program);
    return COMMAND_DONE;
}

struct parser {
    int argc;
    char **argv;
    int at;
    const struct command *command;
    struct command_line *line;
};

static enum command_exit take_value(const char **member, const char *value)
{
    *member = value;
    return COMMAND_DONE;
}

static enum command_exit add_value(const struct parser *parser, const struct option *option,
                                   struct command_values *member, const char *value)
{
    if (member->count == COMMAND_VALUES_MAX) {
        fprintf(stderr, "%s %s: --%s is given more than %d times\n", parser->line->program, parser->command->name,
                option->name, COMMAND_VALUES_MAX);
        return COMMAND_USAGE;
    }
    member->items[member->count++] = value;
    return COMMAND_DONE;
}

static enum command_exit read_option(struct parser *parser)
{
    struct slice rest = slice_from(parser->argv[parser->at] + 2);
    struct slice name;
    slice_split(&rest, '=', &name);
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        const struct option *option = &options[i];
        if (!takes(parser->command, option) || !slice_eq_text(name, option->name))
            continue;
        void *member = (char *)parser->line + option->offset;
        if (!option->value && !rest.ptr) {
            *(bool *)member = true;
            return COMMAND_DONE;
        }
        const char *value = rest.ptr ? rest.ptr : parser->at + 1 < parser->argc ? parser->argv[++parser->at] : NULL;
        if (!option->value || !value) {
            fprintf(stderr, "%s %s: --%s %s\n", parser->line->program, parser->command->name, option->name,
                    option->value ? "needs a value" : "takes no value");
            return COMMAND_USAGE;
        }
        return option->is_many ? add_value(parser, option, member, value) : take_value(member, value);
    }
    return refuse_option(parser->line->program, parser->command, name);
}

/* How many arguments a command takes. */
static size_t count_words(const char *text)
{
    size_t count = 0;
    if (text && strstr(text, "..."))
        return COMMAND_ARGUMENTS_MAX;
    for (const char *c = text; c && *c; c++)
        count += *c != ' ' && (c == text || c[-1] == ' ');
    return count;
}

static enum command_exit read_argument(struct parser *parser)
{
    const char *argument = parser->argv[parser->at];
    if (parser->line->argument_count < count_words(parser->command->argument)) {
        parser->line->arguments[parser->line->argument_count++] = argument;
        return COMMAND_DONE;
    }
    fprintf(stderr, "%s %s: \"%s\" is one argument too many\n", parser->line->program, parser->command->name, argument);
    return COMMAND_USAGE;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

enum command_exit command_main(const struct command_program *running, int argc, char **argv)
{
    const char *program = argc > 0 ? base_name(argv[0]) : "tenon";
    struct command_line line = {.program = program, .running = running};
    if (argc < 2) {
        print_help(program);
        return COMMAND_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0)
        return print_help(program);
    const char *name = strcmp(argv[1], "--version") == 0 ? "version" : argv[1];
    struct parser parser = {argc, argv, 2, find_command(name), &line};
    if (!parser.command)
        return refuse_command(program, argv[1]);
    for (; parser.at < argc; parser.at++) {
        bool is_option = strncmp(argv[parser.at], "--", 2) == 0;
        enum command_exit read = is_option ? read_option(&parser) : read_argument(&parser);
        if (read != COMMAND_DONE)
            return read;
    }
    if (line.is_help) {
        print_command_help(program, parser.command);
        return COMMAND_DONE;
    }
    return parser.command->run(&line);
}
