/* SPDX-License-Identifier: Apache-2.0 */
/* Defaults of fields, typed: a bare word is a value of an enum (or true, false, now, auth.id), a text is quoted, a
 * number is a number. What a default is stored as is worked out here, once. */
#include "base/suggest.h"
#include "model/schema_draft.h"
#include "model/type.h"

static bool wants_quotes(enum field_type kind)
{
    switch (kind) {
    case FIELD_TEXT:
    case FIELD_EMAIL:
    case FIELD_URL:
    case FIELD_DATETIME:
    case FIELD_DATE:
    case FIELD_UUID: return true;
    default: return false;
    }
}

static void refuse(struct schema_draft *draft, const struct field_draft *own, const char *hint, const char *message)
{
    const struct fieldspec_token *token = &own->spec.default_token;
    if (own->line->is_secret)
        diag_at(draft->diag, own->line->place, hint, "default of %s: %s", node_shown(own->line, draft->diag), message);
    else
        diag_at(draft->diag, token->place, hint, "default %s: %s", diag_quote(draft->diag, token->text), message);
}

/* The words that stand for what is known only when a row is made; false: it is another word. */
static bool resolve_word(struct schema_draft *draft, const struct field_draft *own)
{
    struct field *field = own->field;
    const struct fieldspec_token *token = &own->spec.default_token;
    enum field_type kind = field->type.kind;
    if (token->kind != FIELDSPEC_WORD || kind == FIELD_ENUM)
        return false;
    if (slice_eq_text(token->text, "now")) {
        field->default_kind = DEFAULT_NOW;
        if (kind != FIELD_DATETIME && kind != FIELD_DATE)
            refuse(draft, own, NULL, "\"now\" is for datetime and date");
        return true;
    }
    if (slice_eq_text(token->text, "auth.id")) {
        const struct resource *account = draft->schema->account;
        field->default_kind = DEFAULT_AUTH_ID;
        if (kind != FIELD_REFERENCE && kind != FIELD_UUID && kind != FIELD_INT && kind != FIELD_TEXT)
            refuse(draft, own, NULL, "\"auth.id\" is for references to the accounts");
        else if (kind == FIELD_REFERENCE && account && field->type.target != account)
            refuse(draft, own, NULL, "\"auth.id\" is the id of an account, and this refers to another resource");
        return true;
    }
    if (slice_eq_text(token->text, "null")) {
        refuse(draft, own, NULL, "a field without a default is null anyway");
        return true;
    }
    return false;
}

static void refuse_choice(struct schema_draft *draft, const struct field_draft *own)
{
    const struct type *type = &own->field->type;
    struct suggest suggest;
    suggest_init(&suggest, own->spec.default_token.text);
    for (size_t i = 0; i < type->choice_count; i++)
        suggest_offer(&suggest, type->choices[i]);
    if (own->line->is_secret)
        refuse(draft, own, NULL, "not a value of the enum");
    else
        suggest_report(&suggest, draft->diag, own->spec.default_token.place, "not a value of the enum:", NULL);
}

static enum error parse_value(struct schema_draft *draft, const struct field_draft *own)
{
    struct field *field = own->field;
    const char *why = "is not valid";
    enum error error =
        type_parse_text(&field->type, own->spec.default_token.text, draft->arena, &why, &field->default_value);
    if (error == OK)
        field->default_kind = DEFAULT_VALUE;
    else if (error == ERROR_VALIDATION && field->type.kind == FIELD_ENUM)
        refuse_choice(draft, own);
    else if (error == ERROR_VALIDATION)
        refuse(draft, own, NULL, why);
    return error == ERROR_VALIDATION ? OK : error;
}

enum error schema_default_resolve(struct schema_draft *draft, struct field_draft *own)
{
    const struct fieldspec_token *token = &own->spec.default_token;
    enum field_type kind = own->field->type.kind;
    if (token->kind == FIELDSPEC_END || resolve_word(draft, own))
        return OK;
    if (kind == FIELD_JSON || kind == FIELD_LIST || kind == FIELD_PASSWORD || kind == FIELD_REFERENCE)
        refuse(draft, own, NULL, "fields of this type have no default");
    else if (wants_quotes(kind) && token->kind != FIELDSPEC_TEXT)
        refuse(draft, own, "put the text in quotes", "must be quoted");
    else if (!wants_quotes(kind) && kind != FIELD_ENUM && token->kind == FIELDSPEC_TEXT)
        refuse(draft, own, "write it without quotes", "is not a text");
    else if (own->field->flags & FIELD_UNIQUE)
        refuse(draft, own, NULL, "a unique field cannot have a constant default");
    else
        return parse_value(draft, own);
    return OK;
}
