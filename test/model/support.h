/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_MODEL_SUPPORT_H
#define TEST_MODEL_SUPPORT_H

#include "base/arena.h"
#include "base/diag.h"
#include "model/expr_node.h"
#include "model/permission.h"
#include "model/schema.h"

/* A small schema for the tests of the model: teams with members, users, markets, positions. JSON names are camel.
 *
 *   users      name secret(hidden) password email role(enum) level(int) score(float) active born(date) team(->teams)
 *   teams      name owner(->users)                              reverse: members, users
 *   members    team(->teams) user(->users)
 *   markets    name note(hidden) status(enum) volume(decimal 18,2) fee(decimal 8,4) clicks(int) rating(float) is_open
 *              opens_on(date) closes_at(datetime) contact(email) site(url) code(uuid) tags(list text) sizes(list int)
 *              mails(list email) prices(list decimal) meta(json) creator(->users)              reverse: positions
 *   positions  market(->markets) user(->users) size(int)        id: int
 */

enum { SUPPORT_USERS, SUPPORT_TEAMS, SUPPORT_MEMBERS, SUPPORT_MARKETS, SUPPORT_POSITIONS, SUPPORT_RESOURCES };

struct support {
    struct arena arena;
    struct diag diag;
    struct schema schema;
    struct resource *resources; /* SUPPORT_RESOURCES of them */
    struct rule *reads;         /* the one read rule of each */
    struct permission_list permissions;
};

/* Everything readable by anyone. */
void support_init(struct support *support);
void support_fini(struct support *support);
/* Replaces the read rule of a resource; NULL: nobody may read. */
void support_read_rule(struct support *support, unsigned resource, const char *rule);
/* Gives an action of a resource rules, `count` of them, which are borrowed. */
void support_rules(struct support *support, unsigned resource, enum action action, const struct rule *rules,
                   size_t count);
/* A set of fields by their names, separated by spaces. */
const uint64_t *support_fields(struct support *support, unsigned resource, const char *names);
/* Somebody who is signed in: with this role (NULL: none), with what these patterns hold for ("" is nothing), narrowed
 * to these scopes (NULL: to none). After all expressions are there. */
struct caller support_caller(struct support *support, const char *role, const char *held, const char *scopes);
/* Forgets what was reported. */
void support_clear(struct support *support);
/* The first thing reported: "message" or "message | hint"; "" when there is none. */
const char *support_report(const struct support *support);
/* Parses and checks; NULL after a mistake, which is then in the diag. The text stands in app.yaml, line 1, column 1;
 * a filter's in a request. */
struct expr *support_expr(struct support *support, unsigned resource, enum expr_use use, const char *text);
/* The tree: (&& (== a 1) b). */
const char *support_tree(struct support *support, const struct expr *expr);

#endif
