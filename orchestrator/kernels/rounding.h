/* Vectors for the merge kernel's filter in 7 bits a number, and what they lose by it. */
#ifndef ORCHESTRATOR_KERNELS_ROUNDING_H
#define ORCHESTRATOR_KERNELS_ROUNDING_H

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "dispatch.h"
#include "products.h"

namespace filter {

constexpr int STORY_LIMIT = 63, STORY_OFFSET = 64, ROW_LIMIT = 63;
static_assert(STORY_LIMIT < STORY_OFFSET && STORY_OFFSET + STORY_LIMIT <= MOST_STORY && ROW_LIMIT <= MOST_ROW,
              "products");

/* The rounded form of a vector: numbers times *scale*, off by *error* in length at most. */
struct Rounded {
    float scale, error;
};

DISPATCH
static float greatest_of(const float *vector, ptrdiff_t size) {
    int32_t greatest = 0; /* without their signs, floats are ordered as their bits are */
    for (ptrdiff_t at = 0; at < size; at++) {
        int32_t bits;
        memcpy(&bits, vector + at, sizeof(bits));
        bits &= INT32_MAX;
        greatest = bits > greatest ? bits : greatest;
    }
    float result;
    memcpy(&result, &greatest, sizeof(result));
    return result;
}

/* The nearest whole number: adding 1.5 * 2**23 leaves no place for a fraction. */
static inline float whole(float number) {
    constexpr float ROUNDER = 12582912.0f;
    return (number + ROUNDER) - ROUNDER;
}

/* Round numbers to multiples of *step*; returns the sum of the squares of what was lost. */
DISPATCH
static float round_all(const float *vector, ptrdiff_t size, float step, float inverse, int offset,
                       uint8_t *__restrict out) {
    float squares[TILE] = {0.0f};
    /* Apart from the squares: with both in one loop, bytes and sums, compilers use short vectors for either. */
    for (ptrdiff_t at = 0; at < size; at++) out[at] = (uint8_t)((int)whole(vector[at] * inverse) + offset);
    for (ptrdiff_t at = 0; at < size; at += TILE)
        for (ptrdiff_t lane = 0; lane < TILE; lane++) {
            const float rest = vector[at + lane] - whole(vector[at + lane] * inverse) * step;
            squares[lane] += rest * rest;
        }
    float sum = 0.0f;
    for (const float square : squares) sum += square;
    return sum;
}

/* Round *vector*, a multiple of TILE numbers, to *out*. */
static Rounded round_into(const float *vector, double norm, ptrdiff_t size, int limit, int offset, uint8_t *out) {
    const float greatest = greatest_of(vector, size);
    const bool directed = norm > 0 && greatest > 0;
    const float step = directed ? greatest / (float)limit : 0.0f, inverse = directed ? (float)limit / greatest : 0.0f;
    const float squares = round_all(vector, size, step, inverse, offset, out);
    if (!directed) return Rounded{0.0f, 0.0f};
    return Rounded{(float)(step / norm), (float)(std::sqrt((double)squares) / norm * 1.001)};
}

/* The length of a vector, a multiple of TILE numbers; rather too great than too small. */
DISPATCH
static float length_of(const float *vector, ptrdiff_t size) {
    float squares[TILE] = {0.0f};
    for (ptrdiff_t at = 0; at < size; at += TILE)
        for (ptrdiff_t lane = 0; lane < TILE; lane++) squares[lane] += vector[at + lane] * vector[at + lane];
    float sum = 0.0f;
    for (const float square : squares) sum += square;
    return std::sqrt(sum) * 1.0001f;
}

}  // namespace filter

#endif
