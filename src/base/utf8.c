/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8: checking, counting, and search where case does not matter.
 *
 * Idea of the search: utf8_fold() never changes how many bytes a code point takes, so a folded text has the length of
 * the text, and its byte i can be told from the (at most four) bytes around i. Search is then search over bytes with
 * random access, without a folded copy; and since no UTF-8 sequence lies inside another, equal bytes are equal
 * characters. It is done with the two-way algorithm of Crochemore and Perrin ("Two-way string-matching", 1991), which
 * needs a constant amount of memory and at most 2n + 5m comparisons: no needle makes it slow.
 *
 * A pattern with stars is a list of pieces: the first must begin the text, the last must end it, and each other one is
 * taken where it occurs first behind the one before it. Taking the first is always right, since it leaves the most.
 */
#include "base/utf8.h"

#include "base/swar.h"

static bool is_continuation(unsigned char byte)
{
    return (byte & 0xC0) == 0x80;
}

/* The bytes of the code point that `text` begins with; 0 when there is none. */
static size_t decode(struct slice text, uint32_t *code_point)
{
    const unsigned char *at = (const unsigned char *)text.ptr;
    if (text.len == 0 || (at[0] >= 0x80 && at[0] < 0xC2))
        return 0;
    if (at[0] < 0x80) {
        *code_point = at[0];
        return 1;
    }
    size_t length = at[0] < 0xE0 ? 2 : at[0] < 0xF0 ? 3 : 4;
    if (at[0] > 0xF4 || text.len < length)
        return 0;
    uint32_t value = at[0] & (0x7Fu >> length);
    for (size_t i = 1; i < length; i++) {
        if (!is_continuation(at[i]))
            return 0;
        value = value << 6 | (at[i] & 0x3F);
    }
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (value < least[length] || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF))
        return 0;
    *code_point = value;
    return length;
}

bool utf8_next(struct slice *rest, uint32_t *code_point)
{
    size_t length = decode(*rest, code_point);
    if (length == 0)
        return false;
    *rest = slice_of(rest->ptr + length, rest->len - length);
    return true;
}

bool utf8_is_valid(struct slice text)
{
    uint32_t code_point;
    while (text.len > 0) {
        if (text.len >= 8 && !swar_high(swar_load(text.ptr)))
            text = slice_of(text.ptr + 8, text.len - 8);
        else if (!utf8_next(&text, &code_point))
            return false;
    }
    return true;
}

size_t utf8_length(struct slice text)
{
    size_t continuations = 0, i = 0;
    for (; text.len - i >= 8; i += 8) {
        uint64_t word = swar_load(text.ptr + i);
        continuations += (size_t)__builtin_popcountll(word >> 7 & ~(word >> 6) & SWAR_EVERY(1));
    }
    for (; i < text.len; i++)
        continuations += is_continuation((unsigned char)text.ptr[i]);
    return text.len - continuations;
}

size_t utf8_encode(uint32_t code_point, char out[4])
{
    if (code_point < 0x80) {
        out[0] = (char)code_point;
        return 1;
    }
    size_t length = code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;
    for (size_t i = length - 1; i > 0; i--, code_point >>= 6)
        out[i] = (char)(0x80 | (code_point & 0x3F));
    out[0] = (char)(0xF00u >> length | code_point);
    return length;
}

/* Every `step`th code point from `first` to `last` folds to the one `delta` from it. */
struct fold {
    uint16_t first, last;
    int16_t delta;
    uint8_t step;
};

static const struct fold folds[] = {
    {0x00B5, 0x00B5, 775, 1}, {0x00C0, 0x00D6, 32, 1},   {0x00D8, 0x00DE, 32, 1},    {0x0100, 0x012E, 1, 2},
    {0x0132, 0x0136, 1, 2},   {0x0139, 0x0147, 1, 2},    {0x014A, 0x0176, 1, 2},     {0x0178, 0x0178, -121, 1},
    {0x0179, 0x017D, 1, 2},   {0x01A0, 0x01A4, 1, 2},    {0x01AF, 0x01AF, 1, 1},     {0x01CD, 0x01DB, 1, 2},
    {0x01DE, 0x01EE, 1, 2},   {0x01F8, 0x021E, 1, 2},    {0x0222, 0x0232, 1, 2},     {0x0370, 0x0372, 1, 2},
    {0x0376, 0x0376, 1, 1},   {0x0386, 0x0386, 38, 1},   {0x0388, 0x038A, 37, 1},    {0x038C, 0x038C, 64, 1},
    {0x038E, 0x038F, 63, 1},  {0x0391, 0x03A1, 32, 1},   {0x03A3, 0x03AB, 32, 1},    {0x03C2, 0x03C2, 1, 1},
    {0x03D8, 0x03EE, 1, 2},   {0x0400, 0x040F, 80, 1},   {0x0410, 0x042F, 32, 1},    {0x0460, 0x0480, 1, 2},
    {0x048A, 0x04BE, 1, 2},   {0x04C0, 0x04C0, 15, 1},   {0x04C1, 0x04CD, 1, 2},     {0x04D0, 0x052E, 1, 2},
    {0x0531, 0x0556, 48, 1},  {0x10A0, 0x10C5, 7264, 1}, {0x1C90, 0x1CBA, -3008, 1}, {0x1CBD, 0x1CBF, -3008, 1},
    {0x1E00, 0x1E94, 1, 2},   {0x1E9B, 0x1E9B, -58, 1},  {0x1EA0, 0x1EFE, 1, 2},     {0x1F08, 0x1F0F, -8, 1},
    {0x1F18, 0x1F1D, -8, 1},  {0x1F28, 0x1F2F, -8, 1},   {0x1F38, 0x1F3F, -8, 1},    {0x1F48, 0x1F4D, -8, 1},
    {0x1F59, 0x1F5F, -8, 2},  {0x1F68, 0x1F6F, -8, 1},   {0xFF21, 0xFF3A, 32, 1},
};

static uint32_t fold_ascii(uint32_t byte)
{
    return byte - 'A' < 26 ? byte | 0x20 : byte;
}

uint32_t utf8_fold(uint32_t code_point)
{
    if (code_point < 0x80)
        return fold_ascii(code_point);
    size_t low = 0, high = ARRAY_LEN(folds);
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (folds[middle].last < code_point)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == ARRAY_LEN(folds) || code_point < folds[low].first)
        return code_point;
    const struct fold *fold = &folds[low];
    bool applies = (code_point - fold->first) % fold->step == 0;
    return applies ? (uint32_t)((int32_t)code_point + fold->delta) : code_point;
}

/* The byte `index` of the folded text, where it is not ASCII. What is not UTF-8 stands for itself. */
static unsigned char folded_wide(struct slice text, size_t index)
{
    size_t start = index;
    while (start > 0 && index - start < 3 && is_continuation((unsigned char)text.ptr[start]))
        start--;
    uint32_t code_point = 0;
    size_t length = decode(slice_from_index(text, start), &code_point);
    if (start + length <= index)
        return (unsigned char)text.ptr[index];
    char folded[4];
    utf8_encode(utf8_fold(code_point), folded);
    return (unsigned char)folded[index - start];
}

static inline unsigned char folded_byte(struct slice text, size_t index)
{
    unsigned char byte = (unsigned char)text.ptr[index];
    return byte < 0x80 ? (unsigned char)fold_ascii(byte) : folded_wide(text, index);
}

static bool equal_folded(struct slice a, struct slice b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (folded_byte(a, i) != folded_byte(b, i))
            return false;
    return true;
}

/* A needle cut in two at `cut`, where its local period is its period (or at least `period`). */
struct cut_needle {
    struct slice text;
    size_t cut;
    size_t period;
    size_t remembered; /* how much of the needle is known to match after a shift by `period` */
};

enum order { ASCENDING, DESCENDING };

/* Where the largest suffix begins when bytes are in that order, and the period of that suffix. */
static size_t largest_suffix(struct slice needle, enum order order, size_t *period)
{
    size_t best = 0, rival = 1, matched = 0, step = 1;
    while (rival + matched < needle.len) {
        unsigned char a = folded_byte(needle, best + matched), b = folded_byte(needle, rival + matched);
        if (a == b) {
            matched++;
            if (matched == step) {
                rival += step;
                matched = 0;
            }
        } else if (order == ASCENDING ? a > b : a < b) {
            rival += matched + 1;
            matched = 0;
            step = rival - best;
        } else {
            best = rival++;
            matched = 0;
            step = 1;
        }
    }
    *period = step;
    return best;
}

static struct cut_needle cut_needle(struct slice needle)
{
    size_t period, other_period;
    size_t cut = largest_suffix(needle, ASCENDING, &period);
    size_t other = largest_suffix(needle, DESCENDING, &other_period);
    if (other > cut) {
        cut = other;
        period = other_period;
    }
    struct slice head = slice_of(needle.ptr, cut);
    bool is_periodic = true;
    for (size_t i = 0; i < head.len && is_periodic; i++)
        is_periodic = folded_byte(needle, i) == folded_byte(needle, i + period);
    if (is_periodic)
        return (struct cut_needle){needle, cut, period, needle.len - period};
    size_t larger = cut > needle.len - cut ? cut : needle.len - cut;
    return (struct cut_needle){needle, cut, larger + 1, 0};
}

/* Where the needle occurs first, if it does. */
static size_t find_folded(struct slice text, struct slice needle, bool *found)
{
    *found = needle.len == 0;
    if (needle.len == 0 || needle.len > text.len)
        return 0;
    struct cut_needle cut = cut_needle(needle);
    unsigned char first = folded_byte(needle, cut.cut);
    size_t at = 0, known = 0, last = text.len - needle.len;
    while (at <= last) {
        if (known == 0 && folded_byte(text, at + cut.cut) != first) {
            at++; /* what the loop below would find, without looking at the needle */
            continue;
        }
        size_t i = cut.cut > known ? cut.cut : known;
        while (i < needle.len && folded_byte(needle, i) == folded_byte(text, at + i))
            i++;
        if (i < needle.len) {
            at += i - cut.cut + 1;
            known = 0;
            continue;
        }
        for (i = cut.cut; i > known && folded_byte(needle, i - 1) == folded_byte(text, at + i - 1);)
            i--;
        if (i <= known) {
            *found = true;
            return at;
        }
        at += cut.period;
        known = cut.remembered;
    }
    return 0;
}

bool utf8_contains_folded(struct slice text, struct slice needle)
{
    bool found;
    find_folded(text, needle, &found);
    return found;
}

bool utf8_like_folded(struct slice text, struct slice pattern)
{
    size_t star = slice_index(pattern, '*');
    if (star == pattern.len)
        return equal_folded(text, pattern);
    if (star > text.len || !equal_folded(slice_of(text.ptr, star), slice_of(pattern.ptr, star)))
        return false;
    text = slice_from_index(text, star);
    pattern = slice_from_index(pattern, star + 1);
    while ((star = slice_index(pattern, '*')) < pattern.len) {
        bool found;
        size_t at = find_folded(text, slice_of(pattern.ptr, star), &found);
        if (!found)
            return false;
        text = slice_from_index(text, at + star);
        pattern = slice_from_index(pattern, star + 1);
    }
    return pattern.len <= text.len && equal_folded(slice_from_index(text, text.len - pattern.len), pattern);
}
