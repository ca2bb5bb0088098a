/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON Schema of an app file, from the tables that read it: settings.def and the sections of a resource.
 *
 * It is for editors: it completes names and marks what is plainly wrong. What it lets pass (a field's line, an
 * expression) `tenon check` judges. YAML types what stands unquoted, so a number or a bool is allowed wherever a text
 * is; every scalar may be a `${variable}`.
 *
 * The rows of settings.def are sorted by section, so the objects of sections open and close by comparing a row's path
 * with the one before: `open` is the path of the section that is open. */
#include "app/appschema.h"

#include "app/settings.h"
#include "base/jsonwrite.h"
#include "model/schema_build.h"

static void put_text(struct buf *out, const char *text)
{
    jsonwrite_string(out, slice_from(text));
}

/* `"a", "b"` of the choices `a|b`. */
static void put_choices(struct buf *out, const char *choices)
{
    struct slice rest = slice_from(choices), choice;
    for (int i = 0; slice_split(&rest, '|', &choice); i++) {
        buf_put_text(out, i > 0 ? ", " : "");
        if (slice_eq_text(choice, "true") || slice_eq_text(choice, "false"))
            buf_put_slice(out, choice);
        else
            jsonwrite_string(out, choice);
    }
}

static const char *definition_of(enum settings_kind kind)
{
    switch (kind) {
    case SETTINGS_COUNT: return "count";
    case SETTINGS_SIZE: return "size";
    case SETTINGS_DURATION_MS:
    case SETTINGS_DURATION_S: return "duration";
    case SETTINGS_ADDRESSES:
    case SETTINGS_PROXIES:
    case SETTINGS_ORIGINS: return "texts";
    case SETTINGS_TEXTS: return "list";
    case SETTINGS_CONDITION: return "condition";
    case SETTINGS_KEYS: return "keys";
    case SETTINGS_ISSUERS: return "issuers";
    case SETTINGS_PROVIDERS: return "providers";
    case SETTINGS_LIMITS: return "limits";
    case SETTINGS_CLIENTS: return "clients";
    default: return "text";
    }
}

static void put_setting(struct buf *out, const struct settings_row *row)
{
    buf_put_literal(out, "{");
    if (row->choices) {
        buf_put_literal(out, "\"anyOf\": [{\"enum\": [");
        put_choices(out, row->choices);
        buf_put_literal(out, "]}, {\"$ref\": \"#/$defs/variable\"}]");
    } else {
        buf_printf(out, "\"$ref\": \"#/$defs/%s\"", definition_of(row->kind));
    }
    buf_put_literal(out, ", \"description\": ");
    put_text(out, row->help);
    if (row->standard) {
        bool is_bare =
            row->kind == SETTINGS_COUNT || strcmp(row->standard, "true") == 0 || strcmp(row->standard, "false") == 0;
        buf_put_literal(out, ", \"default\": ");
        if (is_bare)
            buf_put_text(out, row->standard);
        else
            put_text(out, row->standard);
    }
    buf_put_literal(out, "}");
}

/* What is common to both paths, in whole sections. */
static size_t common_sections(struct slice a, struct slice b)
{
    size_t common = 0;
    for (size_t i = 0; i < a.len && i < b.len && a.ptr[i] == b.ptr[i]; i++)
        if (a.ptr[i] == '.')
            common = i + 1;
    return common;
}

static size_t count_dots(struct slice text)
{
    size_t dots = 0;
    for (size_t i = 0; i < text.len; i++)
        dots += text.ptr[i] == '.';
    return dots;
}

/* Closes the sections behind `keep` bytes of the open path and opens those of the row. */
static void move_to(struct buf *out, struct slice *open, struct slice path)
{
    size_t keep = common_sections(*open, path);
    for (size_t left = count_dots(slice_from_index(*open, keep)); left > 0; left--)
        buf_put_literal(out, "}}");
    if (open->len > 0 || keep > 0)
        buf_put_literal(out, ",\n");
    struct slice rest = slice_from_index(path, keep), part;
    while (count_dots(rest) > 0 && slice_split(&rest, '.', &part)) {
        jsonwrite_string(out, part);
        bool has_short_form = slice_eq_text(part, "database"); /* its URL alone */
        buf_put_literal(out, ": {\"type\": [");
        buf_put_text(out, has_short_form ? "\"string\", " : "");
        buf_put_literal(out, "\"object\", \"null\"], \"additionalProperties\": false, \"properties\": {\n");
    }
    jsonwrite_string(out, rest);
    buf_put_literal(out, ": ");
    *open = path;
}

static void put_settings(struct buf *out)
{
    size_t count;
    const struct settings_row *rows = settings_rows(&count);
    struct slice open = SLICE("");
    for (size_t i = 0; i < count; i++) {
        move_to(out, &open, slice_from(rows[i].path));
        put_setting(out, &rows[i]);
    }
    for (size_t left = count_dots(open); left > 0; left--)
        buf_put_literal(out, "}}");
}

/* What stands in each section of a resource, by the names of schema_build_sections(). */
static const struct shape {
    const char *name, *json;
} shapes[] = {
    {"id", "\"enum\": [\"uuid\", \"int\"]"},
    {"fields", "\"type\": [\"object\", \"null\"], \"propertyNames\": {\"$ref\": \"#/$defs/name\"}, "
               "\"additionalProperties\": {\"$ref\": \"#/$defs/field\"}"},
    {"indexes", "\"type\": [\"array\", \"null\"], \"items\": {\"$ref\": \"#/$defs/index\"}"},
    {"search", "\"type\": [\"array\", \"null\"], \"items\": {\"$ref\": \"#/$defs/name\"}"},
    {"access", "\"type\": [\"object\", \"null\"], \"additionalProperties\": {\"$ref\": \"#/$defs/rules\"}, "
               "\"propertyNames\": {\"enum\": [\"all\", \"write\", \"read\", \"create\", \"update\", \"delete\"]}"},
    {"description", "\"type\": \"string\""},
    {"table", "\"type\": \"string\""},
    {"key", "\"anyOf\": [{\"$ref\": \"#/$defs/name\"}, {\"type\": \"array\", \"minItems\": 1, \"maxItems\": 8, "
            "\"items\": {\"$ref\": \"#/$defs/name\"}}]"},
    {"view", "\"type\": \"boolean\", \"default\": false"},
    {"timestamps", "\"type\": \"boolean\", \"default\": true"},
    {"version", "\"type\": \"boolean\", \"default\": true"},
    {"renamed_from", "\"$ref\": \"#/$defs/name\""},
};

static void put_resource(struct buf *out)
{
    buf_put_literal(out,
                    "\"resource\": {\"type\": \"object\", \"additionalProperties\": false, \"required\": [\"fields\"], "
                    "\"properties\": {");
    const char *comma = "\n";
    for (const struct schema_section *section = schema_build_sections(); section->name; section++)
        for (size_t i = 0; section->help && i < ARRAY_LEN(shapes); i++) {
            if (strcmp(shapes[i].name, section->name) != 0)
                continue;
            buf_put_text(out, comma);
            put_text(out, section->name);
            buf_printf(out, ": {%s, \"description\": ", shapes[i].json);
            put_text(out, section->help);
            buf_put_literal(out, "}");
            comma = ",\n";
        }
    buf_put_literal(out, "}}");
}

static const char definitions[] =
    "\"variable\": {\"type\": \"string\", \"pattern\": \"\\\\$\\\\{\"},\n"
    "\"text\": {\"type\": [\"string\", \"number\", \"boolean\"]},\n"
    "\"list\": {\"type\": \"array\", \"items\": {\"$ref\": \"#/$defs/text\"}},\n"
    "\"texts\": {\"anyOf\": [{\"$ref\": \"#/$defs/text\"}, {\"$ref\": \"#/$defs/list\"}]},\n"
    "\"count\": {\"anyOf\": [{\"type\": \"integer\", \"minimum\": 0}, {\"$ref\": \"#/$defs/variable\"}]},\n"
    "\"size\": {\"anyOf\": [{\"type\": \"string\", \"pattern\": \"^[0-9]+([KMGT]i?)?B$\"}, "
    "{\"$ref\": \"#/$defs/variable\"}]},\n"
    "\"duration\": {\"anyOf\": [{\"type\": \"string\", \"pattern\": \"^[0-9]+(ms|s|m|h|d|w)$\"}, "
    "{\"$ref\": \"#/$defs/variable\"}]},\n"
    "\"name\": {\"type\": \"string\", \"pattern\": \"^[A-Za-z][A-Za-z0-9_]*$\", \"maxLength\": 60},\n"
    "\"condition\": {\"type\": [\"string\", \"boolean\"]},\n"
    "\"field\": {\"anyOf\": [{\"type\": \"string\", \"minLength\": 1}, {\"type\": \"object\", "
    "\"additionalProperties\": false, \"required\": [\"type\"], \"properties\": {\"type\": {\"type\": \"string\"}, "
    "\"pattern\": {\"type\": \"string\"}, \"min\": {\"$ref\": \"#/$defs/text\"}, \"max\": {\"$ref\": "
    "\"#/$defs/text\"}, "
    "\"description\": {\"type\": \"string\"}, \"as\": {\"$ref\": \"#/$defs/name\"}, "
    "\"column\": {\"type\": \"string\"}, "
    "\"renamed_from\": {\"$ref\": \"#/$defs/name\"}}}]},\n"
    "\"index\": {\"anyOf\": [{\"type\": \"string\"}, {\"type\": \"object\", \"additionalProperties\": false, "
    "\"required\": [\"fields\"], \"properties\": {\"fields\": {\"$ref\": \"#/$defs/texts\"}, "
    "\"where\": {\"$ref\": \"#/$defs/condition\"}, \"unique\": {\"type\": \"boolean\"}, "
    "\"include\": {\"$ref\": \"#/$defs/list\"}, "
    "\"using\": {\"enum\": [\"btree\", \"hash\", \"gin\", \"gist\"]}}}]},\n"
    "\"input\": {\"anyOf\": [{\"$ref\": \"#/$defs/field\"}, {\"type\": \"object\", "
    "\"additionalProperties\": false, \"required\": [\"list\"], \"properties\": {\"list\": {\"type\": \"object\", "
    "\"propertyNames\": {\"$ref\": \"#/$defs/name\"}, \"additionalProperties\": {\"$ref\": \"#/$defs/field\"}}, "
    "\"sort\": {\"$ref\": \"#/$defs/name\"}, \"min\": {\"$ref\": \"#/$defs/count\"}, \"max\": {\"$ref\": "
    "\"#/$defs/count\"}, "
    "\"description\": {\"type\": \"string\"}}}]},\n"
    "\"step\": {\"type\": \"object\", \"additionalProperties\": false, \"required\": [\"sql\"], \"properties\": {"
    "\"as\": {\"$ref\": \"#/$defs/name\", \"description\": \"its name, for later steps and the answer\"}, "
    "\"each\": {\"$ref\": \"#/$defs/name\", \"description\": \"the list for whose objects it is run\"}, "
    "\"sql\": {\"type\": \"string\", \"description\": \"one statement with :parameters\"}, "
    "\"expect\": {\"$ref\": \"#/$defs/text\", \"description\": \"rows returned, or changed: 1, 0, 1.., 0..5\"}, "
    "\"else\": {\"type\": \"string\", \"pattern\": \"^(4[0-9][0-9]|503) +[A-Z][A-Z0-9_]*( |$)\", "
    "\"description\": \"what is answered when the expectation fails\"}}},\n"
    "\"action\": {\"type\": \"object\", \"additionalProperties\": false, \"required\": [\"steps\"], \"properties\": {"
    "\"description\": {\"type\": \"string\"}, "
    "\"route\": {\"type\": \"string\", \"pattern\": \"^(POST|PUT|PATCH|DELETE) +/\", "
    "\"description\": \"POST /actions/<name> by default\"}, "
    "\"access\": {\"$ref\": \"#/$defs/condition\", \"description\": \"who may run it; nobody by default\"}, "
    "\"input\": {\"type\": [\"object\", \"null\"], \"propertyNames\": {\"$ref\": \"#/$defs/name\"}, "
    "\"additionalProperties\": {\"$ref\": \"#/$defs/input\"}}, "
    "\"isolation\": {\"enum\": [\"serializable\", \"read_committed\"], \"default\": \"serializable\"}, "
    "\"steps\": {\"type\": \"array\", \"minItems\": 1, \"maxItems\": 50, "
    "\"items\": {\"$ref\": \"#/$defs/step\"}}, "
    "\"result\": {\"anyOf\": [{\"type\": \"string\"}, {\"$ref\": \"#/$defs/list\"}], "
    "\"description\": \"which steps are answered; those with a name by default\"}}},\n"
    "\"rule\": {\"anyOf\": [{\"$ref\": \"#/$defs/condition\"}, {\"type\": \"object\", "
    "\"additionalProperties\": false, \"properties\": {\"for\": {\"$ref\": \"#/$defs/condition\"}, "
    "\"when\": {\"$ref\": \"#/$defs/condition\"}, \"fields\": {\"$ref\": \"#/$defs/list\"}}}]},\n"
    "\"rules\": {\"anyOf\": [{\"$ref\": \"#/$defs/rule\"}, {\"type\": \"array\", \"minItems\": 1, \"maxItems\": 16, "
    "\"items\": {\"$ref\": \"#/$defs/rule\"}}]},\n"
    "\"keys\": {\"type\": \"array\", \"minItems\": 1, \"maxItems\": 16, \"items\": {\"type\": \"object\", "
    "\"additionalProperties\": false, \"properties\": {\"secret\": {\"type\": \"string\"}, "
    "\"private\": {\"type\": \"string\"}, \"public\": {\"type\": \"string\"}, "
    "\"algorithm\": {\"type\": \"string\"}, \"kid\": {\"type\": \"string\"}}}},\n"
    "\"providers\": {\"type\": \"array\", \"minItems\": 1, \"maxItems\": 16, \"items\": {\"type\": \"object\", "
    "\"additionalProperties\": false, \"required\": [\"name\", \"issuer\", \"client\"], \"properties\": {"
    "\"name\": {\"type\": \"string\"}, \"issuer\": {\"type\": \"string\"}, \"client\": {\"type\": \"string\"}, "
    "\"secret\": {\"type\": \"string\"}, \"link\": {\"type\": \"boolean\"}, "
    "\"scopes\": {\"type\": \"array\", \"minItems\": 1, \"maxItems\": 16, \"items\": {\"type\": \"string\"}}}}},\n"
    "\"limits\": {\"type\": [\"array\", \"null\"], \"maxItems\": 64, \"items\": {\"type\": \"object\", "
    "\"additionalProperties\": false, \"required\": [\"for\"], \"properties\": {"
    "\"for\": {\"$ref\": \"#/$defs/texts\", \"description\": \"methods and routes: POST /auth/*\"}, "
    "\"algorithm\": {\"enum\": [\"token_bucket\", \"fixed_window\", \"sliding_window\", \"concurrency\"], "
    "\"default\": \"token_bucket\"}, "
    "\"rate\": {\"type\": \"string\", \"pattern\": \"^[0-9]+/[0-9]*[smhd]$|\\\\$\\\\{\"}, "
    "\"burst\": {\"$ref\": \"#/$defs/count\", \"description\": \"of a token bucket\"}, "
    "\"max\": {\"$ref\": \"#/$defs/count\", \"description\": \"of concurrency\"}, "
    "\"by\": {\"type\": \"string\", \"default\": \"ip\", "
    "\"description\": \"ip, user, key, or an expression over auth\"}, "
    "\"cost\": {\"anyOf\": [{\"$ref\": \"#/$defs/count\"}, {\"type\": \"object\", "
    "\"additionalProperties\": {\"$ref\": \"#/$defs/count\"}}]}, "
    "\"name\": {\"type\": \"string\", \"maxLength\": 60}}}},\n"
    "\"clients\": {\"type\": \"array\", \"minItems\": 1, \"items\": {\"type\": \"object\", "
    "\"additionalProperties\": false, \"required\": [\"id\", \"name\", \"scopes\"], "
    "\"properties\": {\"id\": {\"type\": \"string\"}, \"name\": {\"type\": \"string\"}, "
    "\"redirects\": {\"$ref\": \"#/$defs/list\"}, \"scopes\": {\"$ref\": \"#/$defs/list\"}, "
    "\"secret\": {\"type\": \"string\"}, \"role\": {\"type\": \"string\"}, "
    "\"grants\": {\"type\": \"array\", \"items\": {\"enum\": "
    "[\"code\", \"refresh\", \"client_credentials\"]}}}}},\n"
    "\"issuers\": {\"type\": \"array\", \"minItems\": 1, \"maxItems\": 16, \"items\": {\"type\": \"object\", "
    "\"additionalProperties\": false, \"required\": [\"issuer\", \"audience\", \"jwks\"], \"properties\": {"
    "\"issuer\": {\"type\": \"string\"}, \"audience\": {\"type\": \"string\"}, \"jwks\": {\"type\": \"string\"}, "
    "\"algorithms\": {\"$ref\": \"#/$defs/texts\"}, \"subject\": {\"type\": \"string\"}, "
    "\"field\": {\"type\": \"string\"}, \"trust_email\": {\"type\": [\"boolean\", \"string\"]}, \"role\": {\"type\": "
    "\"string\"}}}},\n"
    "\"test\": {\"type\": \"object\", \"additionalProperties\": false, \"required\": [\"name\", \"expect\"], "
    "\"properties\": {"
    "\"name\": {\"$ref\": \"#/$defs/text\"}, "
    "\"rows\": {\"type\": [\"object\", \"null\"], \"additionalProperties\": {\"type\": \"array\", "
    "\"items\": {\"type\": \"object\"}}, \"description\": \"by resource; `id` is what the test calls a row\"}, "
    "\"as\": {\"anyOf\": [{\"$ref\": \"#/$defs/text\"}, {\"type\": \"object\", \"additionalProperties\": false, "
    "\"required\": [\"account\"], \"properties\": {\"account\": {\"$ref\": \"#/$defs/text\"}, "
    "\"scopes\": {\"type\": \"array\", \"items\": {\"$ref\": \"#/$defs/permission\"}}}}], "
    "\"description\": \"the account that asks; nobody by default\"}, "
    "\"expect\": {\"type\": \"array\", \"minItems\": 1, \"maxItems\": 200, \"items\": {\"type\": \"object\", "
    "\"minProperties\": 1, \"maxProperties\": 1, \"additionalProperties\": {\"anyOf\": [{\"$ref\": \"#/$defs/count\"}, "
    "{\"type\": \"object\", \"additionalProperties\": false, \"properties\": {\"status\": {\"$ref\": "
    "\"#/$defs/count\"}, "
    "\"total\": {\"$ref\": \"#/$defs/count\"}, \"rows\": {\"$ref\": \"#/$defs/list\"}, "
    "\"fields\": {\"$ref\": \"#/$defs/list\"}}}]}}}}},\n"
    "\"permission\": {\"type\": \"string\", \"pattern\": "
    "\"^([*]|([A-Za-z0-9_.-]+|[*]):([A-Za-z0-9_.-]+|[*]))$|\\\\$\\\\{\"},\n";

void appschema_write(struct buf *out)
{
    buf_put_literal(out, "{\"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n"
                         "\"title\": \"Tenon app file\",\n"
                         "\"type\": \"object\",\n"
                         "\"additionalProperties\": false,\n"
                         "\"properties\": {\n");
    put_settings(out);
    buf_put_literal(out, ",\n\"include\": {\"$ref\": \"#/$defs/texts\", \"description\": "
                         "\"further files, by patterns relative to this one\"},\n"
                         "\"resources\": {\"type\": [\"object\", \"null\"], \"propertyNames\": "
                         "{\"$ref\": \"#/$defs/name\"}, \"additionalProperties\": {\"$ref\": \"#/$defs/resource\"}, "
                         "\"description\": \"what the app serves\"},\n"
                         "\"actions\": {\"type\": [\"object\", \"null\"], \"propertyNames\": "
                         "{\"$ref\": \"#/$defs/name\"}, \"additionalProperties\": {\"$ref\": \"#/$defs/action\"}, "
                         "\"description\": \"several statements that run as one transaction\"},\n"
                         "\"roles\": {\"type\": [\"object\", \"null\"], \"additionalProperties\": "
                         "{\"type\": [\"array\", \"null\"], \"maxItems\": 200, "
                         "\"items\": {\"$ref\": \"#/$defs/permission\"}}, "
                         "\"description\": \"the permissions that each role holds\"},\n"
                         "\"tests\": {\"type\": [\"array\", \"null\"], \"maxItems\": 1000, "
                         "\"items\": {\"$ref\": \"#/$defs/test\"}, "
                         "\"description\": \"who may do what, run by `tenon check`\"}},\n"
                         "\"$defs\": {\n");
    buf_put_text(out, definitions);
    put_resource(out);
    buf_put_literal(out, "}}\n");
}
