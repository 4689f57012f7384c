/* Products of small integers for the merge kernel's filter, by the best instructions of the machine.
 *
 * Four numbers of sixteen stories at a time (a tile): VNNI or AVX2 on x86-64, dot products or plain NEON on arm64, and
 * plain loops anywhere. Every version gives the same sums.
 *
 * Stories are 1 to 127, rows -63 to 63, because VNNI and AVX2 want one factor unsigned and the others both signed,
 * and because a sum of four such products fits the 16 bits in which AVX2 and NEON begin.
 */
#ifndef ORCHESTRATOR_KERNELS_PRODUCTS_H
#define ORCHESTRATOR_KERNELS_PRODUCTS_H

#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__x86_64__) && defined(__GNUC__)
#define FILTER_X86 1
#include <immintrin.h>
#elif defined(__aarch64__) && defined(__GNUC__)
#define FILTER_ARM64 1
#include <arm_neon.h>
#if defined(__linux__)
#include <sys/auxv.h>
#endif
#endif

/* Dot products: part of every machine that is compiled for, or of some, which needs a compiler that can do both. */
#if defined(__ARM_FEATURE_DOTPROD)
#define FILTER_DOT
#elif FILTER_ARM64 && defined(__linux__) && (!defined(__clang__) || __clang_major__ >= 16)
#define FILTER_DOT __attribute__((target("arch=armv8.2-a+dotprod")))
#endif

namespace filter {

constexpr ptrdiff_t TILE = 16; /* stories */
constexpr ptrdiff_t QUAD = 4;  /* numbers that one instruction adds up */
constexpr int MOST_STORY = 127, MOST_ROW = 63;
constexpr int NARROW = 4; /* products that may be added up in 16 bits */
static_assert(MOST_STORY * MOST_ROW * NARROW <= INT16_MAX, "room");

/* Products of rows with tiles, *quads* (a multiple of 4) of the *stride* that each has: sums[row][story]. */
typedef void Products(const uint8_t *tiles, const int8_t *rows, ptrdiff_t stride, ptrdiff_t quads, int32_t *sums);

template <int ROWS, int TILES>
static void products_anywhere(const uint8_t *tiles, const int8_t *rows, ptrdiff_t stride, ptrdiff_t quads,
                              int32_t *sums) {
    memset(sums, 0, sizeof(int32_t) * ROWS * TILES * TILE);
    for (int tile = 0; tile < TILES; tile++)
        for (ptrdiff_t quad = 0; quad < quads; quad++) {
            const uint8_t *stories = tiles + (tile * stride + quad) * TILE * QUAD;
            for (int row = 0; row < ROWS; row++) {
                const int8_t *numbers = rows + (row * stride + quad) * QUAD;
                int32_t *out = sums + (row * TILES + tile) * TILE;
                for (int story = 0; story < TILE; story++)
                    out[story] += stories[story * QUAD] * numbers[0] + stories[story * QUAD + 1] * numbers[1] +
                                  stories[story * QUAD + 2] * numbers[2] + stories[story * QUAD + 3] * numbers[3];
            }
        }
}

#if FILTER_X86
template <int ROWS, int TILES>
__attribute__((target("avx512f,avx512vnni"))) static void products_vnni(const uint8_t *tiles, const int8_t *rows,
                                                                        ptrdiff_t stride, ptrdiff_t quads,
                                                                        int32_t *sums) {
    __m512i acc[ROWS][TILES];
#pragma GCC unroll 16
    for (int row = 0; row < ROWS; row++)
#pragma GCC unroll 16
        for (int tile = 0; tile < TILES; tile++) acc[row][tile] = _mm512_setzero_si512();
    for (ptrdiff_t quad = 0; quad < quads; quad++) {
        __m512i stories[TILES];
#pragma GCC unroll 16
        for (int tile = 0; tile < TILES; tile++)
            stories[tile] = _mm512_loadu_si512(tiles + (tile * stride + quad) * TILE * QUAD);
#pragma GCC unroll 16
        for (int row = 0; row < ROWS; row++) {
            int32_t four;
            memcpy(&four, rows + (row * stride + quad) * QUAD, QUAD);
            const __m512i numbers = _mm512_set1_epi32(four);
#pragma GCC unroll 16
            for (int tile = 0; tile < TILES; tile++)
                acc[row][tile] = _mm512_dpbusd_epi32(acc[row][tile], stories[tile], numbers);
        }
    }
#pragma GCC unroll 16
    for (int row = 0; row < ROWS; row++)
#pragma GCC unroll 16
        for (int tile = 0; tile < TILES; tile++)
            _mm512_storeu_si512(sums + (row * TILES + tile) * TILE, acc[row][tile]);
}

/* One tile and four rows at a time: sixteen registers hold no more. */
template <int ROWS, int TILES>
__attribute__((target("avx2"))) static void products_avx2(const uint8_t *tiles, const int8_t *rows, ptrdiff_t stride,
                                                          ptrdiff_t quads, int32_t *sums) {
    constexpr int ABREAST = ROWS % 4 == 0 ? 4 : 1;
    constexpr int NARROW_QUADS = NARROW / 2; /* an instruction adds two products of each */
    const __m256i ones = _mm256_set1_epi16(1);
    for (int tile = 0; tile < TILES; tile++)
        for (int first = 0; first < ROWS; first += ABREAST) {
            __m256i acc[ABREAST][2];
            for (int row = 0; row < ABREAST; row++) acc[row][0] = acc[row][1] = _mm256_setzero_si256();
            for (ptrdiff_t quad = 0; quad < quads; quad += NARROW_QUADS) {
                const uint8_t *stories = tiles + (tile * stride + quad) * TILE * QUAD;
#pragma GCC unroll 4
                for (int row = 0; row < ABREAST; row++) {
                    const int8_t *numbers = rows + ((first + row) * stride + quad) * QUAD;
                    __m256i low = _mm256_setzero_si256(), high = low;
#pragma GCC unroll 4
                    for (int each = 0; each < NARROW_QUADS; each++) {
                        int32_t four;
                        memcpy(&four, numbers + each * QUAD, QUAD);
                        const __m256i factor = _mm256_set1_epi32(four);
                        const __m256i *halves = (const __m256i *)(stories + each * TILE * QUAD);
                        low = _mm256_add_epi16(low, _mm256_maddubs_epi16(_mm256_loadu_si256(halves), factor));
                        high = _mm256_add_epi16(high, _mm256_maddubs_epi16(_mm256_loadu_si256(halves + 1), factor));
                    }
                    acc[row][0] = _mm256_add_epi32(acc[row][0], _mm256_madd_epi16(low, ones));
                    acc[row][1] = _mm256_add_epi32(acc[row][1], _mm256_madd_epi16(high, ones));
                }
            }
            for (int row = 0; row < ABREAST; row++) {
                int32_t *out = sums + ((first + row) * TILES + tile) * TILE;
                _mm256_storeu_si256((__m256i *)out, acc[row][0]);
                _mm256_storeu_si256((__m256i *)(out + 8), acc[row][1]);
            }
        }
}
#endif

#if FILTER_ARM64
/* Two rows and the quads by pairs: sixteen sums of products stay in registers. */
template <int ROWS, int TILES>
static void products_neon(const uint8_t *tiles, const int8_t *rows, ptrdiff_t stride, ptrdiff_t quads, int32_t *sums) {
    constexpr int ABREAST = ROWS % 2 == 0 ? 2 : 1;
    constexpr int PARTS = 8; /* of a tile, two stories each */
    for (int tile = 0; tile < TILES; tile++)
        for (int first = 0; first < ROWS; first += ABREAST) {
            int32x4_t acc[ABREAST][PARTS];
            for (int row = 0; row < ABREAST; row++)
                for (int part = 0; part < PARTS; part++) acc[row][part] = vdupq_n_s32(0);
            for (ptrdiff_t quad = 0; quad < quads; quad += 2) {
                const int8_t *stories = (const int8_t *)tiles + (tile * stride + quad) * TILE * QUAD;
                int8x8_t numbers[ABREAST][2];
                for (int row = 0; row < ABREAST; row++) {
                    int32_t fours[2];
                    memcpy(fours, rows + ((first + row) * stride + quad) * QUAD, 2 * QUAD);
                    for (int each = 0; each < 2; each++)
                        numbers[row][each] = vreinterpret_s8_s32(vdup_n_s32(fours[each]));
                }
#pragma GCC unroll 8
                for (int part = 0; part < PARTS; part++) {
                    const int8x8_t these = vld1_s8(stories + part * 8);
                    const int8x8_t next = vld1_s8(stories + part * 8 + TILE * QUAD);
#pragma GCC unroll 2
                    for (int row = 0; row < ABREAST; row++) {
                        const int16x8_t pairs = vmlal_s8(vmull_s8(these, numbers[row][0]), next, numbers[row][1]);
                        acc[row][part] = vpadalq_s16(acc[row][part], pairs);
                    }
                }
            }
            for (int row = 0; row < ABREAST; row++)
                for (int part = 0; part < PARTS; part += 2)
                    vst1q_s32(sums + ((first + row) * TILES + tile) * TILE + part * 2,
                              vpaddq_s32(acc[row][part], acc[row][part + 1]));
        }
}
#endif

#if defined(FILTER_DOT)
/* One tile and four rows at a time: sixteen sums in registers, the tile and a row beside them. */
template <int ROWS, int TILES>
FILTER_DOT static void products_dot(const uint8_t *tiles, const int8_t *rows, ptrdiff_t stride, ptrdiff_t quads,
                                    int32_t *sums) {
    constexpr int ABREAST = ROWS % 4 == 0 ? 4 : 1;
    constexpr int PARTS = 4; /* of a tile, four stories each */
    for (int tile = 0; tile < TILES; tile++)
        for (int first = 0; first < ROWS; first += ABREAST) {
            int32x4_t acc[ABREAST][PARTS];
            for (int row = 0; row < ABREAST; row++)
                for (int part = 0; part < PARTS; part++) acc[row][part] = vdupq_n_s32(0);
            for (ptrdiff_t quad = 0; quad < quads; quad++) {
                const int8_t *stories = (const int8_t *)tiles + (tile * stride + quad) * TILE * QUAD;
#pragma GCC unroll 4
                for (int row = 0; row < ABREAST; row++) {
                    int32_t four;
                    memcpy(&four, rows + ((first + row) * stride + quad) * QUAD, QUAD);
                    const int8x16_t numbers = vreinterpretq_s8_s32(vdupq_n_s32(four));
#pragma GCC unroll 4
                    for (int part = 0; part < PARTS; part++)
                        acc[row][part] = vdotq_s32(acc[row][part], vld1q_s8(stories + part * 16), numbers);
                }
            }
            for (int row = 0; row < ABREAST; row++)
                for (int part = 0; part < PARTS; part++)
                    vst1q_s32(sums + ((first + row) * TILES + tile) * TILE + part * 4, acc[row][part]);
        }
}
#endif

/* The better, the higher. */
enum Instructions : int { ANYWHERE = 0, AVX2 = 1, VNNI = 2, NEON = 1, DOT = 2 };

static int best_instructions() {
#if FILTER_X86
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vnni")) return VNNI;
    if (__builtin_cpu_supports("avx2")) return AVX2;
    return ANYWHERE;
#elif defined(__ARM_FEATURE_DOTPROD)
    return DOT;
#elif defined(FILTER_DOT)
    return getauxval(AT_HWCAP) & HWCAP_ASIMDDP ? DOT : NEON;
#elif FILTER_ARM64
    return NEON;
#else
    return ANYWHERE;
#endif
}

/* What the products run on; the tests try all that the machine has. */
static int instructions = best_instructions();

template <int ROWS, int TILES>
static Products *products() {
#if FILTER_X86
    if (instructions == VNNI) return products_vnni<ROWS, TILES>;
    if (instructions == AVX2) return products_avx2<ROWS, TILES>;
#endif
#if defined(FILTER_DOT)
    if (instructions == DOT) return products_dot<ROWS, TILES>;
#endif
#if FILTER_ARM64
    if (instructions == NEON) return products_neon<ROWS, TILES>;
#endif
    return products_anywhere<ROWS, TILES>;
}

}  // namespace filter

#endif
