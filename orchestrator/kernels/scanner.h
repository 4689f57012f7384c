/* Takes centroids and mentions out of a JSON document: one pass that finds each, turns it into a row of float32 numbers
 * or of hashes (mentions.h), and leaves a row number in its place.
 *
 * Accepts a strict subset of what is valid and decides nothing else: whatever is unusual (escaped keys, both forms of
 * a centroid at once, numbers out of bounds, damage) makes the whole document SLOW, and the ordinary decoder says what
 * it is. A document that is broken elsewhere stays broken, because what is put in is a value where a value was.
 *
 * Never reads outside [data, data + size): blocks of eight bytes only where eight bytes are left.
 */
#ifndef ORCHESTRATOR_KERNELS_SCANNER_H
#define ORCHESTRATOR_KERNELS_SCANNER_H

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "mentions.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#endif

namespace scan {

enum Verdict : int { PLAIN = 0, REDUCED = 1, SLOW = 2 };

/* What else a look at every byte tells. */
struct Survey {
    bool ascii;   /* no byte above 127 */
    bool escapes; /* a backslash */
};

/* The next place in [at, end) that may be the beginning of a key "centroid... or "mentions", or *end*; *found* takes
 * note of the bytes up to there. */
static const char *find_key(const char *at, const char *end, Survey *found) {
    int high = 0, escape = 0;
#if defined(__x86_64__) && defined(__GNUC__)
    const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\');
    const __m128i c = _mm_set1_epi8('c'), d = _mm_set1_epi8('d'), m = _mm_set1_epi8('m'), s = _mm_set1_epi8('s');
    for (; end - at >= 24; at += 16) {
        const __m128i bytes = _mm_loadu_si128((const __m128i *)at);
        const __m128i behind = _mm_loadu_si128((const __m128i *)(at + 1));
        const __m128i far = _mm_loadu_si128((const __m128i *)(at + 8));
        high |= _mm_movemask_epi8(bytes);
        escape |= _mm_movemask_epi8(_mm_cmpeq_epi8(bytes, backslash));
        const __m128i either = _mm_or_si128(_mm_and_si128(_mm_cmpeq_epi8(behind, c), _mm_cmpeq_epi8(far, d)),
                                            _mm_and_si128(_mm_cmpeq_epi8(behind, m), _mm_cmpeq_epi8(far, s)));
        const int places = _mm_movemask_epi8(_mm_and_si128(_mm_cmpeq_epi8(bytes, quote), either));
        if (places) {
            end = at + __builtin_ctz((unsigned)places);
            break;
        }
    }
#endif
    for (; at < end; at++) {
        high |= *at & 0x80;
        escape |= *at == '\\';
        if (*at == '"' && end - at > 9 && ((at[1] == 'c' && at[8] == 'd') || (at[1] == 'm' && at[8] == 's'))) break;
    }
    found->ascii &= high == 0;
    found->escapes |= escape != 0;
    return at < end ? at : end;
}

constexpr int MAX_DIGITS = 19;         /* 10**19 - 1 fits into 64 bits */
constexpr int MAX_POWER = 45;          /* 10**-45 is below the least float32 */
constexpr double MAX_MAGNITUDE = 1e9;  /* contract.chunk.MAX_MAGNITUDE; test_scan checks that they agree */
constexpr ptrdiff_t MAX_DIMENSIONS = 16384;

constexpr size_t MAX_IDLE_BYTES = (size_t)8 << 20;

static const double POSITIVE_POWERS[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                         1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
static const double NEGATIVE_POWERS[MAX_POWER + 1] = {
    1e-0,  1e-1,  1e-2,  1e-3,  1e-4,  1e-5,  1e-6,  1e-7,  1e-8,  1e-9,  1e-10, 1e-11, 1e-12, 1e-13, 1e-14, 1e-15,
    1e-16, 1e-17, 1e-18, 1e-19, 1e-20, 1e-21, 1e-22, 1e-23, 1e-24, 1e-25, 1e-26, 1e-27, 1e-28, 1e-29, 1e-30, 1e-31,
    1e-32, 1e-33, 1e-34, 1e-35, 1e-36, 1e-37, 1e-38, 1e-39, 1e-40, 1e-41, 1e-42, 1e-43, 1e-44, 1e-45};
/* What the digit before the point is worth with so many digits behind it; 0 where it would not fit anyway. */
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
            (((digits >> 16) & 0x000000FF000000FFu) * 0x0000271000000001u)) >> 32;
}

/* Append the run of digits at *at* to *value*; returns its end. The caller sees to it that value cannot overflow. */
static inline const char *digits(const char *at, const char *end, uint64_t *value) {
    while (end - at >= 8) {
        uint64_t block;
        memcpy(&block, at, 8);
        block ^= 0x3030303030303030u;
        /* A byte above 9 sets its top bit; a carry out of it can only spoil bytes behind the first such byte. */
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

/* Behind "[" or ",": where the number itself is, and what it is made of. */
struct Token {
    uint64_t negative, whole;
    int count; /* digits behind the point; 0 for what is no common number */
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

/* From the digits behind the point, as three numbers of eight digits, to float32; false where that is in doubt. */
static inline bool compose(const Token &token, uint64_t first, uint64_t second, uint64_t third, float *out) {
    const uint64_t value = third + second * 100000000u + first * 10000000000000000u + token.whole * LEADING[token.count];
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
 * Number *i* ends at stops[i] and begins behind stops[i - 1]. Hardly a branch depends on a number, because a wrong
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

static inline int base64_digit(unsigned char byte) {
    if (byte >= 'A' && byte <= 'Z') return byte - 'A';
    if (byte >= 'a' && byte <= 'z') return byte - 'a' + 26;
    if (byte >= '0' && byte <= '9') return byte - '0' + 52;
    return byte == '+' ? 62 : byte == '/' ? 63 : -1;
}

/* The batch: rows of all documents, and what is left of each. */
class Scanner {
  public:
    std::vector<float> values;
    std::vector<int64_t> offsets{0};
    std::vector<char> rest;
    Mentions mentions;
    int64_t document_number = 0; /* of the next one, for the spots of its mentions */

    /* Be as new, but for the memory at hand; what one great batch needed is not kept for ever. */
    void reset() {
        if (values.capacity() * sizeof(float) + rest.capacity() + mentions.bytes() > MAX_IDLE_BYTES) {
            values = std::vector<float>();
            rest = std::vector<char>();
            mentions = Mentions();
        }
        rest.clear();
        keep_rows(0, 0);
    }

    /* Append to *rest* the document without its centroids and mentions. On SLOW and PLAIN nothing is appended anywhere. */
    Verdict run(const char *data, ptrdiff_t size, Survey *found) {
        const size_t rows_before = offsets.size() - 1, mentions_before = mentions.rows(), rest_before = rest.size();
        at_ = copied_ = data_ = data;
        end_ = data + size;
        has_array_ = has_packed_ = false;
        *found = Survey{true, false};
        const bool usual = document(found) && !(has_array_ && has_packed_) &&
                           !(found->escapes && (escapes_letters(data, end_)));
        if (usual && copied_ == data) return PLAIN;
        if (usual) {
            copy_until(end_);
            return REDUCED;
        }
        keep_rows(rows_before, mentions_before);
        rest.resize(rest_before);
        return SLOW;
    }

  private:
    const char *data_, *at_, *end_, *copied_;
    bool has_array_, has_packed_;
    /* Room for one row. On the heap, because a thread's stack may be small; no vectors, because these would be
     * zeroed each time before they are filled. */
    struct Bench {
        float row[MAX_DIMENSIONS];
        const char *stops[MAX_DIMENSIONS];
        int32_t doubtful[MAX_DIMENSIONS + 1];
    };
    std::unique_ptr<Bench> bench_;

    /* Forget the rows behind the first ones. */
    void keep_rows(size_t centroids, size_t lists) {
        offsets.resize(centroids + 1);
        values.resize((size_t)offsets[centroids]);
        mentions.keep_rows(lists);
    }

    void copy_until(const char *stop) {
        rest.insert(rest.end(), copied_, stop);
        copied_ = stop;
    }

    void put(std::string_view text, const char *resume) {
        rest.insert(rest.end(), text.begin(), text.end());
        at_ = copied_ = resume;
    }

    void skip_blanks() {
        while (at_ < end_ && is_blank(*at_)) at_++;
    }

    /* A letter written as \\u0063: a key may be written like that, which would escape the search for it. Nobody who
     * writes JSON escapes letters, so this costs nobody anything. */
    static bool escapes_letters(const char *at, const char *end) {
        const std::string_view text(at, (size_t)(end - at));
        return text.find("\\u006") != text.npos || text.find("\\u007") != text.npos;
    }

    /* Replace centroids and mentions, whatever they are part of: a key of that name outside of a cluster is an unknown one, and
     * what unknown keys hold is ignored. The bytes searched for cannot be inside a string, because the second quote
     * would end it, and a string with a colon behind it is a key. */
    bool document(Survey *found) {
        while ((at_ = find_key(at_, end_, found)) < end_) {
            const char *quote = at_++;
            const std::string_view text(quote, (size_t)(end_ - quote));
            if (text.substr(0, 10) == "\"mentions\"") {
                at_ = quote + 10;
                skip_blanks();
                if (at_ < end_ && *at_ == ':' && !mention_row(quote, found)) return false;
                continue;
            }
            const bool packed = text.substr(0, 13) == "\"centroidF32\"";
            if (!packed && text.substr(0, 10) != "\"centroid\"") continue;
            at_ = quote + (packed ? 13 : 10);
            skip_blanks();
            if (at_ < end_ && *at_ == ':' && !centroid(quote, packed)) return false;
        }
        return true;
    }

    /* Replace key and value at *quote* by a row; *at_* is at the colon. */
    bool centroid(const char *quote, bool packed) {
        (packed ? has_packed_ : has_array_) = true;
        at_++;
        skip_blanks();
        if (at_ == end_) return false;
        if (*at_ == 'n') return !packed; /* null counts as it stands, or it is damage that the decoder will find */
        const size_t before = values.size();
        copy_until(quote);
        if (!(packed ? base64_row() : row())) return false;
        if (values.size() == before) {
            put("\"centroid\":null", at_);
            return true;
        }
        put_row("\"centroid\":", offsets.size() - 1);
        offsets.push_back((int64_t)values.size());
        return true;
    }

    /* The same for an array of texts. */
    bool mention_row(const char *quote, Survey *found) {
        at_++;
        skip_blanks();
        if (at_ == end_ || *at_ != '[') return false;
        int high = 0;
        const char *behind = mentions.read(at_ + 1, end_, data_, document_number, &high);
        if (behind == nullptr) return false;
        found->ascii &= high == 0;
        copy_until(quote);
        at_ = behind;
        put_row("\"mentions\":", mentions.rows() - 1);
        return true;
    }

    void put_row(const char (&key)[12], size_t number) {
        char text[33];
        memcpy(text, key, 11);
        char *last = std::to_chars(text + 11, text + sizeof text - 1, number).ptr;
        *last++ = ' '; /* or digits behind the bracket, as in [1,2]7, would make it the number of another row */
        put(std::string_view(text, (size_t)(last - text)), at_);
    }

    bool row() {
        if (*at_++ != '[') return false;
        skip_blanks();
        if (at_ < end_ && *at_ == ']') return ++at_, true;
        if (!bench_) bench_.reset(new Bench);
        Bench &bench = *bench_;
        const char *first = at_;
        const ptrdiff_t count = find_stops(bench.stops);
        /* The conversion reads before a number's end; a document that short has no clusters anyway. */
        if (count == 0 || bench.stops[0] - data_ < COMMON_BEFORE) return false;
        const ptrdiff_t doubts = convert(first, bench.stops, count, bench.row, bench.doubtful);
        for (ptrdiff_t doubt = 0; doubt < doubts; doubt++) {
            const ptrdiff_t place = bench.doubtful[doubt];
            if (!unusual(place ? bench.stops[place - 1] + 1 : first, bench.stops[place], &bench.row[place])) return false;
        }
        values.insert(values.end(), bench.row, bench.row + count);
        return true;
    }

    /* Where the numbers from *at_* on end, up to the bracket behind the last; 0 if that is nowhere in sight. */
    ptrdiff_t find_stops(const char **stops) {
        ptrdiff_t count = 0;
        for (; end_ - at_ >= 64; at_ += 64)
            for (uint64_t found = separators(at_); found; found &= found - 1) {
                const char *stop = at_ + __builtin_ctzll(found);
                if (count == MAX_DIMENSIONS) return 0;
                stops[count++] = stop;
                if (*stop == ']') return at_ = stop + 1, count;
            }
        for (; at_ < end_; at_++) {
            if (*at_ != ',' && *at_ != ']') continue;
            if (count == MAX_DIMENSIONS) return 0;
            stops[count++] = at_;
            if (*at_ == ']') return at_++, count;
        }
        return 0;
    }

    /* A number in any notation, between blanks. */
    static bool unusual(const char *at, const char *stop, float *out) {
        while (at < stop && is_blank(*at)) at++;
        at = number(at, stop, out);
        if (at == nullptr) return false;
        while (at < stop && is_blank(*at)) at++;
        return at == stop;
    }

    bool base64_row() {
        if (*at_++ != '"') return false;
        const void *quote = memchr(at_, '"', (size_t)(end_ - at_));
        if (quote == nullptr) return false;
        std::string_view text(at_, (size_t)((const char *)quote - at_)); /* an escape is no digit and refused below */
        at_ = (const char *)quote + 1;
        if (text.size() % 4) return false;
        size_t padding = 0;
        while (padding < 2 && !text.empty() && text.back() == '=') {
            text.remove_suffix(1);
            padding++;
        }
        const size_t bytes = (text.size() + padding) / 4 * 3 - padding;
        if (bytes % 4 || bytes / 4 > (size_t)MAX_DIMENSIONS) return false;
        const size_t first = values.size();
        values.resize(first + bytes / 4);
        unsigned char *out = (unsigned char *)(values.data() + first);
        uint32_t bits = 0;
        int held = 0;
        for (const char byte : text) {
            const int digit = base64_digit((unsigned char)byte);
            if (digit < 0) return false;
            bits = bits << 6 | (uint32_t)digit;
            held += 6;
            if (held >= 8) *out++ = (unsigned char)(bits >> (held -= 8));
        }
        return true;
    }
};

}  // namespace scan

#endif
