/* The merge kernel's filter: which stories a cluster may be similar enough to, without looking at their numbers.
 *
 * Every direction is kept a second time in 7 bits a number. For unit vectors u and s with their rounded forms a and b,
 *     u.s = a.b + (u - a).s + a.(s - b)  <=  a.b + |u - a| + |a| |s - b|,
 * so a product of small integers plus two rounding errors that were measured when the vectors were rounded is a true
 * upper bound. What does not reach the threshold even so is out; the rest (a handful) is computed exactly. Unlike a
 * bound from leading principal components this holds its own on data without structure, and needs no training.
 *
 * A first look takes a head of the numbers only, and the lengths of the two tails for their product (Cauchy-Schwarz).
 * It is as long as vectors without structure need to be told apart; where it tells too little, it is left out for a while.
 *
 * The products are those of _merge_products.h: four numbers of sixteen stories at a time (a tile).
 */
#ifndef ORCHESTRATOR_MERGE_FILTER_H
#define ORCHESTRATOR_MERGE_FILTER_H

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "_merge_products.h"

namespace filter {

constexpr ptrdiff_t TILES_ABREAST = 3;
constexpr ptrdiff_t ROWS_ABREAST = 8; /* 3 * 8 sums in the registers of AVX-512, and the operands beside them */
constexpr int STORY_LIMIT = 63, STORY_OFFSET = 64, ROW_LIMIT = 127;
static_assert(STORY_LIMIT < STORY_OFFSET && (STORY_OFFSET + STORY_LIMIT) * ROW_LIMIT * 2 <= INT16_MAX, "products");
constexpr float MARGIN = 2e-5f; /* roundings of the bound itself, and half a step of the grid */

/* A story that is not out yet, and how similar it can be at most. */
struct Survivor {
    int32_t place;
    float bound;
};

/* The rounded form of a vector: numbers times *scale*, off by *error* in length at most. */
struct Rounded {
    float scale, error;
};

/* Vectors for which the compiler is to use what the machine has; the same sums in every version. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && defined(__GLIBC__)
#define FILTER_DISPATCH __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define FILTER_DISPATCH
#endif

FILTER_DISPATCH
static float greatest_of(const float *vector, ptrdiff_t size) {
    float greatest[TILE] = {0.0f};
    for (ptrdiff_t at = 0; at < size; at += TILE)
        for (ptrdiff_t lane = 0; lane < TILE; lane++) {
            const float length = vector[at + lane] < 0 ? -vector[at + lane] : vector[at + lane];
            greatest[lane] = length > greatest[lane] ? length : greatest[lane];
        }
    float result = 0.0f;
    for (const float each : greatest) result = each > result ? each : result;
    return result;
}

/* Round TILE numbers; returns the sum of the squares of what was lost. */
FILTER_DISPATCH
static float round_tile(const float *vector, float step, float inverse, int offset, uint8_t *out) {
    constexpr float ROUNDER = 12582912.0f; /* 1.5 * 2**23: adding it leaves no place for a fraction */
    float squares[TILE];
    for (ptrdiff_t lane = 0; lane < TILE; lane++) {
        const float rounded = (vector[lane] * inverse + ROUNDER) - ROUNDER;
        const float rest = vector[lane] - rounded * step;
        squares[lane] = rest * rest;
        out[lane] = (uint8_t)((int)rounded + offset);
    }
    float sum = 0.0f;
    for (const float square : squares) sum += square;
    return sum;
}

/* Round *vector*, a multiple of TILE numbers; each four go to *out*, *stride* bytes apart. */
static Rounded round_into(const float *vector, double norm, ptrdiff_t size, int limit, int offset, uint8_t *out,
                          ptrdiff_t stride) {
    const float greatest = greatest_of(vector, size);
    const bool directed = norm > 0 && greatest > 0;
    const float step = directed ? greatest / (float)limit : 0.0f, inverse = directed ? (float)limit / greatest : 0.0f;
    float squares = 0.0f;
    for (ptrdiff_t at = 0; at < size; at += TILE) {
        uint8_t tile[TILE];
        squares += round_tile(vector + at, step, inverse, offset, tile);
        for (ptrdiff_t part = 0; part < TILE; part += QUAD) memcpy(out + (at + part) / QUAD * stride, tile + part, QUAD);
    }
    if (!directed) return Rounded{0.0f, 0.0f};
    return Rounded{(float)(step / norm), (float)(std::sqrt((double)squares) / norm * 1.001)};
}

/* Upper bounds of similarity of one row with COLUMNS stories; whether one of them reaches *bar*. */
constexpr ptrdiff_t COLUMNS = TILES_ABREAST * TILE;

FILTER_DISPATCH
static int bound_all(const int32_t *sums, int32_t offset, float scale, float length, const float *scales,
                     const float *errors, float bar, float *bounds) {
    int reached = 0;
    for (ptrdiff_t story = 0; story < COLUMNS; story++) {
        bounds[story] = (float)(sums[story] - offset) * scale * scales[story] + length * errors[story];
        reached |= bounds[story] >= bar;
    }
    return reached;
}

/* Whether one of COLUMNS stories may reach *bar* with a row, by the products of their heads. */
FILTER_DISPATCH
static int heads_reach(const int32_t *sums, int32_t offset, float scale, float length, float tail, const float *scales,
                       const float *errors, const float *tails, float bar) {
    int reached = 0;
    for (ptrdiff_t story = 0; story < COLUMNS; story++)
        reached |= (float)(sums[story] - offset) * scale * scales[story] + length * errors[story] + tail * tails[story] >= bar;
    return reached;
}

/* The length of a vector, a multiple of TILE numbers; rather too great than too small. */
FILTER_DISPATCH
static float length_of(const float *vector, ptrdiff_t size) {
    float squares[TILE] = {0.0f};
    for (ptrdiff_t at = 0; at < size; at += TILE)
        for (ptrdiff_t lane = 0; lane < TILE; lane++) squares[lane] += vector[at + lane] * vector[at + lane];
    float sum = 0.0f;
    for (const float square : squares) sum += square;
    return std::sqrt(sum) * 1.0001f;
}

/* How many of *padded* numbers the first look takes: with the rest taken as parallel, a story without any likeness has
 * to stay below *threshold* by five standard deviations. All of them, if that leaves hardly any out. */
static ptrdiff_t head_of(ptrdiff_t padded, float threshold) {
    for (ptrdiff_t head = TILE; head <= padded * 3 / 4; head += TILE) {
        const float whole = (float)padded, part = (float)head;
        if (1 - part / whole + 5 * std::sqrt(part) / whole + 0.01f <= threshold) return head;
    }
    return padded;
}

/* Rounded rows of a batch. */
class Rows {
  public:
    std::vector<int8_t> numbers;
    std::vector<Rounded> rounded;
    std::vector<int32_t> offsets, head_offsets; /* what the stories' offset adds to every sum */
    std::vector<float> tails;                   /* lengths behind the head */

    void clear() {
        numbers.clear();
        rounded.clear();
        offsets.clear();
        head_offsets.clear();
        tails.clear();
    }

    void append(const float *unit, ptrdiff_t padded, ptrdiff_t head) {
        const size_t start = numbers.size();
        numbers.resize(start + (size_t)padded);
        rounded.push_back(round_into(unit, 1.0, padded, ROW_LIMIT, 0, (uint8_t *)&numbers[start], QUAD));
        head_offsets.push_back(sum_of(&numbers[start], head) * STORY_OFFSET);
        offsets.push_back(head_offsets.back() + sum_of(&numbers[start] + head, padded - head) * STORY_OFFSET);
        tails.push_back(length_of(unit + head, padded - head));
    }

  private:
    static int32_t sum_of(const int8_t *each, ptrdiff_t count) {
        int32_t sum = 0;
        for (ptrdiff_t at = 0; at < count; at++) sum += each[at];
        return sum;
    }
};

/* The rounded stories of one dimension, by place. */
class Stories {
  public:
    /* Those that are looked at for *threshold*; without one, always as a whole. */
    explicit Stories(ptrdiff_t padded = 0, float threshold = 0.0f)
        : quads_(padded / QUAD), head_quads_(head_of(padded, threshold) / QUAD), count_(0) {}

    ptrdiff_t size() const { return count_; }
    ptrdiff_t head() const { return head_quads_ * QUAD; }

    /* Round the story at *place*, which may be one behind the last. */
    void set(ptrdiff_t place, const float *total, double norm) {
        if (place >= count_) resize(place + 1);
        const Rounded rounded = round_into(total, norm, quads_ * QUAD, STORY_LIMIT, STORY_OFFSET, number(place), TILE * QUAD);
        const float tail = length_of(total + head(), (quads_ - head_quads_) * QUAD);
        put(place, rounded, norm > 0 ? (float)(tail / norm) : 0.0f);
    }

    /* The last story takes *place*. */
    void remove(ptrdiff_t place) {
        const ptrdiff_t last = count_ - 1;
        for (ptrdiff_t quad = 0; quad < quads_; quad++)
            memcpy(number(place) + quad * TILE * QUAD, number(last) + quad * TILE * QUAD, QUAD);
        scales_[(size_t)place] = scales_[(size_t)last];
        errors_[(size_t)place] = errors_[(size_t)last];
        tails_[(size_t)place] = tails_[(size_t)last];
        put(last, Rounded{0.0f, -INFINITY}, 0.0f);
        resize(last);
    }

    /* Append to *found* what of all stories may reach *threshold* for each row; rows that have more than *most* such
     * stories are told by *too_many*. */
    void survivors(const Rows &rows, ptrdiff_t first_row, ptrdiff_t row_count, float threshold, size_t most,
                   std::vector<Survivor> *found, uint8_t *too_many) {
        const bool heads_first = head_quads_ < quads_ && whole_ == 0;
        ptrdiff_t looks = 0, in_vain = 0; /* in rows */
        for (ptrdiff_t tile = 0; tile < tiles(); tile += TILES_ABREAST)
            for (ptrdiff_t row = 0; row < row_count;) {
                const ptrdiff_t abreast = row_count - row >= ROWS_ABREAST ? ROWS_ABREAST : 1;
                int32_t sums[ROWS_ABREAST * COLUMNS];
                multiply(rows, first_row + row, abreast, tile, 0, heads_first ? head_quads_ : quads_, sums);
                bool reach[ROWS_ABREAST];
                ptrdiff_t reaching = abreast;
                for (ptrdiff_t each = 0; heads_first && each < abreast; each++) {
                    reach[each] = head_reaches(rows, first_row + row + each, tile, sums + each * COLUMNS, threshold);
                    reaching -= !reach[each];
                }
                const bool alone = reaching <= abreast / 4; /* few: the others need not be gone on with */
                if (heads_first && !alone) add_tails(rows, first_row + row, abreast, tile, sums);
                for (ptrdiff_t each = 0; each < abreast; each++, row++) {
                    if (too_many[row] || (heads_first && !reach[each])) continue;
                    if (heads_first && alone) add_tails(rows, first_row + row, 1, tile, sums + each * COLUMNS);
                    collect(rows, first_row + row, tile, sums + each * COLUMNS, threshold, &found[row]);
                    too_many[row] = found[row].size() > most;
                }
                looks += abreast;
                in_vain += alone ? 2 * reaching : abreast;
            }
        if (whole_ > 0) whole_--;
        if (heads_first && in_vain * 2 > looks) whole_ = WHOLE_BLOCKS;
    }

    /* The same for one row, with a bar that rises: once a story is surely that similar, less cannot be the best. */
    void scan(const Rows &rows, ptrdiff_t row, float threshold, std::vector<Survivor> *found) const {
        int32_t sums[COLUMNS];
        const float spread = 2 * (rows.rounded[(size_t)row].error + MARGIN);
        for (ptrdiff_t tile = 0; tile < tiles(); tile += TILES_ABREAST) {
            multiply(rows, row, 1, tile, 0, quads_, sums);
            const size_t known = found->size();
            collect(rows, row, tile, sums, threshold, found);
            for (size_t each = known; each < found->size(); each++) {
                const float error = errors_[(size_t)(*found)[each].place] * 2 * (1 + rows.rounded[(size_t)row].error);
                threshold = std::fmax(threshold, (*found)[each].bound - spread - error);
            }
        }
    }

  private:
    static constexpr int WHOLE_BLOCKS = 15; /* that are looked at as a whole when heads told too little */

    ptrdiff_t quads_, head_quads_, count_;
    int whole_ = 0;
    std::vector<uint8_t> tiles_;
    std::vector<float> scales_, errors_, tails_;

    ptrdiff_t tiles() const { return (count_ + TILE - 1) / TILE; }
    const uint8_t *tile_at(ptrdiff_t tile) const { return tiles_.data() + tile * quads_ * TILE * QUAD; }
    uint8_t *number(ptrdiff_t place) {
        return tiles_.data() + place / TILE * quads_ * TILE * QUAD + place % TILE * QUAD;
    }

    /* Products of quads *from* to *to* of one row or ROWS_ABREAST of them with TILES_ABREAST tiles. */
    void multiply(const Rows &rows, ptrdiff_t row, ptrdiff_t abreast, ptrdiff_t tile, ptrdiff_t from, ptrdiff_t to,
                  int32_t *sums) const {
        (abreast == 1 ? products<1, TILES_ABREAST>() : products<ROWS_ABREAST, TILES_ABREAST>())(
            tile_at(tile) + from * TILE * QUAD, &rows.numbers[(size_t)((row * quads_ + from) * QUAD)], quads_, to - from,
            sums);
    }

    void add_tails(const Rows &rows, ptrdiff_t row, ptrdiff_t abreast, ptrdiff_t tile, int32_t *sums) const {
        int32_t tails[ROWS_ABREAST * COLUMNS];
        multiply(rows, row, abreast, tile, head_quads_, quads_, tails);
        for (ptrdiff_t each = 0; each < abreast * COLUMNS; each++) sums[each] += tails[each];
    }

    bool head_reaches(const Rows &rows, ptrdiff_t row, ptrdiff_t tile, const int32_t *sums, float threshold) const {
        const size_t story = (size_t)(tile * TILE);
        const Rounded rounded = rows.rounded[(size_t)row];
        return heads_reach(sums, rows.head_offsets[(size_t)row], rounded.scale, 1.0f + rounded.error, rows.tails[(size_t)row],
                           &scales_[story], &errors_[story], &tails_[story], threshold - rounded.error - MARGIN);
    }

    void put(ptrdiff_t place, Rounded rounded, float tail) {
        tails_[(size_t)place] = tail;
        scales_[(size_t)place] = rounded.scale;
        errors_[(size_t)place] = rounded.error;
    }

    /* Room for whole groups of tiles; what is no story yet can reach no threshold. */
    void resize(ptrdiff_t count) {
        const size_t room = (size_t)((count + COLUMNS - 1) / COLUMNS * COLUMNS);
        count_ = count;
        if (room <= scales_.size()) return;
        scales_.resize(room, 0.0f);
        errors_.resize(room, -INFINITY);
        tails_.resize(room, 0.0f);
        tiles_.resize(room * (size_t)(quads_ * QUAD), STORY_OFFSET);
    }

    void collect(const Rows &rows, ptrdiff_t row, ptrdiff_t tile, const int32_t *sums, float threshold,
                 std::vector<Survivor> *found) const {
        const Rounded rounded = rows.rounded[(size_t)row];
        const float bar = threshold - rounded.error - MARGIN;
        float bounds[COLUMNS];
        if (!bound_all(sums, rows.offsets[(size_t)row], rounded.scale, 1.0f + rounded.error,
                       &scales_[(size_t)(tile * TILE)], &errors_[(size_t)(tile * TILE)], bar, bounds))
            return;
        for (ptrdiff_t story = 0; story < COLUMNS; story++)
            if (bounds[story] >= bar)
                found->push_back(
                    Survivor{(int32_t)(tile * TILE + story), bounds[story] + rounded.error + MARGIN});
    }
};

}  // namespace filter

#endif
