/* SPDX-License-Identifier: Apache-2.0 */
/* Statements by text: a hash finds the bucket, the text decides; the place that was used longest ago is given away.
 *
 * Invariants
 *   (1) a statement is in one bucket, at its place, and in the list of use
 *   (2) one that has users keeps its place */
#include "data/postgres_statement.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "data/postgres_value.h"

enum { HASH_SEED = 0x7e };

static void statement_free(struct postgres_statement *statement)
{
    free(statement->text);
    free(statement->parameters);
    free(statement);
}

void postgres_statement_fini(struct postgres_statements *statements)
{
    for (struct postgres_statement *statement = statements->newest; statement;) {
        struct postgres_statement *older = statement->older;
        statement_free(statement);
        statement = older;
    }
    *statements = (struct postgres_statements){.count = 0};
}

static void list_take_out(struct postgres_statements *s, struct postgres_statement *statement)
{
    *(statement->newer ? &statement->newer->older : &s->newest) = statement->older;
    *(statement->older ? &statement->older->newer : &s->oldest) = statement->newer;
    statement->newer = statement->older = NULL;
}

static void list_put_newest(struct postgres_statements *s, struct postgres_statement *statement)
{
    statement->newer = NULL;
    statement->older = s->newest;
    *(s->newest ? &s->newest->newer : &s->oldest) = statement;
    s->newest = statement;
}

static struct postgres_statement *look_up(const struct postgres_statements *s, struct slice text, uint64_t hash)
{
    struct postgres_statement *statement = s->buckets[hash % POSTGRES_STATEMENT_BUCKETS];
    while (statement && (statement->hash != hash || statement->length != text.len ||
                         memcmp(statement->text, text.ptr, text.len) != 0))
        statement = statement->bucket_next;
    return statement;
}

/* A place for another statement; the table's length when every one is in use. */
static unsigned free_place(struct postgres_statements *s)
{
    if (s->count < POSTGRES_STATEMENTS)
        return (unsigned)s->count++;
    struct postgres_statement *old = s->oldest;
    while (old && old->users > 0)
        old = old->newer;
    if (!old)
        return POSTGRES_STATEMENTS;
    struct postgres_statement **link = &s->buckets[old->hash % POSTGRES_STATEMENT_BUCKETS];
    while (*link != old)
        link = &(*link)->bucket_next;
    *link = old->bucket_next;
    list_take_out(s, old);
    unsigned place = old->place;
    statement_free(old);
    return place;
}

static enum error make(struct postgres_statements *s, struct slice text, uint64_t hash, struct postgres_statement **out)
{
    if (text.len > POSTGRES_STATEMENT_BYTES_MAX)
        return ERROR_LIMIT;
    struct postgres_statement *statement = calloc(1, sizeof *statement);
    char *copy = malloc(text.len + 1);
    unsigned place = statement && copy ? free_place(s) : 0;
    if (!statement || !copy || place == POSTGRES_STATEMENTS) {
        free(statement);
        free(copy);
        return place == POSTGRES_STATEMENTS ? ERROR_LIMIT : ERROR_MEMORY;
    }
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    *statement = (struct postgres_statement){
        .text = copy, .length = text.len, .hash = hash, .place = place, .edition = ++s->editions};
    statement->bucket_next = s->buckets[hash % POSTGRES_STATEMENT_BUCKETS];
    s->buckets[hash % POSTGRES_STATEMENT_BUCKETS] = statement;
    s->places[place] = statement;
    list_put_newest(s, statement);
    *out = statement;
    return OK;
}

enum error postgres_statement_find(struct postgres_statements *s, struct slice text, struct postgres_statement **out)
{
    uint64_t hash = digest_hash64(HASH_SEED, text);
    struct postgres_statement *statement = look_up(s, text, hash);
    if (!statement)
        TRY(make(s, text, hash, &statement));
    if (s->newest != statement) {
        list_take_out(s, statement);
        list_put_newest(s, statement);
    }
    statement->users++;
    *out = statement;
    return OK;
}

void postgres_statement_release(struct postgres_statement *statement)
{
    statement->users--;
}

enum error postgres_statement_describe(struct postgres_statement *statement, const PGresult *result)
{
    size_t count = (size_t)PQnparams(result);
    Oid *parameters = calloc(count + 1, sizeof *parameters);
    if (!parameters)
        return ERROR_MEMORY;
    for (size_t i = 0; i < count; i++)
        parameters[i] = PQparamtype(result, (int)i);
    free(statement->parameters);
    statement->parameters = parameters;
    statement->parameter_count = count;
    statement->is_text = false;
    for (int i = 0; i < PQnfields(result); i++)
        statement->is_text = statement->is_text || !postgres_value_is_known(PQftype(result, i));
    statement->is_described = true;
    return OK;
}

void postgres_statement_name(const struct postgres_statement *statement, char name[POSTGRES_STATEMENT_NAME])
{
    snprintf(name, POSTGRES_STATEMENT_NAME, "t%u", statement->place);
}
