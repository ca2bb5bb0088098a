/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_VALUE_H
#define BASE_VALUE_H

#include <stdint.h>

#include "base/slice.h"

/* A scalar as databases know it. The model's types are stored as these (model/type.h says how). */
enum value_kind { VALUE_NULL, VALUE_INT, VALUE_FLOAT, VALUE_TEXT, VALUE_BLOB };

struct value {
    enum value_kind kind;
    unsigned scale; /* of INT: how many of its last digits stand behind the decimal point */
    union {
        int64_t integer;
        double number;
        struct slice text; /* of TEXT (UTF-8) and BLOB; borrowed */
    };
};

#define VALUE_NOTHING ((struct value){.kind = VALUE_NULL})

static inline struct value value_int(int64_t integer)
{
    return (struct value){.kind = VALUE_INT, .integer = integer};
}

/* integer / 10^scale, exactly. */
static inline struct value value_decimal(int64_t integer, unsigned scale)
{
    return (struct value){.kind = VALUE_INT, .scale = scale, .integer = integer};
}

static inline struct value value_float(double number)
{
    return (struct value){.kind = VALUE_FLOAT, .number = number};
}

static inline struct value value_text(struct slice text)
{
    return (struct value){.kind = VALUE_TEXT, .text = text};
}

static inline struct value value_blob(struct slice bytes)
{
    return (struct value){.kind = VALUE_BLOB, .text = bytes};
}

#endif
