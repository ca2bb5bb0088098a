/* SPDX-License-Identifier: Apache-2.0 */
#include "shapes.h"

#include "base/attr.h"

#define SECRET "c4ca4238a0b923820dcc509a6f75849b"

static const char app[] =
    "name: sim\n"
    "database: sqlite:/sim.db\n"
    "auth: {issuer: 'http://sim', password: {memory: 8KiB, iterations: 1}, lockout: {failures: 1000}}\n"
    "oauth:\n"
    "  clients:\n"
    "    - {id: web, name: Web, redirects: ['https://web.example.org/back'], scopes: ['notes:*'], secret: " SECRET "}\n"
    "    - {id: robot, name: Robot, scopes: ['notes:read'], secret: " SECRET ", grants: [client_credentials], role: "
    "reader}\n"
    "limits:\n"
    "  - {for: '*', rate: 1000000/s}\n"
    "  - {for: ['POST /auth/*', 'POST /oauth/*', 'POST /oauth/authorize'], algorithm: sliding_window, rate: "
    "1000000/s}\n"
    "  - {for: '/api/v1/notes', algorithm: concurrency, max: 5}\n"
    "  - {for: 'POST /api/v1/notes', algorithm: fixed_window, rate: 1000000/h, by: auth.level}\n"
    "  - {for: 'GET /api/v1/notes/:id', name: one, algorithm: fixed_window, rate: 1/s, cost: {GET: 1}}\n"
    "roles:\n"
    "  user: ['notes:*']\n"
    "  reader: ['notes:read']\n"
    "resources:\n"
    "  people:\n"
    "    id: int\n"
    "    fields:\n"
    "      email: email required unique\n"
    "      role: enum(user, reader) readonly = user\n"
    "      level: int = 5\n"
    "      password: password required\n"
    "    access: {read: true, create: true, update: id == auth.id, delete: id == auth.id}\n"
    "  notes:\n"
    "    id: int\n"
    "    fields: {text: text required, owner: people readonly on_delete(cascade) = auth.id}\n"
    "    access: {read: owner == auth.id || role(\"reader\"), write: can(\"notes:write\") && owner == auth.id, "
    "create: true}\n";

static const char *const rows[] = {
    "POST /auth/register\n\n{\"email\":\"ann@example.org\",\"password\":\"correct horse battery\"}",
};

#define FORM     "Content-Type: application/x-www-form-urlencoded\nOrigin: http://sim\n"
#define REGISTER "POST /auth/register\n\n{\"email\":\"u-%N@example.org\",\"password\":\"correct horse battery\"}"
#define TOKEN    "Authorization: Bearer %A\n"
#define COOKIE   "Cookie: __Host-session=%C\n"
#define SIGNINS                                                                                                        \
    "SELECT count(*) FROM _tenon_grants WHERE account = (SELECT CAST(id AS TEXT) FROM people WHERE email = "           \
    "'u-%N@example.org')"
#define GENERATION                                                                                                     \
    "SELECT generation FROM _tenon_grants WHERE account = (SELECT CAST(id AS TEXT) FROM people WHERE email = "         \
    "'u-%N@example.org')"
#define PEOPLE "SELECT count(*) FROM people WHERE email = 'u-%N@example.org'"
#define NOTES  "SELECT count(*) FROM notes WHERE text = 't-%N'"
#define ASKS                                                                                                           \
    "/oauth/authorize?response_type=code&client_id=web&redirect_uri=https%3A%2F%2Fweb.example.org%2Fback&scope=notes"  \
    "%3Aread&state=st&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"
#define PAGE    "GET " ASKS "\n"
#define SIGN_IN "POST " ASKS "\n" FORM "\nform=%F&login=u-%N%40example.org&password=correct+horse+battery"
#define CONSENT "GET " ASKS "\n" COOKIE
#define ALLOW   "POST " ASKS "\n" FORM COOKIE "\nform=%F&decision=allow"
#define REDEEM                                                                                                         \
    "POST /oauth/token\n" FORM "\ngrant_type=authorization_code&client_id=web&client_secret=" SECRET                   \
    "&code=%K&redirect_uri=https%3A%2F%2Fweb.example.org%2Fback&code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_"         \
    "wW1gFWFOEjXk"
#define ROBOT "client_id=robot&client_secret=" SECRET
#define CODES                                                                                                          \
    "SELECT count(*) FROM _tenon_codes WHERE account = (SELECT CAST(id AS TEXT) FROM people WHERE email = "            \
    "'u-%N@example.org')"

static const struct shape shapes[] = {
    {"signing up", NULL, REGISTER, 201, PEOPLE, 1, 0},
    {"signing up twice", BEFORE(REGISTER), REGISTER, 409, PEOPLE, 1, 1},
    {"signing up with mistakes", NULL,
     "POST /auth/register\n\n{\"email\":\"x\",\"password\":\"short\",\"role\":\"user\"}", 400},
    {"signing up with a cookie", NULL,
     "POST /auth/register?session=cookie\n\n{\"email\":\"u-%N@example.org\",\"password\":\"correct horse battery\"}",
     201, PEOPLE, 1, 0},
    {"signing in", BEFORE(REGISTER),
     "POST /auth/login\n\n{\"email\":\"u-%N@example.org\",\"password\":\"correct horse battery\"}", 200, SIGNINS, 2, 1},
    {"a wrong password", BEFORE(REGISTER),
     "POST /auth/login\n\n{\"email\":\"u-%N@example.org\",\"password\":\"wrong\"}", 401, SIGNINS, 1, 1},
    {"nobody signs in", NULL, "POST /auth/login\n\n{\"email\":\"n-%N@example.org\",\"password\":\"wrong\"}", 401},
    {"signing in with a cookie", BEFORE(REGISTER),
     "POST /auth/login?session=cookie\n\n{\"email\":\"u-%N@example.org\",\"password\":\"correct horse battery\"}", 200,
     SIGNINS, 2, 1},
    {"refreshing", BEFORE(REGISTER), "POST /auth/refresh\n\n{\"refresh_token\":\"%R\"}", 200, GENERATION, 2, 1},
    {"a refresh token that is used twice", BEFORE(REGISTER, "POST /auth/refresh\n\n{\"refresh_token\":\"%R\"}"),
     "POST /auth/refresh\n\n{\"refresh_token\":\"%S\"}", 401, SIGNINS, 0, 1},
    {"signing out", BEFORE(REGISTER), "POST /auth/logout\n" TOKEN, 204, SIGNINS, 0, 1},
    {"who I am", BEFORE(REGISTER), "GET /auth/me\n" TOKEN, 200},
    {"who I am by a cookie",
     BEFORE("POST /auth/register?session=cookie\n\n{\"email\":\"u-%N@example.org\",\"password\":\"correct horse "
            "battery\"}"),
     "GET /auth/me\n" COOKIE, 200},
    {"another password", BEFORE(REGISTER),
     "POST /auth/password\n" TOKEN
     "\n{\"current_password\":\"correct horse battery\",\"new_password\":\"staple the donkey\"}",
     200, SIGNINS, 1, 1},
    {"with a token", BEFORE(REGISTER), "GET /api/v1/notes\n" TOKEN, 200},
    {"with a token that is none", NULL, "GET /api/v1/notes\nAuthorization: Bearer abc\n", 401},
    {"with a key that is none", NULL, "GET /api/v1/notes\nX-API-Key: tn_abcdefgh_abcdefgh\n", 401},
    {"a create with a token", BEFORE(REGISTER), "POST /api/v1/notes\n" TOKEN "\n{\"text\":\"t-%N\"}", 201, NOTES, 1, 0},
    {"a create with a cookie",
     BEFORE("POST /auth/register?session=cookie\n\n{\"email\":\"u-%N@example.org\",\"password\":\"correct horse "
            "battery\"}"),
     "POST /api/v1/notes\n" COOKIE "X-CSRF-Token: %X\n\n{\"text\":\"t-%N\"}", 201, NOTES, 1, 0},
    {"a create with a cookie alone",
     BEFORE("POST /auth/register?session=cookie\n\n{\"email\":\"u-%N@example.org\",\"password\":\"correct horse "
            "battery\"}"),
     "POST /api/v1/notes\n" COOKIE "\n{\"text\":\"t-%N\"}", 403, NOTES, 0, 0},
    {"a batch with a token", BEFORE(REGISTER),
     "POST /api/v1/batch\n" TOKEN "\n{\"operations\":[{\"method\":\"POST\",\"path\":\"/"
     "notes\",\"body\":{\"text\":\"t-%N\"}},{\"method\":\"POST\",\"path\":\"/notes\",\"body\":{\"text\":\"t-%N\"}}]}",
     200, NOTES, 2, 0},
    {"above a limit", BEFORE("GET /api/v1/notes/1\n"), "GET /api/v1/notes/1\n", 429},
    {"an account that goes", BEFORE(REGISTER), "DELETE /api/v1/people/%I\n" TOKEN, 204, PEOPLE, 0, 1},
    {"what is published of keys", NULL, "GET /.well-known/jwks.json\n", 200},
    {"what is published of OAuth", NULL, "GET /.well-known/oauth-authorization-server\n", 200},
    {"a program signs in", NULL, "POST /oauth/token\n" FORM "\ngrant_type=client_credentials&" ROBOT, 200},
    {"a client with a wrong secret", NULL,
     "POST /oauth/token\n" FORM "\ngrant_type=client_credentials&client_id=robot&client_secret=x", 401},
    {"what a token is worth", BEFORE("POST /oauth/token\n" FORM "\ngrant_type=client_credentials&" ROBOT),
     "POST /oauth/introspect\n" FORM "\ntoken=%A&" ROBOT, 200},
    {"ending a token", BEFORE("POST /oauth/token\n" FORM "\ngrant_type=client_credentials&" ROBOT),
     "POST /oauth/revoke\n" FORM "\ntoken=%A&" ROBOT, 200},
    {"the page to sign in", NULL, PAGE, 200},
    {"an unknown client", NULL, "GET /oauth/authorize?client_id=other\n", 400},
    {"what is asked for wrongly", NULL,
     "GET /oauth/authorize?client_id=web&redirect_uri=https%3A%2F%2Fweb.example.org%2Fback\n", 303},
    {"signing in on the page", BEFORE(REGISTER, PAGE), SIGN_IN, 303, SIGNINS, 2, 1},
    {"a wrong password on the page", BEFORE(REGISTER, PAGE),
     "POST " ASKS "\n" FORM "\nform=%F&login=u-%N%40example.org&password=wrong", 403, SIGNINS, 1, 1},
    {"the page to allow", BEFORE(REGISTER, PAGE, SIGN_IN), CONSENT, 200},
    {"allowing", BEFORE(REGISTER, PAGE, SIGN_IN, CONSENT), ALLOW, 303, CODES, 1, 0},
    {"denying", BEFORE(REGISTER, PAGE, SIGN_IN, CONSENT), "POST " ASKS "\n" FORM COOKIE "\nform=%F&decision=deny", 303,
     CODES, 0, 0},
    {"tokens for a code", BEFORE(REGISTER, PAGE, SIGN_IN, CONSENT, ALLOW), REDEEM, 200, SIGNINS, 3, 2},
    {"a code that is used twice", BEFORE(REGISTER, PAGE, SIGN_IN, CONSENT, ALLOW, REDEEM), REDEEM, 400, SIGNINS, 2, 3},
    {"what I have allowed", BEFORE(REGISTER, PAGE, SIGN_IN, CONSENT, ALLOW), "GET /auth/consents\n" COOKIE, 200},
};

const struct shape_set shapes_identity = {
    .app = app, .rows = rows, .row_count = ARRAY_LEN(rows), .shapes = shapes, .count = ARRAY_LEN(shapes)};
