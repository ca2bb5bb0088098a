#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Fills a running server with 10,000 rows: 500 users, 4,500 markets, 5,000 positions. The same rows each time (their ids
# are the server's); does nothing to a resource that already has rows. It asks with a key of its own, good for an hour and
# revoked at the end. The users have no passwords: `tenon account password user9@example.org` gives the first manager one.
#
#   examples/markets/seed.sh [http://127.0.0.1:8080] [examples/markets/app.yaml]
set -euo pipefail
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
api=${1:-http://127.0.0.1:8080}/api/v1
app=${2:-$here/app.yaml}
tenon=${TENON:-$here/../../build/src/cli/tenon}
[[ -x $tenon ]] || tenon=tenon
work=$(mktemp -d)
key=
trap 'rm -rf "$work"; [[ -z $key ]] || "$tenon" key revoke "$(cut -d_ -f2 <<<"$key")" "$app" >/dev/null 2>&1' EXIT

key=$("$tenon" key create --name seed.sh --scopes '*' --expires 1h "$app" 2>"$work/said") || { cat "$work/said" >&2; exit 1; }
(umask 077 && echo "X-API-Key: $key" >"$work/headers") # not on a command line, which others can see

fetch() { curl --silent --show-error --fail-with-body --max-time 60 --header "@$work/headers" "$@"; }

total() { fetch "$api/$1?limit=1&fields=id" | grep -o '"total":[0-9]*' | cut -d: -f2; }

# The ids of an answer, or of a whole resource in pages of 100, oldest first.
ids() {
    local page=1 answer
    while answer=$(fetch "$api/$1?fields=id&sort=created_at&limit=100&count=none&page=$page") &&
        grep -q '"id"' <<<"$answer"; do
        grep -o '"id":"[^"]*"' <<<"$answer" | cut -d'"' -f4
        page=$((page + 1))
    done
}

# Posts the lines of standard input, each an object, in arrays of 1,000: each array is stored whole or not at all.
post() {
    local resource=$1 part
    split --lines=1000 - "$work/$resource."
    for part in "$work/$resource."*; do
        { echo '['; paste --serial --delimiters=, "$part"; echo ']'; } >"$part.json"
        fetch --output /dev/null --header 'Content-Type: application/json' --header 'Prefer: return=minimal' \
            --data-binary "@$part.json" "$api/$resource"
    done
    echo "$resource: $(total "$resource")"
}

empty() { # resource
    local count
    count=$(total "$1")
    [[ $count == 0 ]] || { echo "$1: $count already"; return 1; }
}

users() {
    awk 'BEGIN {
        split("Ada Grace Edsger Barbara Donald Radia Niklaus Frances Alan Margaret", first, " ")
        split("Berg Costa Dietrich Evans Fischer García Hoang Ito Jensen Kowalska", last, " ")
        split("user user user user user user user user manager admin", role, " ")
        for (i = 0; i < 500; i++)
            printf "{\"name\":\"%s %s %d\",\"email\":\"user%d@example.org\",\"role\":\"%s\"}\n",
                first[i % 10 + 1], last[int(i / 10) % 10 + 1], i + 1, i + 1, role[i % 10 + 1]
    }'
}

markets() {
    ids users | awk '{ id[NR - 1] = $1 }
    END {
        split("rain snow sun frost storm", weather, " ")
        split("Lisbon Oslo Kyoto Quito Nairobi Perth Halifax Turin Gdansk", city, " ")
        split("draft active active active closed", status, " ")
        for (i = 0; i < 4500; i++) {
            day = i % 28 + 1; month = int(i / 28) % 12 + 1
            printf "{\"name\":\"Will it %s in %s on day %d?\",\"slug\":\"%s-%s-%d\",\"status\":\"%s\",", \
                weather[i % 5 + 1], city[int(i / 5) % 9 + 1], i + 1, weather[i % 5 + 1], \
                tolower(city[int(i / 5) % 9 + 1]), i + 1, status[int(i / 3) % 5 + 1]
            printf "\"volume\":\"%d.%02d\",\"creator\":\"%s\",\"closes_at\":\"2030-%02d-%02dT12:00:00Z\"}\n", \
                i * 7919 % 100000, i * 31 % 100, id[i % NR], month, day
        }
    }'
}

positions() {
    ids users >"$work/ids"
    ids markets | awk -v people="$work/ids" 'BEGIN { while ((getline line < people) > 0) user[count++] = line }
    { id[NR - 1] = $1 }
    END {
        for (i = 0; i < 5000; i++)
            printf "{\"market\":\"%s\",\"user\":\"%s\",\"side\":\"%s\",\"size\":%d,\"price\":\"0.%04d\"}\n", \
                id[i * 13 % NR], user[i * 7 % count], i % 3 ? "yes" : "no", i * 17 % 500 + 1, i * 37 % 9999 + 1
    }'
}

for resource in users markets positions; do
    if empty "$resource"; then "$resource" >"$work/$resource" && post "$resource" <"$work/$resource"; fi
done
