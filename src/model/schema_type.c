/* SPDX-License-Identifier: Apache-2.0 */
/* Types: what the words of a field's line, and `min` and `max` of its long form, mean.
 *
 * A table says for each type which form its arguments take and its limits when none are given. Any other word is the
 * name of a resource: a reference. */
#include <float.h>
#include <inttypes.h>

#include "base/suggest.h"
#include "model/schema_draft.h"
#include "model/type.h"

enum { TEXT_DEFAULT_MAX = 10000, TEXT_MAX = 1000000, DECIMAL_DIGITS_MAX = 18, CHOICE_MAX_BYTES = 100 };

static const struct type_row {
    const char *word;
    enum field_type kind;
    enum fieldspec_shape shape; /* of its arguments; FIELDSPEC_BARE: takes none */
    bool needs_arguments;
    int64_t min, max;    /* when none are given */
    int64_t least, most; /* what may be given; 0, 0: `min` and `max` of the long form are not for it */
    const char *example;
} type_rows[] = {
    {"text", FIELD_TEXT, FIELDSPEC_LIMITS, false, 0, TEXT_DEFAULT_MAX, 0, TEXT_MAX, "text(1..80)"},
    {"int", FIELD_INT, FIELDSPEC_LIMITS, false, INT64_MIN, INT64_MAX, INT64_MIN, INT64_MAX, "int(0..100)"},
    {"float", FIELD_FLOAT, FIELDSPEC_LIMITS, false, 0, 0, 0, 1, "float(0..1)"},
    {"decimal", FIELD_DECIMAL, FIELDSPEC_ITEMS, true, 0, 0, 0, 1, "decimal(18,2)"},
    {"bool", FIELD_BOOL, FIELDSPEC_BARE, false, 0, 1, 0, 0, "bool"},
    {"datetime", FIELD_DATETIME, FIELDSPEC_BARE, false, 0, 0, 0, 0, "datetime"},
    {"date", FIELD_DATE, FIELDSPEC_BARE, false, 0, 0, 0, 0, "date"},
    {"uuid", FIELD_UUID, FIELDSPEC_BARE, false, 0, 0, 0, 0, "uuid"},
    {"json", FIELD_JSON, FIELDSPEC_BARE, false, 0, 0, 0, 0, "json"},
    {"enum", FIELD_ENUM, FIELDSPEC_ITEMS, true, 0, 0, 0, 0, "enum(draft, active)"},
    {"email", FIELD_EMAIL, FIELDSPEC_LIMITS, false, 3, 254, 0, 254, "email"},
    {"url", FIELD_URL, FIELDSPEC_LIMITS, false, 1, 2048, 0, 8000, "url"},
    {"password", FIELD_PASSWORD, FIELDSPEC_LIMITS, false, 8, 128, 1, 1000, "password"},
    {"list", FIELD_LIST, FIELDSPEC_NESTED, true, 0, 1000, 0, 10000, "list(text(1..40))"},
};

struct resolver {
    struct schema_draft *draft;
    struct diag *diag;
    const struct node *line;
};

static const struct type_row *find_row(struct slice word)
{
    for (size_t i = 0; i < ARRAY_LEN(type_rows); i++)
        if (slice_eq_text(word, type_rows[i].word))
            return &type_rows[i];
    return NULL;
}

static bool refuse(struct resolver *resolver, struct place place, const char *hint, const char *message)
{
    diag_at(resolver->diag, place, hint, "%s", message);
    return false;
}

static const char *example(struct resolver *resolver, const struct type_row *row)
{
    const char *text = arena_printf(resolver->draft->arena, "as in %s", row->example);
    return text ? text : row->example;
}

/* A bound of the type, in its stored form. */
static bool read_bound(struct resolver *resolver, const struct type *type, struct slice text, struct place place,
                       const char *name, struct value *out)
{
    struct type loose = {.kind = type->kind, .precision = type->precision, .scale = type->scale};
    const char *why = "must be a number";
    if (type->kind != FIELD_FLOAT && type->kind != FIELD_DECIMAL)
        loose.kind = FIELD_INT;
    loose.min = INT64_MIN;
    loose.max = INT64_MAX;
    loose.float_min = -DBL_MAX;
    loose.float_max = DBL_MAX;
    if (type_parse_text(&loose, text, resolver->draft->arena, &why, out) == OK)
        return true;
    diag_at(resolver->diag, place, NULL, "\"%s\" %s", name, why);
    return false;
}

static bool set_bound(struct resolver *resolver, const struct type_row *row, struct type *type, struct slice text,
                      struct place place, bool is_high)
{
    const char *name = is_high ? "max" : "min";
    struct value value;
    if (!read_bound(resolver, type, text, place, name, &value))
        return false;
    if (type->kind == FIELD_FLOAT) {
        *(is_high ? &type->float_max : &type->float_min) = value.number;
        return true;
    }
    bool has_limits = type->kind != FIELD_DECIMAL;
    if (has_limits && (value.integer < row->least || value.integer > row->most)) {
        diag_at(resolver->diag, place, NULL, "\"%s\" of %s must be between %" PRId64 " and %" PRId64, name, row->word,
                row->least, row->most);
        return false;
    }
    *(is_high ? &type->max : &type->min) = value.integer;
    return true;
}

static bool check_order(struct resolver *resolver, const struct type *type, struct place place)
{
    bool is_wrong = type->kind == FIELD_FLOAT ? type->float_min > type->float_max : type->min > type->max;
    return !is_wrong || refuse(resolver, place, NULL, "the lower limit is above the upper limit");
}

static bool set_limits(struct resolver *resolver, const struct type_row *row, const struct fieldspec_type *spec,
                       struct type *type)
{
    const struct fieldspec_token *low = &spec->low, *high = &spec->high;
    if (low->kind == FIELDSPEC_END && high->kind == FIELDSPEC_END)
        return refuse(resolver, spec->arguments_place, example(resolver, row), "a limit is missing");
    if (low->kind != FIELDSPEC_END && !set_bound(resolver, row, type, low->text, low->place, false))
        return false;
    if (high->kind != FIELDSPEC_END && !set_bound(resolver, row, type, high->text, high->place, true))
        return false;
    return check_order(resolver, type, spec->arguments_place);
}

static bool read_digits(struct resolver *resolver, const struct fieldspec_token *token, unsigned least, unsigned most,
                        const char *name, unsigned *out)
{
    struct value value;
    static const struct type whole = {.kind = FIELD_INT, .min = INT64_MIN, .max = INT64_MAX};
    if (token->kind == FIELDSPEC_NUMBER && read_bound(resolver, &whole, token->text, token->place, name, &value) &&
        value.integer >= least && value.integer <= most) {
        *out = (unsigned)value.integer;
        return true;
    }
    diag_at(resolver->diag, token->place, "decimal(18,2) has 18 digits, 2 of them behind the point",
            "the %s of a decimal must be between %u and %u", name, least, most);
    return false;
}

static bool set_decimal(struct resolver *resolver, const struct fieldspec_type *spec, struct type *type)
{
    if (spec->item_count != 2)
        return refuse(resolver, spec->arguments_place, "as in decimal(18,2)",
                      "a decimal has two arguments, its precision and its scale");
    if (!read_digits(resolver, &spec->items[0], 1, DECIMAL_DIGITS_MAX, "precision", &type->precision) ||
        !read_digits(resolver, &spec->items[1], 0, type->precision, "scale", &type->scale))
        return false;
    type->max = 1;
    for (unsigned i = 0; i < type->precision; i++)
        type->max *= 10;
    type->max--;
    type->min = -type->max;
    return true;
}

static bool set_choices(struct resolver *resolver, const struct fieldspec_type *spec, struct type *type)
{
    struct slice *choices = arena_array(resolver->draft->arena, spec->item_count, sizeof *choices);
    bool is_right = true;
    for (size_t i = 0; choices && i < spec->item_count; i++) {
        const struct fieldspec_token *item = &spec->items[i];
        if (item->text.len == 0 || item->text.len > CHOICE_MAX_BYTES)
            is_right = refuse(resolver, item->place, NULL, "a value of an enum has 1 to 100 bytes");
        for (size_t j = 0; j < i; j++)
            if (slice_eq(choices[j], item->text)) {
                diag_at(resolver->diag, item->place, NULL, "enum value %s is given twice",
                        diag_quote(resolver->diag, item->text));
                is_right = false;
            }
        choices[i] = item->text;
    }
    type->choices = choices;
    type->choice_count = choices ? spec->item_count : 0;
    return is_right;
}

static bool set_arguments(struct resolver *resolver, const struct type_row *row, const struct fieldspec_type *spec,
                          struct type *type);

/* A list holds scalars that compare by their text. */
static bool set_element(struct resolver *resolver, const struct fieldspec_type *spec, struct type *type)
{
    const struct type_row *row = find_row(spec->element->word.text);
    struct type *element = arena_zalloc(resolver->draft->arena, sizeof *element);
    bool is_scalar = row && row->kind != FIELD_LIST && row->kind != FIELD_PASSWORD && row->kind != FIELD_JSON;
    if (!is_scalar || !element)
        return refuse(resolver, spec->element->word.place,
                      "a list holds text, int, float, decimal, bool, datetime, date, uuid, enum, email or url",
                      "a list cannot hold this type");
    type->element = element;
    return set_arguments(resolver, row, spec->element, element);
}

static bool set_arguments(struct resolver *resolver, const struct type_row *row, const struct fieldspec_type *spec,
                          struct type *type)
{
    *type = (struct type){.kind = row->kind,
                          .min = row->min,
                          .max = row->max,
                          .float_min = -DBL_MAX,
                          .float_max = DBL_MAX,
                          .element = type->element};
    if (spec->shape == FIELDSPEC_BARE && !row->needs_arguments)
        return true;
    if (spec->shape == FIELDSPEC_BARE) {
        diag_at(resolver->diag, spec->word.place, example(resolver, row), "%s needs arguments", row->word);
        return false;
    }
    if (row->shape == FIELDSPEC_BARE) {
        diag_at(resolver->diag, spec->arguments_place, NULL, "%s takes no arguments", row->word);
        return false;
    }
    if (spec->shape != row->shape) {
        diag_at(resolver->diag, spec->arguments_place, example(resolver, row), "these are no arguments for %s",
                row->word);
        return false;
    }
    switch (row->kind) {
    case FIELD_DECIMAL: return set_decimal(resolver, spec, type);
    case FIELD_ENUM: return set_choices(resolver, spec, type);
    case FIELD_LIST: return set_element(resolver, spec, type);
    default: return set_limits(resolver, row, spec, type);
    }
}

static bool set_reference(struct resolver *resolver, const struct fieldspec_type *spec, struct type *type)
{
    const struct schema *schema = resolver->draft->schema;
    const struct resource *target = schema_find(schema, spec->word.text);
    if (target && spec->shape != FIELDSPEC_BARE)
        return refuse(resolver, spec->arguments_place, NULL, "a reference takes no arguments");
    if (target && !target->id)
        return refuse(resolver, spec->word.place, "declare the columns that refer to it as what they are",
                      "a resource whose key is not one field cannot be referred to");
    if (target) {
        *type = (struct type){.kind = FIELD_REFERENCE, .target = target, .min = 1, .max = INT64_MAX};
        return true;
    }
    if (slice_eq_text(spec->word.text, "vector"))
        return refuse(resolver, spec->word.place, NULL, "type \"vector\" is not available yet");
    struct suggest suggest;
    suggest_init(&suggest, spec->word.text);
    for (size_t i = 0; i < ARRAY_LEN(type_rows); i++)
        suggest_offer_text(&suggest, type_rows[i].word);
    for (size_t i = 0; i < schema->resource_count; i++)
        suggest_offer(&suggest, schema->resources[i].name);
    suggest_report(&suggest, resolver->diag, spec->word.place, "unknown type",
                   suggest.best.ptr ? NULL : "a type such as text, int or bool, or the name of a resource");
    return false;
}

/* `min` and `max` of the long form. */
static bool set_long_limits(struct resolver *resolver, const struct type_row *row, const struct node *node,
                            struct type *type)
{
    static const char *const names[] = {"min", "max"};
    bool is_right = true;
    const struct node *last = NULL;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const struct node *bound = node_find(node, names[i]);
        if (!bound || bound->kind != NODE_SCALAR || node_is_empty(bound))
            continue;
        last = bound;
        if (!row || (row->least == 0 && row->most == 0))
            is_right = refuse(resolver, bound->key_place, NULL, "this type has no limits");
        else if (bound->is_secret)
            is_right = refuse(resolver, bound->place, NULL, "a limit cannot be a variable");
        else
            is_right = set_bound(resolver, row, type, bound->text, bound->text_place, i == 1) && is_right;
    }
    return is_right && (!last || check_order(resolver, type, last->place));
}

bool schema_type_resolve(struct schema_draft *draft, struct field_draft *own)
{
    struct resolver resolver = {.draft = draft, .diag = draft->diag, .line = own->line};
    struct diag scratch;
    if (own->line->is_secret) { /* its messages would quote what variables hold */
        diag_init(&scratch, draft->arena);
        resolver.diag = &scratch;
    }
    struct type type = {0};
    const struct type_row *row = find_row(own->spec.type.word.text);
    bool is_right =
        row ? set_arguments(&resolver, row, &own->spec.type, &type) : set_reference(&resolver, &own->spec.type, &type);
    if (is_right && own->node->kind == NODE_MAP)
        is_right = set_long_limits(&resolver, row, own->node, &type);
    if (is_right)
        own->field->type = type;
    else if (own->line->is_secret)
        diag_at(draft->diag, own->line->place, NULL, "field line %s is not valid once its variables are replaced",
                node_shown(own->line, draft->diag));
    return is_right;
}
