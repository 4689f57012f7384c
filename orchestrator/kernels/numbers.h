/* Numbers of JSON to float32, exactly as json and numpy would round them: one at a time, or a row of common ones.
 *
 * A number in doubt is never guessed: what is too long, out of bounds or beside a point where the last rounding changes
 * goes to std::from_chars, and where that is missing the document is decoded slowly.
 */
#ifndef ORCHESTRATOR_KERNELS_NUMBERS_H
#define ORCHESTRATOR_KERNELS_NUMBERS_H

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#endif

namespace scan {

constexpr int MAX_DIGITS = 19;        /* 10**19 - 1 fits into 64 bits */
constexpr int MAX_POWER = 45;         /* 10**-45 is below the least float32 */
constexpr double MAX_MAGNITUDE = 1e9; /* contract.chunk.MAX_MAGNITUDE; test_scan checks that they agree */

static const double POSITIVE_POWERS[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                         1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
static const double NEGATIVE_POWERS[MAX_POWER + 1] = {
    1e-0,  1e-1,  1e-2,  1e-3,  1e-4,  1e-5,  1e-6,  1e-7,  1e-8,  1e-9,  1e-10, 1e-11, 1e-12, 1e-13, 1e-14, 1e-15,
    1e-16, 1e-17, 1e-18, 1e-19, 1e-20, 1e-21, 1e-22, 1e-23, 1e-24, 1e-25, 1e-26, 1e-27, 1e-28, 1e-29, 1e-30, 1e-31,
    1e-32, 1e-33, 1e-34, 1e-35, 1e-36, 1e-37, 1e-38, 1e-39, 1e-40, 1e-41, 1e-42, 1e-43, 1e-44, 1e-45};
/* What the digit before the point is worth with so many digits after it; 0 where it would not fit anyway. */
static const uint64_t LEADING[25] = {1u,
                                     10u,
                                     100u,
                                     1000u,
                                     10000u,
                                     100000u,
                                     1000000u,
                                     10000000u,
                                     100000000u,
                                     1000000000u,
                                     10000000000u,
                                     100000000000u,
                                     1000000000000u,
                                     10000000000000u,
                                     100000000000000u,
                                     1000000000000000u,
                                     10000000000000000u,
                                     100000000000000000u};
static const uint64_t WHOLE_POWERS[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};

static inline bool is_digit(char byte) { return (unsigned char)(byte - '0') < 10; }

/* The value of eight decimal digits, the first one in the lowest byte (Lemire, "Quickly parsing eight digits"). */
static inline uint64_t eight_digits(uint64_t digits) {
    digits = digits * 10 + (digits >> 8);
    return (((digits & 0x000000FF000000FFu) * 0x000F424000000064u) +
            (((digits >> 16) & 0x000000FF000000FFu) * 0x0000271000000001u)) >>
           32;
}

/* Append the run of digits at *at* to *value*; returns its end. The caller sees to it that value cannot overflow. */
static inline const char *digits(const char *at, const char *end, uint64_t *value) {
    while (end - at >= 8) {
        uint64_t block;
        memcpy(&block, at, 8);
        block ^= 0x3030303030303030u;
        /* A byte above 9 sets its top bit; a carry out of it can only spoil bytes after the first such byte. */
        const uint64_t others = ((block + 0x7676767676767676u) | block) & 0x8080808080808080u;
        if (others == 0) {
            *value = *value * 100000000u + eight_digits(block);
            at += 8;
            continue;
        }
        const int count = __builtin_ctzll(others) >> 3;
        if (count) *value = *value * WHOLE_POWERS[count] + eight_digits(block << (64 - 8 * count));
        return at + count;
    }
    for (; at < end && is_digit(*at); at++) *value = *value * 10 + (uint64_t)(*at - '0');
    return at;
}

/* A number in any valid notation, rounded to double and then to float32 as json and numpy would do it. */
static bool number_slowly(const char *start, const char *end, float *out) {
#if defined(__cpp_lib_to_chars)
    double value;
    const std::from_chars_result result = std::from_chars(start, end, value);
    if (result.ec != std::errc() || result.ptr != end) return false;
    if (!(value >= -MAX_MAGNITUDE && value <= MAX_MAGNITUDE)) return false;
    *out = (float)value;
    return true;
#else
    (void)start, (void)end, (void)out;
    return false;
#endif
}

constexpr ptrdiff_t COMMON_BEFORE = 32; /* bytes before a number's end that its conversion may read */
constexpr int COMMON_DIGITS = 24;

/* After "[" or ",": where the number itself is, and what it is made of. */
struct Token {
    uint64_t negative, whole;
    int count; /* digits after the point; 0 for what is no common number */
};

static inline Token dissect(const char *at, const char *end) {
    Token token;
    at += *at == ' ';
    token.negative = *at == '-';
    at += token.negative;
    token.whole = (unsigned char)(*at - '0');
    const ptrdiff_t count = end - at - 2;
    const bool common = count > 0 && count <= COMMON_DIGITS && token.whole <= 9 && at[1] == '.';
    token.count = common ? (int)count : 0;
    return token;
}

/* From the digits after the point, as three numbers of eight digits, to float32; false where that is in doubt. */
static inline bool compose(const Token &token, uint64_t first, uint64_t second, uint64_t third, float *out) {
    const uint64_t value =
        third + second * 100000000u + first * 10000000000000000u + token.whole * LEADING[token.count];
    /* Three roundings, as in number(). */
    const double scaled = (double)(int64_t)value * NEGATIVE_POWERS[token.count];
    uint64_t bits;
    memcpy(&bits, &scaled, 8);
    const bool halfway = ((bits - (((uint64_t)1 << 28) - 8)) & (((uint64_t)1 << 29) - 1)) <= 16;
    bits |= token.negative << 63;
    double result;
    memcpy(&result, &bits, 8);
    *out = (float)result;
    const bool wide = (first > 900) | ((token.whole != 0) & (token.count > 17)); /* more than 63 bits */
    return !(halfway | wide | (token.count == 0));
}

/* Convert the numbers that embeddings consist of, "-0.0975050032138824": one digit, a point, up to 24 digits.
 *
 * Number *i* ends at stops[i] and begins after stops[i - 1]. Hardly a branch depends on a number, because a wrong
 * guess costs more than all of the arithmetic, and no number waits for the one before. The places of all others, and
 * of those whose last rounding is in doubt, are left in *doubtful*; returns how many those are. */
typedef ptrdiff_t Convert(const char *start, const char *const *stops, ptrdiff_t count, float *out, int32_t *doubtful);

/* The *keep* (at most 8) bytes before *end* as digits 0 to 9; adds to *others* a bit for each that is none. */
static inline uint64_t digits_before(const char *end, int keep, uint64_t *others) {
    uint64_t block;
    memcpy(&block, end - 8, 8);
    block ^= 0x3030303030303030u;
    block = keep ? block >> (64 - 8 * keep) << (64 - 8 * keep) : 0;
    *others |= ((block + 0x7676767676767676u) | block) & 0x8080808080808080u;
    return eight_digits(block);
}

static inline int within_block(int count) { return count < 0 ? 0 : count > 8 ? 8 : count; }

static ptrdiff_t convert_anywhere(const char *start, const char *const *stops, ptrdiff_t count, float *out,
                                  int32_t *doubtful) {
    ptrdiff_t doubts = 0;
    for (ptrdiff_t place = 0; place < count; place++) {
        const char *end = stops[place];
        const Token token = dissect(start, end);
        uint64_t others = 0;
        const uint64_t first = digits_before(end - 16, within_block(token.count - 16), &others);
        const uint64_t second = digits_before(end - 8, within_block(token.count - 8), &others);
        const uint64_t third = digits_before(end, within_block(token.count), &others);
        doubtful[doubts] = (int32_t)place;
        doubts += !compose(token, first, second, third, &out[place]) | (others != 0);
        start = end + 1;
    }
    return doubts;
}

#if defined(__x86_64__) && defined(__GNUC__)
/* The last *n* of 32 bytes are those that begin at KEEP_BYTES + n. */
alignas(64) static const unsigned char KEEP_BYTES[64] = {
    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
    0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
    0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};

__attribute__((target("avx2"))) static ptrdiff_t convert_avx2(const char *start, const char *const *stops,
                                                              ptrdiff_t count, float *out, int32_t *doubtful) {
    const __m256i zero = _mm256_set1_epi8('0'), nine = _mm256_set1_epi8(9);
    const __m256i tens = _mm256_set1_epi16(0x010A);      /* 10, 1 */
    const __m256i hundreds = _mm256_set1_epi32(0x10064); /* 100, 1 */
    const __m256i myriads = _mm256_set1_epi32(0x12710);  /* 10000, 1 */
    ptrdiff_t doubts = 0;
    for (ptrdiff_t place = 0; place < count; place++) {
        const char *end = stops[place];
        const Token token = dissect(start, end);
        __m256i digits = _mm256_sub_epi8(_mm256_loadu_si256((const __m256i *)(end - 32)), zero);
        digits = _mm256_and_si256(digits, _mm256_loadu_si256((const __m256i *)(KEEP_BYTES + token.count)));
        const __m256i others = _mm256_subs_epu8(digits, nine);
        const __m256i pairs = _mm256_maddubs_epi16(digits, tens);
        const __m256i fours = _mm256_madd_epi16(pairs, hundreds);
        const __m256i eights = _mm256_madd_epi16(_mm256_packus_epi32(fours, fours), myriads);
        const uint64_t low = (uint64_t)_mm_cvtsi128_si64(_mm256_castsi256_si128(eights));
        const uint64_t high = (uint64_t)_mm_cvtsi128_si64(_mm256_extracti128_si256(eights, 1));
        doubtful[doubts] = (int32_t)place;
        doubts += !compose(token, low >> 32, high & 0xFFFFFFFFu, high >> 32, &out[place]) |
                  !_mm256_testz_si256(others, others);
        start = end + 1;
    }
    return doubts;
}

static Convert *const convert = __builtin_cpu_supports("avx2") ? convert_avx2 : convert_anywhere;
#else
static Convert *const convert = convert_anywhere;
#endif

/* Which of the 64 bytes at *at* may end a number in an array. */
static inline uint64_t separators(const char *at) {
    uint64_t found = 0;
#if defined(__SSE2__)
    const __m128i comma = _mm_set1_epi8(','), bracket = _mm_set1_epi8(']');
    for (int part = 0; part < 4; part++) {
        const __m128i bytes = _mm_loadu_si128((const __m128i *)(at + 16 * part));
        const __m128i match = _mm_or_si128(_mm_cmpeq_epi8(bytes, comma), _mm_cmpeq_epi8(bytes, bracket));
        found |= (uint64_t)(unsigned)_mm_movemask_epi8(match) << (16 * part);
    }
#else
    for (int place = 0; place < 64; place++) found |= (uint64_t)(at[place] == ',' || at[place] == ']') << place;
#endif
    return found;
}

/* Parse the JSON number at *at* into *out*; its end, or null for whatever is not a number within bounds. */
static inline const char *number(const char *at, const char *end, float *out) {
    const char *start = at;
    const bool negative = at < end && *at == '-';
    at += negative;
    if (at == end || !is_digit(*at)) return nullptr;
    uint64_t value = 0;
    ptrdiff_t significant = 0, exponent = 0;
    if (*at == '0') {
        if (++at < end && is_digit(*at)) return nullptr; /* JSON has no leading zeros */
    } else {
        const char *first = at;
        at = digits(at, end, &value);
        significant = at - first;
    }
    if (at < end && *at == '.') {
        const char *first = ++at;
        if (significant == 0)
            while (at < end && *at == '0') at++;
        const char *counted = at;
        at = digits(at, end, &value);
        if (at == first) return nullptr;
        significant += at - counted;
        exponent = first - at;
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        const bool minus = ++at < end && *at == '-';
        if (minus || (at < end && *at == '+')) at++;
        const char *first = at;
        ptrdiff_t power = 0;
        for (; at < end && is_digit(*at); at++) power = power < 10000 ? power * 10 + (*at - '0') : power;
        if (at == first) return nullptr;
        exponent += minus ? -power : power;
    }
    if (significant > MAX_DIGITS || exponent < -MAX_POWER || exponent > 22)
        return number_slowly(start, at, out) ? at : nullptr;
    /* Off by three roundings at most, that is, by less than four units in the last place of a double ... */
    double scaled = (double)value;
    scaled *= exponent < 0 ? NEGATIVE_POWERS[-exponent] : POSITIVE_POWERS[exponent];
    uint64_t bits;
    memcpy(&bits, &scaled, 8);
    /* ... which matters only next to a point halfway between two float32 numbers (29 bits narrower than doubles). */
    const uint64_t beside_halfway = (bits - (((uint64_t)1 << 28) - 8)) & (((uint64_t)1 << 29) - 1);
    if (beside_halfway <= 16 || scaled > MAX_MAGNITUDE - 1 || (scaled < 1e-37 && value != 0))
        return number_slowly(start, at, out) ? at : nullptr;
    *out = (float)(negative ? -scaled : scaled);
    return at;
}

}  // namespace scan

#endif
