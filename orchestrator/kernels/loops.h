/* The innermost loops of the merge kernel, in C++ because a compiler vectorises them there for every machine
 * at hand: GCC builds each for several instruction sets and picks one when the extension is loaded.
 *
 * Sums are exact in a sense that matters: a product of two float32 numbers is exact in double precision, and the
 * products are added in LANES interleaved partial sums which are then added in order. The result is therefore
 * the same on every machine, with and without fused multiply-add (the build turns contraction off elsewhere).
 */
#ifndef ORCHESTRATOR_KERNELS_LOOPS_H
#define ORCHESTRATOR_KERNELS_LOOPS_H

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "dispatch.h"

static const int LANES = 16;

DISPATCH
static inline double loops_dot(const float *left, const float *right, ptrdiff_t padded) {
    double sums[LANES] = {0.0};
    for (ptrdiff_t at = 0; at < padded; at += LANES)
        for (int lane = 0; lane < LANES; lane++) sums[lane] += (double)left[at + lane] * (double)right[at + lane];
    double total = 0.0;
    for (int lane = 0; lane < LANES; lane++) total += sums[lane];
    return total;
}

/* The same for *left* without *mass* times *centre*, which is rounded to float32 as merge_py says. The centre's numbers
 * are those of float32, too, but converted once: conversions are what such a loop waits for. */
DISPATCH
static inline double loops_centred_dot(const float *left, double mass, const double *centre, const float *right,
                                       ptrdiff_t padded) {
    double sums[LANES] = {0.0};
    for (ptrdiff_t at = 0; at < padded; at += LANES)
        for (int lane = 0; lane < LANES; lane++) {
            const float own = (float)((double)left[at + lane] - mass * centre[at + lane]);
            sums[lane] += (double)own * (double)right[at + lane];
        }
    double total = 0.0;
    for (int lane = 0; lane < LANES; lane++) total += sums[lane];
    return total;
}

DISPATCH
static inline void loops_minus(const float *total, double mass, const double *centre, float *out, ptrdiff_t padded) {
    for (ptrdiff_t at = 0; at < padded; at++) out[at] = (float)((double)total[at] - mass * centre[at]);
}

DISPATCH
static inline void loops_add_unit(double *sums, const float *row, double norm, ptrdiff_t size) {
    for (ptrdiff_t at = 0; at < size; at++) sums[at] += (double)row[at] / norm;
}

/* Sum of squares, rounded once: error-free sums (Knuth's two-sum) carry the rest along, so that the result is that
 * of math.fsum in the twin. */
DISPATCH
static inline double loops_square_sum(const float *row, ptrdiff_t size) {
    const int CHAINS = 8;
    double high[CHAINS] = {0.0}, low[CHAINS] = {0.0};
    ptrdiff_t at = 0;
    for (; at + CHAINS <= size; at += CHAINS) {
        double squares[CHAINS];
        /* Not unrolled: GCC then makes vectors of the loops, and otherwise gathers the numbers one by one. */
#pragma GCC unroll 1
        for (int chain = 0; chain < CHAINS; chain++) squares[chain] = (double)row[at + chain] * (double)row[at + chain];
#pragma GCC unroll 1
        for (int chain = 0; chain < CHAINS; chain++) {
            const double sum = high[chain] + squares[chain];
            const double part = sum - high[chain];
            low[chain] += (high[chain] - (sum - part)) + (squares[chain] - part);
            high[chain] = sum;
        }
    }
    double total = 0.0, rest = 0.0;
    for (int chain = 0; chain < CHAINS + (int)(size - at); chain++) {
        const double number = chain < CHAINS ? high[chain] : (double)row[at + chain - CHAINS];
        const double term = chain < CHAINS ? number : number * number;
        const double sum = total + term;
        const double part = sum - total;
        rest += (total - (sum - part)) + (term - part) + (chain < CHAINS ? low[chain] : 0.0);
        total = sum;
    }
    return total + rest;
}

DISPATCH
static inline void loops_scale(const float *row, double norm, float *unit, ptrdiff_t size) {
    for (ptrdiff_t at = 0; at < size; at++) unit[at] = (float)((double)row[at] / norm);
}

DISPATCH
static inline void loops_add(float *total, const float *unit, double weight, ptrdiff_t padded) {
    for (ptrdiff_t at = 0; at < padded; at++) total[at] = (float)((double)total[at] + weight * (double)unit[at]);
}

#endif
