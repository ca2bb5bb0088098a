/* SPDX-License-Identifier: Apache-2.0 */
/* Time as text and back, and the settings' durations and sizes. Pure: no clock, no zone, no libc calendar.
 *
 * The calendar: years are counted from March, so that the leap day is the last of its year, and in eras of 400 years
 * (146,097 days), which are all alike. Within an era the day of the year and the month follow from two linear
 * formulas (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
 */
#include "base/timecode.h"

#include <stdbool.h>

#include "base/number.h"

#define DAY_US INT64_C(86400000000)

struct date {
    int year, month, day;
};

static int64_t days_of(struct date date)
{
    int64_t year = date.year - (date.month <= 2);
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (date.month + (date.month > 2 ? -3 : 9)) + 2) / 5 + date.day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static struct date date_of(int64_t days)
{
    days += 719468; /* to 0000-03-01; positive for every year from 0001 on */
    int64_t era = days / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * day_of_year + 2) / 153;
    struct date date = {.day = (int)(day_of_year - (153 * month + 2) / 5 + 1)};
    date.month = (int)(month < 10 ? month + 3 : month - 9);
    date.year = (int)(year_of_era + era * 400) + (date.month <= 2);
    return date;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && is_leap);
}

/* Takes `count` digits off the text; -1 when they are not there. */
static int take_digits(struct slice *text, size_t count)
{
    int value = 0;
    if (text->len < count)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (text->ptr[i] < '0' || text->ptr[i] > '9')
            return -1;
        value = value * 10 + (text->ptr[i] - '0');
    }
    *text = slice_from_index(*text, count);
    return value;
}

static bool take_byte(struct slice *text, char byte)
{
    if (text->len == 0 || text->ptr[0] != byte)
        return false;
    *text = slice_from_index(*text, 1);
    return true;
}

/* These return what is wrong, or NULL. */
static const char *take_date(struct slice *text, struct date *date)
{
    static const char shape[] = "not a date such as 2026-01-02";
    date->year = take_digits(text, 4);
    if (date->year < 0 || !take_byte(text, '-'))
        return shape;
    date->month = take_digits(text, 2);
    if (date->month < 0 || !take_byte(text, '-'))
        return shape;
    date->day = take_digits(text, 2);
    if (date->day < 0)
        return shape;
    if (date->year == 0)
        return "there is no year 0000";
    if (date->month < 1 || date->month > 12)
        return "there is no such month";
    if (date->day < 1 || date->day > days_in_month(date->year, date->month))
        return "there is no such day in that month";
    return NULL;
}

static const char *take_fraction(struct slice *text, int *us)
{
    *us = 0;
    if (!take_byte(text, '.'))
        return NULL;
    int unit = 100000;
    size_t count = 0;
    for (; text->len > 0 && text->ptr[0] >= '0' && text->ptr[0] <= '9'; count++, unit /= 10) {
        int digit = text->ptr[0] - '0';
        if (digit != 0 && unit == 0)
            return "more than six digits behind the point of the seconds";
        *us += digit * unit;
        *text = slice_from_index(*text, 1);
    }
    return count > 0 ? NULL : "no digits behind the point of the seconds";
}

static const char *take_time(struct slice *text, int64_t *us)
{
    static const char shape[] = "not a time such as 03:04:05";
    int hour = take_digits(text, 2);
    if (hour < 0 || !take_byte(text, ':'))
        return shape;
    int minute = take_digits(text, 2);
    if (minute < 0 || !take_byte(text, ':'))
        return shape;
    int second = take_digits(text, 2), fraction;
    if (second < 0)
        return shape;
    if (second == 60)
        return "leap seconds are not supported";
    if (hour > 23 || minute > 59 || second > 59)
        return "there is no such time of day";
    const char *wrong = take_fraction(text, &fraction);
    *us = (hour * INT64_C(3600) + minute * 60 + second) * 1000000 + fraction;
    return wrong;
}

static const char *take_offset(struct slice *text, int64_t *us)
{
    static const char shape[] = "needs an offset from UTC: Z, or such as +02:00";
    *us = 0;
    if (take_byte(text, 'Z') || take_byte(text, 'z'))
        return NULL;
    int sign = take_byte(text, '+') ? 1 : take_byte(text, '-') ? -1 : 0;
    if (sign == 0)
        return shape;
    int hours = take_digits(text, 2);
    if (hours < 0 || !take_byte(text, ':'))
        return shape;
    int minutes = take_digits(text, 2);
    if (minutes < 0)
        return shape;
    if (hours > 23 || minutes > 59)
        return "there is no such offset from UTC";
    *us = sign * (hours * INT64_C(60) + minutes) * 60000000;
    return NULL;
}

static const char *parse_datetime(struct slice text, int64_t *out_us)
{
    struct date date;
    int64_t time, offset;
    const char *wrong = take_date(&text, &date);
    if (wrong)
        return wrong;
    if (!take_byte(&text, 'T') && !take_byte(&text, 't'))
        return "not a date and time such as 2026-01-02T03:04:05Z";
    if ((wrong = take_time(&text, &time)) || (wrong = take_offset(&text, &offset)))
        return wrong;
    if (text.len > 0)
        return "something follows the offset";
    int64_t us = days_of(date) * DAY_US + time - offset;
    if (us < TIMECODE_US_MIN || us > TIMECODE_US_MAX)
        return "not within the years 0001 to 9999";
    *out_us = us;
    return NULL;
}

enum error timecode_parse_datetime(struct slice text, int64_t *out_us)
{
    return parse_datetime(text, out_us) ? ERROR_PARSE : OK;
}

const char *timecode_refusal(struct slice text)
{
    int64_t ignored;
    return parse_datetime(text, &ignored);
}

enum error timecode_parse_date(struct slice text, int32_t *out_days)
{
    struct date date;
    if (take_date(&text, &date) || text.len > 0)
        return ERROR_PARSE;
    *out_days = (int32_t)days_of(date);
    return OK;
}

static char *put_digits(char *at, unsigned value, unsigned count)
{
    for (unsigned i = count; i > 0; i--, value /= 10)
        at[i - 1] = (char)('0' + value % 10);
    return at + count;
}

static char *put_date(char *at, int64_t days)
{
    struct date date = date_of(days);
    at = put_digits(at, (unsigned)date.year, 4);
    *at++ = '-';
    at = put_digits(at, (unsigned)date.month, 2);
    *at++ = '-';
    return put_digits(at, (unsigned)date.day, 2);
}

static char *put_time(char *at, unsigned seconds)
{
    at = put_digits(at, seconds / 3600, 2);
    *at++ = ':';
    at = put_digits(at, seconds / 60 % 60, 2);
    *at++ = ':';
    return put_digits(at, seconds % 60, 2);
}

static int64_t clamp(int64_t value, int64_t least, int64_t most)
{
    return value < least ? least : value > most ? most : value;
}

void timecode_format_date(int32_t days, char text[TIMECODE_DATE_BYTES])
{
    put_date(text, clamp(days, TIMECODE_DAYS_MIN, TIMECODE_DAYS_MAX));
}

void timecode_format_datetime(int64_t us, char text[TIMECODE_DATETIME_BYTES])
{
    /* From the first day on, so that division and remainder are of positive numbers. */
    uint64_t since = (uint64_t)(clamp(us, TIMECODE_US_MIN, TIMECODE_US_MAX) - TIMECODE_US_MIN);
    uint64_t of_day = since % DAY_US;
    char *at = put_date(text, (int64_t)(since / DAY_US) + TIMECODE_DAYS_MIN);
    *at++ = 'T';
    at = put_time(at, (unsigned)(of_day / 1000000));
    *at++ = '.';
    at = put_digits(at, (unsigned)(of_day % 1000000), 6);
    *at = 'Z';
}

void timecode_format_http(int64_t seconds, char text[TIMECODE_HTTP_BYTES])
{
    static const char weekdays[] = "MonTueWedThuFriSatSun"; /* 0001-01-01 was a Monday */
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    int64_t first = TIMECODE_US_MIN / 1000000;
    int64_t since = clamp(seconds, first, TIMECODE_US_MAX / 1000000) - first;
    int64_t days = since / 86400;
    struct date date = date_of(days + TIMECODE_DAYS_MIN);
    memcpy(text, weekdays + days % 7 * 3, 3);
    memcpy(text + 3, ", ", 2);
    char *at = put_digits(text + 5, (unsigned)date.day, 2);
    *at++ = ' ';
    memcpy(at, months + (date.month - 1) * 3, 3);
    at[3] = ' ';
    at = put_digits(at + 4, (unsigned)date.year, 4);
    *at++ = ' ';
    at = put_time(at, (unsigned)(since % 86400));
    memcpy(at, " GMT", 4);
}

struct unit {
    struct slice name;
    int64_t factor;
};

/* A whole number directly followed by the name of a unit; 0 needs none. */
static enum error parse_quantity(struct slice text, const struct unit *units, size_t unit_count, int64_t *out)
{
    size_t digits = 0;
    while (digits < text.len && text.ptr[digits] >= '0' && text.ptr[digits] <= '9')
        digits++;
    int64_t count, value;
    struct slice name = slice_from_index(text, digits);
    TRY(number_parse_int(slice_of(text.ptr, digits), &count));
    if (count == 0 && name.len == 0) {
        *out = 0;
        return OK;
    }
    for (size_t i = 0; i < unit_count; i++) {
        if (!slice_eq(units[i].name, name))
            continue;
        if (__builtin_mul_overflow(count, units[i].factor, &value))
            return ERROR_VALIDATION;
        *out = value;
        return OK;
    }
    return ERROR_PARSE;
}

enum error timecode_parse_duration(struct slice text, int64_t *out_ms)
{
    static const struct unit units[] = {
        {SLICE_INIT("ms"), 1},      {SLICE_INIT("s"), 1000},     {SLICE_INIT("m"), 60000},
        {SLICE_INIT("h"), 3600000}, {SLICE_INIT("d"), 86400000}, {SLICE_INIT("w"), 604800000},
    };
    return parse_quantity(text, units, ARRAY_LEN(units), out_ms);
}

enum error timecode_parse_size(struct slice text, int64_t *out_bytes)
{
    static const struct unit units[] = {
        {SLICE_INIT("B"), 1},
        {SLICE_INIT("KB"), 1000},
        {SLICE_INIT("MB"), 1000000},
        {SLICE_INIT("GB"), 1000000000},
        {SLICE_INIT("TB"), 1000000000000},
        {SLICE_INIT("KiB"), INT64_C(1) << 10},
        {SLICE_INIT("MiB"), INT64_C(1) << 20},
        {SLICE_INIT("GiB"), INT64_C(1) << 30},
        {SLICE_INIT("TiB"), INT64_C(1) << 40},
    };
    return parse_quantity(text, units, ARRAY_LEN(units), out_bytes);
}
