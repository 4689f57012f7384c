/* The merge kernel's filter: which stories a cluster may be similar enough to, without looking at their numbers.
 *
 * Every direction is kept a second time in 7 bits a number. For unit vectors u and s with their rounded forms a and b,
 *     u.s = a.b + (u - a).s + a.(s - b)  <=  a.b + |u - a| + |a| |s - b|,
 * so a product of small integers plus two rounding errors that were measured when the vectors were rounded is a true
 * upper bound. What does not reach the bar even so is out; the rest (a handful) is computed exactly. Unlike a
 * bound from leading principal components this holds its own on data without structure, and needs no training.
 *
 * Not all numbers need to be looked at: the first of them, and the lengths of the two rests for their product
 * (Cauchy-Schwarz), are a bound as well. A glance is long enough to find the story that a cluster most likely belongs
 * to; no story less similar than that one matters, and against so high a bar the glance tells nearly all others off.
 * Where there is no such story, a head does: long enough for vectors without structure to be told apart by the
 * threshold. A look that tells too little is left out for a while.
 *
 * The products are those of products.h: four numbers of sixteen stories at a time (a tile).
 */
#ifndef ORCHESTRATOR_KERNELS_FILTER_H
#define ORCHESTRATOR_KERNELS_FILTER_H

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "held.h"
#include "products.h"
#include "rounding.h"

namespace filter {

constexpr ptrdiff_t TILES_ABREAST = 3;
constexpr ptrdiff_t ROWS_ABREAST = 8; /* 3 * 8 sums in the registers of AVX-512, and the operands beside them */
constexpr ptrdiff_t COLUMNS = TILES_ABREAST * TILE;
constexpr float MARGIN = 2e-5f; /* roundings of the bound itself, and half a step of the grid */

/* How much of the numbers is looked at. */
enum Look : int { GLANCE, HEAD, WHOLE, LOOKS };
typedef ptrdiff_t Cuts[LOOKS]; /* in numbers */

/* A story that is not out yet, and how similar it can be at most. */
struct Survivor {
    int32_t place;
    float bound;
};

/* What of all stories may be the most similar one to a row; those of *too_many* are not told. */
struct Found {
    std::vector<Survivor> stories;
    bool too_many;
};

/* How many of *padded* numbers a look takes: with the rest taken as parallel, a story without any likeness has to stay
 * below *bar* by so many standard deviations. All of them, if that leaves hardly any out. */
static ptrdiff_t cut_for(ptrdiff_t padded, float bar, float deviations) {
    for (ptrdiff_t cut = TILE; cut <= padded * 3 / 4; cut += TILE) {
        const float whole = (float)padded, part = (float)cut;
        if (1 - part / whole + deviations * std::sqrt(part) / whole + 0.01f <= bar) return cut;
    }
    return padded;
}

/* Upper bounds of similarity of one row with COLUMNS stories, but for the row's own *slack*; the greatest of them. */
DISPATCH
static float bound_all(const int32_t *sums, int32_t offset, float scale, float length, float tail, const float *scales,
                       const float *errors, const float *tails, float *bounds) {
    float greatest[TILE];
    for (ptrdiff_t lane = 0; lane < TILE; lane++) greatest[lane] = -INFINITY;
    for (ptrdiff_t first = 0; first < COLUMNS; first += TILE)
        for (ptrdiff_t lane = 0; lane < TILE; lane++) {
            const ptrdiff_t story = first + lane;
            const float bound =
                (float)(sums[story] - offset) * scale * scales[story] + length * errors[story] + tail * tails[story];
            bounds[story] = bound;
            greatest[lane] = bound > greatest[lane] ? bound : greatest[lane];
        }
    float result = greatest[0];
    for (const float each : greatest) result = each > result ? each : result;
    return result;
}

/* What there is to know of a row beside its numbers. */
struct Row {
    Rounded rounded;
    int32_t offsets[LOOKS]; /* what the stories' offset adds to every sum */
    float tails[LOOKS];     /* lengths after each look */
    float bar;              /* no story that is less similar matters */

    float length() const { return 1.0f + rounded.error; }
    float slack() const { return rounded.error + MARGIN; }
};

/* Rounded rows. */
class Rows {
  public:
    std::vector<Row> rows;
    std::vector<int8_t> numbers;

    void resize(size_t count, ptrdiff_t padded) {
        padded_ = padded;
        rows.resize(count);
        numbers.resize(count * (size_t)padded);
    }

    ptrdiff_t size() const { return (ptrdiff_t)rows.size(); }
    float bar(ptrdiff_t row) const { return rows[(size_t)row].bar; }
    const int8_t *at(ptrdiff_t row) const { return &numbers[(size_t)(row * padded_)]; }

    void set(ptrdiff_t place, const float *unit, const Cuts &cuts, float bar) {
        int8_t *const own = &numbers[(size_t)(place * padded_)];
        Row &row = rows[(size_t)place];
        row.rounded = round_into(unit, 1.0, padded_, ROW_LIMIT, 0, (uint8_t *)own);
        row.bar = bar;
        int32_t sum = 0;
        for (int look = GLANCE, at = 0; look < LOOKS; look++) {
            for (; at < cuts[look]; at++) sum += own[at];
            row.offsets[look] = sum * STORY_OFFSET;
            row.tails[look] = length_of(unit + cuts[look], padded_ - cuts[look]);
        }
    }

    void append(const Rows &other, ptrdiff_t place) {
        padded_ = other.padded_;
        rows.push_back(other.rows[(size_t)place]);
        numbers.insert(numbers.end(), other.at(place), other.at(place) + padded_);
    }

  private:
    ptrdiff_t padded_ = 0;
};

/* How much looks have told. */
struct Tally {
    ptrdiff_t glances = 0, glances_in_vain = 0, heads = 0, heads_in_vain = 0; /* in rows, or in rows of tiles */

    void operator+=(const Tally &other) {
        glances += other.glances;
        glances_in_vain += other.glances_in_vain;
        heads += other.heads;
        heads_in_vain += other.heads_in_vain;
    }
};

/* What a thread needs for its rows. */
struct Scratch {
    std::vector<float> peaks; /* [row][tiles abreast]: the greatest bound at a glance */
    std::vector<int32_t> guesses;
    Rows rest; /* those for which a glance was not enough, or was not worth it */
    std::vector<int32_t> rest_rows;
};

/* The rounded stories of one dimension, by place. */
class Stories {
  public:
    /* Those that are looked at for *threshold*. */
    explicit Stories(ptrdiff_t padded = 0, float threshold = 0.0f)
        : sure_((1 + threshold) / 2),
          cuts_{cut_for(padded, sure_, 4), cut_for(padded, threshold, 5), padded},
          quads_(padded / QUAD),
          count_(0),
          form_((size_t)padded) {}

    ptrdiff_t size() const { return count_; }
    const Cuts &cuts() const { return cuts_; }
    /* Bytes of the rounded stories. */
    size_t held() const {
        size_t bytes = held::by(tiles_) + held::by(form_) + held::by(scales_) + held::by(errors_);
        for (const std::vector<float> &tails : tails_) bytes += held::by(tails);
        return bytes;
    }
    bool glances_pay() const { return cuts_[GLANCE] < cuts_[HEAD] && count_ >= MIN_GLANCED && no_glances_ == 0; }

    /* Room for so many stories. */
    void reserve(ptrdiff_t count) {
        const size_t room = (size_t)((count + COLUMNS - 1) / COLUMNS * COLUMNS);
        scales_.reserve(room);
        errors_.reserve(room);
        for (std::vector<float> &tails : tails_) tails.reserve(room);
        tiles_.reserve(room * (size_t)(quads_ * QUAD));
    }

    /* Round the story at *place*, which may be one after the last. */
    void set(ptrdiff_t place, const float *total, double norm) {
        if (place >= count_) resize(place + 1);
        const Rounded rounded = round_into(total, norm, cuts_[WHOLE], STORY_LIMIT, STORY_OFFSET, form_.data());
        for (ptrdiff_t quad = 0; quad < quads_; quad++)
            memcpy(number(place) + quad * TILE * QUAD, &form_[(size_t)(quad * QUAD)], QUAD);
        scales_[(size_t)place] = rounded.scale;
        errors_[(size_t)place] = rounded.error;
        for (int look = GLANCE; look < WHOLE; look++) {
            const float tail = length_of(total + cuts_[look], cuts_[WHOLE] - cuts_[look]);
            tails_[look][(size_t)place] = norm > 0 ? (float)(tail / norm) : 0.0f;
        }
    }

    /* Let *place*, which may be one after the last, have what *other* of the same dimension has at *its*. */
    void copy(ptrdiff_t place, const Stories &other, ptrdiff_t its) {
        if (place >= count_) resize(place + 1);
        const uint8_t *const from = other.number(its);
        uint8_t *const to = number(place);
        for (ptrdiff_t quad = 0; quad < quads_; quad++)
            memcpy(to + quad * TILE * QUAD, from + quad * TILE * QUAD, QUAD);
        scales_[(size_t)place] = other.scales_[(size_t)its];
        errors_[(size_t)place] = other.errors_[(size_t)its];
        for (int look = GLANCE; look < WHOLE; look++) tails_[look][(size_t)place] = other.tails_[look][(size_t)its];
    }

    /* The last story takes *place*. */
    void remove(ptrdiff_t place) {
        const ptrdiff_t last = count_ - 1;
        copy(place, *this, last);
        scales_[(size_t)last] = 0.0f;
        errors_[(size_t)last] = -INFINITY;
        for (int look = GLANCE; look < WHOLE; look++) tails_[look][(size_t)last] = 0.0f;
        resize(last);
    }

    /* Guess by a glance which story each of the rows *from* to *to* is most similar to. */
    void guess(const Rows &rows, ptrdiff_t from, ptrdiff_t to, Scratch *scratch) const {
        const ptrdiff_t columns = (tiles() + TILES_ABREAST - 1) / TILES_ABREAST;
        float bounds[COLUMNS];
        scratch->peaks.resize((size_t)((to - from) * columns));
        scratch->guesses.resize((size_t)(to - from));
        for (ptrdiff_t column = 0; column < columns; column++)
            for (ptrdiff_t row = from; row < to;) {
                const ptrdiff_t abreast = to - row >= ROWS_ABREAST ? ROWS_ABREAST : 1;
                int32_t sums[ROWS_ABREAST * COLUMNS];
                multiply(rows, row, abreast, column * TILES_ABREAST, 0, cuts_[GLANCE], sums);
                for (ptrdiff_t each = 0; each < abreast; each++, row++)
                    scratch->peaks[(size_t)((row - from) * columns + column)] =
                        bound(rows, row, GLANCE, column * TILES_ABREAST, sums + each * COLUMNS, bounds);
            }
        for (ptrdiff_t row = from; row < to; row++) {
            const float *const peaks = &scratch->peaks[(size_t)((row - from) * columns)];
            const ptrdiff_t tile = (std::max_element(peaks, peaks + columns) - peaks) * TILES_ABREAST;
            int32_t sums[COLUMNS];
            multiply(rows, row, 1, tile, 0, cuts_[GLANCE], sums);
            bound(rows, row, GLANCE, tile, sums, bounds);
            scratch->guesses[(size_t)(row - from)] =
                (int32_t)(tile * TILE + (std::max_element(bounds, bounds + COLUMNS) - bounds));
        }
    }

    /* Finish those of the rows *from* to *to* that need no more than what a glance has left against their bars. */
    Tally pick(const Rows &rows, ptrdiff_t from, ptrdiff_t to, size_t most, Scratch *scratch, Found *found) const {
        const ptrdiff_t columns = (tiles() + TILES_ABREAST - 1) / TILES_ABREAST;
        Tally tally;
        for (ptrdiff_t row = from; row < to; row++) {
            const float *const peaks = &scratch->peaks[(size_t)((row - from) * columns)];
            const float bar = rows.rows[(size_t)row].bar - rows.rows[(size_t)row].slack();
            tally.glances++;
            if (std::count_if(peaks, peaks + columns, [bar](float peak) { return peak >= bar; }) * 4 > columns) {
                tally.glances_in_vain++;
                put_off(rows, row, scratch);
                continue;
            }
            for (ptrdiff_t column = 0; column < columns && !found[row].too_many; column++)
                if (peaks[column] >= bar) look_closer(rows, row, column * TILES_ABREAST, most, &found[row]);
        }
        return tally;
    }

    static void put_off(const Rows &rows, ptrdiff_t row, Scratch *scratch) {
        scratch->rest.append(rows, row);
        scratch->rest_rows.push_back((int32_t)row);
    }

    /* Find what of all stories may reach the bar of each row put off. */
    Tally finish(size_t most, const Scratch &scratch, Found *found) const {
        const Rows &rows = scratch.rest;
        const bool heads_first = cuts_[HEAD] < cuts_[WHOLE] && no_heads_ == 0;
        Tally tally;
        for (ptrdiff_t tile = 0; tile < tiles(); tile += TILES_ABREAST)
            for (ptrdiff_t row = 0; row < rows.size();) {
                const ptrdiff_t abreast = rows.size() - row >= ROWS_ABREAST ? ROWS_ABREAST : 1;
                int32_t sums[ROWS_ABREAST * COLUMNS];
                multiply(rows, row, abreast, tile, 0, cuts_[heads_first ? HEAD : WHOLE], sums);
                bool reach[ROWS_ABREAST];
                ptrdiff_t reaching = abreast;
                for (ptrdiff_t each = 0; heads_first && each < abreast; each++) {
                    reach[each] = reaches(rows, row + each, HEAD, tile, sums + each * COLUMNS);
                    reaching -= !reach[each];
                }
                const bool alone = reaching <= abreast / 4; /* few: the others need not be gone on with */
                if (heads_first && !alone) add_rest(rows, row, abreast, tile, HEAD, sums);
                for (ptrdiff_t each = 0; each < abreast; each++, row++) {
                    Found &own = found[scratch.rest_rows[(size_t)row]];
                    if (own.too_many || (heads_first && !reach[each])) continue;
                    if (heads_first && alone) add_rest(rows, row, 1, tile, HEAD, sums + each * COLUMNS);
                    collect(rows, row, tile, sums + each * COLUMNS, rows.rows[(size_t)row].bar, &own.stories);
                    own.too_many = own.stories.size() > most;
                }
                tally.heads += heads_first ? abreast : 0;
                tally.heads_in_vain += !heads_first ? 0 : alone ? 2 * reaching : abreast;
            }
        return tally;
    }

    /* Take to heart how much the looks at a block have told. */
    void learn(const Tally &tally) {
        no_glances_ = tally.glances_in_vain * 2 > tally.glances ? BLOCKS_WITHOUT : std::max(no_glances_ - 1, 0);
        no_heads_ = tally.heads_in_vain * 2 > tally.heads ? BLOCKS_WITHOUT : std::max(no_heads_ - 1, 0);
    }

    /* Find what of all stories may reach *bar* for one row; it rises: once a story is surely that similar, less cannot
     * be the best. */
    void scan(const Rows &rows, ptrdiff_t row, float bar, std::vector<Survivor> *found) const {
        const float own_error = rows.rows[(size_t)row].rounded.error;
        for (ptrdiff_t tile = 0; tile < tiles(); tile += TILES_ABREAST) {
            const Look look = bar >= sure_ ? GLANCE : HEAD;
            int32_t sums[COLUMNS];
            float bounds[COLUMNS];
            multiply(rows, row, 1, tile, 0, cuts_[look], sums);
            if (bound(rows, row, look, tile, sums, bounds) < bar - rows.rows[(size_t)row].slack()) continue;
            add_rest(rows, row, 1, tile, look, sums);
            const size_t known = found->size();
            collect(rows, row, tile, sums, bar, found);
            for (size_t each = known; each < found->size(); each++) {
                const float error = errors_[(size_t)(*found)[each].place] * 2 * (1 + own_error);
                bar = std::fmax(bar, (*found)[each].bound - 2 * (own_error + MARGIN) - error);
            }
        }
    }

  private:
    static constexpr int BLOCKS_WITHOUT = 15;     /* that are done without a look that told too little */
    static constexpr ptrdiff_t MIN_GLANCED = 256; /* stories, below which a glance costs more than it saves */

    float sure_; /* a similarity that makes a guess a good one */
    Cuts cuts_;
    ptrdiff_t quads_, count_;
    int no_glances_ = 0, no_heads_ = 0;
    std::vector<uint8_t> tiles_, form_;
    std::vector<float> scales_, errors_, tails_[WHOLE];

    ptrdiff_t tiles() const { return (count_ + TILE - 1) / TILE; }
    const uint8_t *tile_at(ptrdiff_t tile) const { return tiles_.data() + tile * quads_ * TILE * QUAD; }
    const uint8_t *number(ptrdiff_t place) const { return tile_at(place / TILE) + place % TILE * QUAD; }
    uint8_t *number(ptrdiff_t place) {
        return tiles_.data() + place / TILE * quads_ * TILE * QUAD + place % TILE * QUAD;
    }

    /* Products of the numbers *from* to *to* of one row or ROWS_ABREAST of them with TILES_ABREAST tiles. */
    void multiply(const Rows &rows, ptrdiff_t row, ptrdiff_t abreast, ptrdiff_t tile, ptrdiff_t from, ptrdiff_t to,
                  int32_t *sums) const {
        (abreast == 1 ? products<1, TILES_ABREAST>() : products<ROWS_ABREAST, TILES_ABREAST>())(
            tile_at(tile) + from * TILE, rows.at(row) + from, quads_, (to - from) / QUAD, sums);
    }

    /* Add to the *sums* of a look what it has left out. */
    void add_rest(const Rows &rows, ptrdiff_t row, ptrdiff_t abreast, ptrdiff_t tile, Look look, int32_t *sums) const {
        if (cuts_[look] == cuts_[WHOLE]) return;
        int32_t rest[ROWS_ABREAST * COLUMNS];
        multiply(rows, row, abreast, tile, cuts_[look], cuts_[WHOLE], rest);
        for (ptrdiff_t each = 0; each < abreast * COLUMNS; each++) sums[each] += rest[each];
    }

    float bound(const Rows &rows, ptrdiff_t row, Look look, ptrdiff_t tile, const int32_t *sums, float *bounds) const {
        const Row &own = rows.rows[(size_t)row];
        const size_t story = (size_t)(tile * TILE);
        return bound_all(sums, own.offsets[look], own.rounded.scale, own.length(), own.tails[look], &scales_[story],
                         &errors_[story], &tails_[std::min(look, HEAD)][story], bounds);
    }

    /* Whether one of the stories may reach the row's bar, by the *sums* of a look. */
    bool reaches(const Rows &rows, ptrdiff_t row, Look look, ptrdiff_t tile, const int32_t *sums) const {
        float bounds[COLUMNS];
        const Row &own = rows.rows[(size_t)row];
        return bound(rows, row, look, tile, sums, bounds) >= own.bar - own.slack();
    }

    void look_closer(const Rows &rows, ptrdiff_t row, ptrdiff_t tile, size_t most, Found *found) const {
        int32_t sums[COLUMNS];
        multiply(rows, row, 1, tile, 0, cuts_[HEAD], sums);
        if (!reaches(rows, row, HEAD, tile, sums)) return;
        add_rest(rows, row, 1, tile, HEAD, sums);
        collect(rows, row, tile, sums, rows.rows[(size_t)row].bar, &found->stories);
        found->too_many = found->stories.size() > most;
    }

    /* Append the stories that may reach *bar*, by *sums* of all numbers. */
    void collect(const Rows &rows, ptrdiff_t row, ptrdiff_t tile, const int32_t *sums, float bar,
                 std::vector<Survivor> *found) const {
        const float slack = rows.rows[(size_t)row].slack();
        float bounds[COLUMNS];
        if (bound(rows, row, WHOLE, tile, sums, bounds) < bar - slack) return;
        for (ptrdiff_t story = 0; story < COLUMNS; story++)
            if (bounds[story] >= bar - slack)
                found->push_back(Survivor{(int32_t)(tile * TILE + story), bounds[story] + slack});
    }

    /* Room for whole groups of tiles; what is no story yet can reach no bar. */
    void resize(ptrdiff_t count) {
        const size_t room = (size_t)((count + COLUMNS - 1) / COLUMNS * COLUMNS);
        count_ = count;
        if (room <= scales_.size()) return;
        scales_.resize(room, 0.0f);
        errors_.resize(room, -INFINITY);
        for (std::vector<float> &tails : tails_) tails.resize(room, 0.0f);
        tiles_.resize(room * (size_t)(quads_ * QUAD), STORY_OFFSET);
    }
};

}  // namespace filter

#endif
