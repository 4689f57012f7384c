/* CRC-32 as zlib computes it. A processor that multiplies polynomials takes in 64 bytes at a time; on other machines
 * zlib is faster for what is not short.
 *
 * Source: Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction", Intel 2009; its
 * constants for the reflected polynomial 0xEDB88320.
 */
#ifndef ORCHESTRATOR_KERNELS_CHECKSUM_H
#define ORCHESTRATOR_KERNELS_CHECKSUM_H

#include <array>
#include <cstddef>
#include <cstdint>

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#endif

namespace checksum {

/* Fewer bytes are not worth the folding. */
constexpr size_t LEAST_FOLDED = 64;

#if defined(__x86_64__) && defined(__GNUC__)
static inline bool can_fold() { return __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1"); }

/* Move *sum* on by what its two halves are multiplied with, and take in *next*. */
__attribute__((target("pclmul,sse4.1"))) static inline __m128i fold(__m128i sum, __m128i by, __m128i next) {
    const __m128i low = _mm_clmulepi64_si128(sum, by, 0x00), high = _mm_clmulepi64_si128(sum, by, 0x11);
    return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

/* The checksum of *size* bytes after those that gave *before*; *size* is a multiple of 16, and LEAST_FOLDED at least.
 */
__attribute__((target("pclmul,sse4.1"))) static uint32_t folded(uint32_t before, const char *data, size_t size) {
    const __m128i by_64 = _mm_set_epi64x(0x01c6e41596, 0x0154442bd4),
                  by_16 = _mm_set_epi64x(0x00ccaa009e, 0x01751997d0), by_4 = _mm_set_epi64x(0, 0x0163cd6124),
                  barrett = _mm_set_epi64x(0x01f7011641, 0x01db710641), low_words = _mm_setr_epi32(-1, 0, -1, 0);
    const __m128i *at = (const __m128i *)data;
    __m128i sums[4];
    for (int lane = 0; lane < 4; lane++) sums[lane] = _mm_loadu_si128(at++);
    sums[0] = _mm_xor_si128(sums[0], _mm_cvtsi32_si128((int)~before));
    size -= 64;
    for (; size >= 64; size -= 64)
        for (int lane = 0; lane < 4; lane++) sums[lane] = fold(sums[lane], by_64, _mm_loadu_si128(at++));
    __m128i sum = sums[0];
    for (int lane = 1; lane < 4; lane++) sum = fold(sum, by_16, sums[lane]);
    for (; size >= 16; size -= 16) sum = fold(sum, by_16, _mm_loadu_si128(at++));
    /* From 128 bits to 64, to 32 and what is left of those. */
    sum = _mm_xor_si128(_mm_srli_si128(sum, 8), _mm_clmulepi64_si128(sum, by_16, 0x10));
    sum = _mm_xor_si128(_mm_srli_si128(sum, 4), _mm_clmulepi64_si128(_mm_and_si128(sum, low_words), by_4, 0x00));
    __m128i rest = _mm_clmulepi64_si128(_mm_and_si128(sum, low_words), barrett, 0x10);
    rest = _mm_clmulepi64_si128(_mm_and_si128(rest, low_words), barrett, 0x00);
    return ~(uint32_t)_mm_extract_epi32(_mm_xor_si128(sum, rest), 1);
}
#else
static inline bool can_fold() { return false; }
static uint32_t folded(uint32_t before, const char *, size_t) { return before; }
#endif

/* What eight bits of a checksum become. */
constexpr std::array<uint32_t, 256> table_of_bytes() {
    std::array<uint32_t, 256> table{};
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t sum = byte;
        for (int bit = 0; bit < 8; bit++) sum = sum >> 1 ^ (sum & 1 ? 0xEDB88320u : 0);
        table[byte] = sum;
    }
    return table;
}

/* The checksum of *size* bytes after those that gave *before*. */
static inline uint32_t crc32(uint32_t before, const char *data, size_t size) {
    static constexpr std::array<uint32_t, 256> TABLE = table_of_bytes();
    if (size >= LEAST_FOLDED && can_fold()) {
        const size_t whole = size / 16 * 16;
        before = folded(before, data, whole);
        data += whole;
        size -= whole;
    }
    uint32_t sum = ~before;
    for (; size > 0; size--) sum = sum >> 8 ^ TABLE[(sum ^ (unsigned char)*data++) & 0xFF];
    return ~sum;
}

}  // namespace checksum

#endif
