/* Floats in base64, as the RFC has it (RFC 4648, section 4): padded, without blanks.
 *
 * Blocks of digits are read by the best instructions of the machine: AVX-512 VBMI or AVX2 on x86-64, NEON on arm64.
 * A block with anything else in it, and what is behind the last block, is left to plain code, which judges: so every
 * version takes and refuses the same texts, and gives the same bytes. Nothing is read or written outside of them.
 */
#ifndef ORCHESTRATOR_KERNELS_BASE64_H
#define ORCHESTRATOR_KERNELS_BASE64_H

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#if defined(__x86_64__) && defined(__GNUC__)
#define BASE64_X86 1
#include <immintrin.h>
#elif defined(__aarch64__) && defined(__GNUC__)
#define BASE64_ARM64 1
#include <arm_neon.h>
#endif

namespace base64 {

constexpr unsigned char NO_DIGIT = 0x80;

/* The value of every character; of those that are no digits NO_DIGIT. */
struct Digits {
    unsigned char of[256];

    constexpr Digits() : of() {
        for (int byte = 0; byte < 256; byte++) of[byte] = NO_DIGIT;
        for (int place = 0; place < 26; place++) {
            of['A' + place] = (unsigned char)place;
            of['a' + place] = (unsigned char)(26 + place);
        }
        for (int place = 0; place < 10; place++) of['0' + place] = (unsigned char)(52 + place);
        of[(int)'+'] = 62;
        of[(int)'/'] = 63;
    }
};

static constexpr Digits DIGITS;

/* Four digits at a time, three bytes of each; two or three digits may be left at the end, and bits behind the last byte
 * say nothing. False if there is anything else. */
static inline bool read_anywhere(const char *text, size_t size, unsigned char *out) {
    const unsigned char *at = (const unsigned char *)text, *const whole = at + size / 4 * 4;
    for (; at < whole; at += 4, out += 3) {
        const unsigned a = DIGITS.of[at[0]], b = DIGITS.of[at[1]], c = DIGITS.of[at[2]], d = DIGITS.of[at[3]];
        if ((a | b | c | d) & NO_DIGIT) return false;
        out[0] = (unsigned char)(a << 2 | b >> 4);
        out[1] = (unsigned char)(b << 4 | c >> 2);
        out[2] = (unsigned char)(c << 6 | d);
    }
    unsigned bits = 0;
    int held = 0;
    for (; at < (const unsigned char *)text + size; at++) {
        const unsigned digit = DIGITS.of[*at];
        if (digit & NO_DIGIT) return false;
        bits = bits << 6 | digit;
        held += 6;
        if (held >= 8) *out++ = (unsigned char)(bits >> (held -= 8));
    }
    return true;
}

#if BASE64_X86
/* Places of the three bytes in each number of 24 bits, the first one first. */
struct Places {
    unsigned char of[64];

    constexpr Places() : of() {
        for (int byte = 0; byte < 48; byte++) of[byte] = (unsigned char)(byte / 3 * 4 + 2 - byte % 3);
    }
};

static constexpr Places PLACES;

/* 64 digits at a time: looked up in a table of 128, put together by products, and the bytes put in order. Source: the
 * method of W. Mula and D. Lemire, "Base64 encoding and decoding at almost the speed of a memory copy" (2020). */
__attribute__((target("avx512f,avx512bw,avx512vbmi"))) static inline size_t read_vbmi(const char *text, size_t size,
                                                                                      unsigned char *out) {
    const __m512i low = _mm512_loadu_si512(DIGITS.of), high = _mm512_loadu_si512(DIGITS.of + 64);
    const __m512i places = _mm512_loadu_si512(PLACES.of);
    const __mmask64 first_48 = ((__mmask64)1 << 48) - 1;
    size_t done = 0;
    for (; size - done >= 64; done += 64, out += 48) {
        const __m512i input = _mm512_loadu_si512(text + done);
        const __m512i digits = _mm512_permutex2var_epi8(low, input, high); /* by the lower seven bits */
        if (_mm512_movepi8_mask(_mm512_or_si512(digits, input))) break;
        const __m512i pairs = _mm512_maddubs_epi16(digits, _mm512_set1_epi32(0x01400140));
        const __m512i numbers = _mm512_madd_epi16(pairs, _mm512_set1_epi32(0x00011000));
        /* with zeros behind: GCC 12 takes the one without for using what it does not set */
        _mm512_mask_storeu_epi8(out, first_48, _mm512_maskz_permutexvar_epi8(first_48, places, numbers));
    }
    return done;
}

/* 32 digits at a time. What a character is is told by its halves: a bit is in both tables where it cannot be a digit;
 * what is to be added to a digit's character depends on the upper half, and for a slash on more. Source: W. Mula and
 * D. Lemire, "Faster Base64 Encoding and Decoding using AVX2 Instructions" (2018). */
__attribute__((target("avx2"))) static inline size_t read_avx2(const char *text, size_t size, unsigned char *out) {
    const __m256i by_lower = _mm256_setr_epi8(0x15, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x13, 0x1a,
                                              0x1b, 0x1b, 0x1b, 0x1a, 0x15, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11,
                                              0x11, 0x11, 0x13, 0x1a, 0x1b, 0x1b, 0x1b, 0x1a);
    const __m256i by_upper = _mm256_setr_epi8(0x10, 0x10, 0x01, 0x02, 0x04, 0x08, 0x04, 0x08, 0x10, 0x10, 0x10, 0x10,
                                              0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x01, 0x02, 0x04, 0x08, 0x04, 0x08,
                                              0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10);
    const __m256i added = _mm256_setr_epi8(0, 16, 19, 4, -65, -65, -71, -71, 0, 0, 0, 0, 0, 0, 0, 0, 0, 16, 19, 4, -65,
                                           -65, -71, -71, 0, 0, 0, 0, 0, 0, 0, 0);
    const __m256i half = _mm256_set1_epi8(0x0f), slash = _mm256_set1_epi8('/');
    const __m256i places = _mm256_setr_epi8(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1, 2, 1, 0, 6, 5, 4,
                                            10, 9, 8, 14, 13, 12, -1, -1, -1, -1);
    const __m256i together = _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 7, 7);
    const __m256i first_six = _mm256_setr_epi32(-1, -1, -1, -1, -1, -1, 0, 0);
    size_t done = 0;
    for (; size - done >= 32; done += 32, out += 24) {
        const __m256i input = _mm256_loadu_si256((const __m256i *)(text + done));
        const __m256i upper = _mm256_and_si256(_mm256_srli_epi32(input, 4), half);
        const __m256i lower = _mm256_and_si256(input, half);
        if (!_mm256_testz_si256(_mm256_shuffle_epi8(by_lower, lower), _mm256_shuffle_epi8(by_upper, upper))) break;
        const __m256i kind = _mm256_add_epi8(_mm256_cmpeq_epi8(input, slash), upper);
        const __m256i digits = _mm256_add_epi8(input, _mm256_shuffle_epi8(added, kind));
        const __m256i pairs = _mm256_maddubs_epi16(digits, _mm256_set1_epi32(0x01400140));
        const __m256i numbers = _mm256_madd_epi16(pairs, _mm256_set1_epi32(0x00011000));
        const __m256i bytes = _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(numbers, places), together);
        _mm256_maskstore_epi32((int *)out, first_six, bytes);
    }
    return done;
}
#endif

#if BASE64_ARM64
/* 64 digits at a time, by fours: each is looked up in both halves of the table, where what is beyond a half gives
 * nothing. A table of one more, so that nothing is no digit. */
static inline size_t read_neon(const char *text, size_t size, unsigned char *out) {
    uint8x16x4_t halves[2];
    for (int half = 0; half < 2; half++)
        for (int part = 0; part < 4; part++) {
            const uint8x16_t digits = vld1q_u8(DIGITS.of + half * 64 + part * 16);
            const uint8x16_t one_more = vaddq_u8(digits, vdupq_n_u8(1));
            halves[half].val[part] = vandq_u8(one_more, vcltq_u8(digits, vdupq_n_u8(NO_DIGIT)));
        }
    size_t done = 0;
    for (; size - done >= 64; done += 64, out += 48) {
        const uint8x16x4_t input = vld4q_u8((const uint8_t *)text + done);
        uint8x16_t digits[4], least = vdupq_n_u8(255);
        for (int each = 0; each < 4; each++) {
            const uint8x16_t below = vqtbl4q_u8(halves[0], input.val[each]);
            const uint8x16_t found = vorrq_u8(below, vqtbl4q_u8(halves[1], veorq_u8(input.val[each], vdupq_n_u8(64))));
            least = vminq_u8(least, found);
            digits[each] = vsubq_u8(found, vdupq_n_u8(1));
        }
        if (vminvq_u8(least) == 0) break;
        uint8x16x3_t bytes;
        bytes.val[0] = vorrq_u8(vshlq_n_u8(digits[0], 2), vshrq_n_u8(digits[1], 4));
        bytes.val[1] = vorrq_u8(vshlq_n_u8(digits[1], 4), vshrq_n_u8(digits[2], 2));
        bytes.val[2] = vorrq_u8(vshlq_n_u8(digits[2], 6), digits[3]);
        vst3q_u8(out, bytes);
    }
    return done;
}
#endif

/* The better, the higher. */
enum Instructions : int { ANYWHERE = 0, AVX2 = 1, VBMI = 2, NEON = 1 };

static inline int best_instructions() {
#if BASE64_X86
    if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vbmi")) return VBMI;
    return __builtin_cpu_supports("avx2") ? AVX2 : ANYWHERE;
#elif BASE64_ARM64
    return NEON;
#else
    return ANYWHERE;
#endif
}

/* What blocks are read by; the tests try all that the machine has. */
static int instructions = best_instructions();

/* Read whole blocks of digits from the beginning of a text; how many digits those were, a multiple of four. */
static inline size_t read_blocks(const char *text, size_t size, unsigned char *out) {
#if BASE64_X86
    if (instructions == VBMI) return read_vbmi(text, size, out);
    if (instructions == AVX2) return read_avx2(text, size, out);
#elif BASE64_ARM64
    if (instructions == NEON) return read_neon(text, size, out);
#else
    (void)text, (void)size, (void)out;
#endif
    return 0;
}

/* Append the little-endian float32 numbers in *text*, *most* of them at most; false if they are not what it holds. Then
 * the caller takes back what was appended. */
static inline bool floats(std::string_view text, ptrdiff_t most, std::vector<float> *values) {
    if (text.size() % 4) return false;
    size_t padding = 0;
    while (padding < 2 && !text.empty() && text.back() == '=') {
        text.remove_suffix(1);
        padding++;
    }
    const size_t bytes = (text.size() + padding) / 4 * 3 - padding;
    if (bytes % 4 || bytes / 4 > (size_t)most) return false;
    const size_t first = values->size();
    values->resize(first + bytes / 4);
    unsigned char *out = (unsigned char *)(values->data() + first);
    const size_t done = read_blocks(text.data(), text.size(), out);
    return read_anywhere(text.data() + done, text.size() - done, out + done / 4 * 3);
}

}  // namespace base64

#endif
