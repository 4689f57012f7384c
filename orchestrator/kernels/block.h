/* A block of rows before the merge kernel's filter, on two threads if there is enough to do.
 *
 * The threads touch what is here and the stories alone, never an object of Python, so they need no GIL.
 */
#ifndef ORCHESTRATOR_KERNELS_BLOCK_H
#define ORCHESTRATOR_KERNELS_BLOCK_H

#include <cstddef>
#include <future>
#include <system_error>
#include <vector>

#include "filter.h"
#include "loops.h"

namespace filter {

/* The stories themselves: sums of *padded* numbers, the weights of what was summed up, the mean direction that is to be
 * taken away from each (or null), and the lengths of what is left. */
struct Directions {
    const float *totals;
    const double *masses;
    const double *centre; /* of float32 numbers */
    const double *norms;
    ptrdiff_t padded;
};

/* A row itself; its length is nearly 1. */
struct Unit {
    const float *numbers;
    double length;
};

/* How similar a row and a story are; always the same, whatever asks for it. */
static inline double similarity(const Directions &stories, ptrdiff_t place, Unit unit) {
    const float *const total = stories.totals + place * stories.padded;
    const double product =
        stories.centre ? loops_centred_dot(total, stories.masses[place], stories.centre, unit.numbers, stories.padded)
                       : loops_dot(total, unit.numbers, stories.padded);
    /* The length must not count: what is equal is to be 1, not beside a point where the grid's rounding changes. */
    const double norm = stories.norms[place] * unit.length;
    return norm > 0 ? product / norm : 0.0;
}

class Block {
  public:
    std::vector<Unit> units;
    Rows rows;
    std::vector<Found> found; /* by row */

    /* Find what of all stories may be similar to each of *units* by *threshold*. */
    void filter(Stories *stories, const Directions &directions, float threshold, size_t most) {
        const ptrdiff_t count = (ptrdiff_t)units.size();
        const bool shared = count * stories->size() * directions.padded >= MIN_SHARED_PRODUCTS;
        const ptrdiff_t half = shared ? (count / 2 + ROWS_ABREAST - 1) / ROWS_ABREAST * ROWS_ABREAST : count;
        const auto part = [&](ptrdiff_t from, ptrdiff_t to, Scratch *scratch) {
            return filter_part(*stories, directions, threshold, most, from, to, scratch);
        };
        rows.resize(units.size(), directions.padded);
        found.resize(units.size());
        std::future<Tally> helper; /* waits when it goes, whatever happens */
        if (shared) try {
                helper = std::async(std::launch::async, part, half, count, &scratches_[1]);
            } catch (const std::system_error &) { /* no thread left: all is done here */
            }
        Tally tally = part(0, half, &scratches_[0]);
        tally += helper.valid() ? helper.get() : part(half, count, &scratches_[1]);
        stories->learn(tally);
    }

  private:
    /* Fewer products are computed sooner than a thread starts. */
    static constexpr ptrdiff_t MIN_SHARED_PRODUCTS = 20000000;

    Scratch scratches_[2];

    Tally filter_part(const Stories &stories, const Directions &directions, float threshold, size_t most,
                      ptrdiff_t from, ptrdiff_t to, Scratch *scratch) {
        Tally tally;
        scratch->rest.resize(0, directions.padded);
        scratch->rest_rows.clear();
        for (ptrdiff_t row = from; row < to; row++) {
            rows.set(row, units[(size_t)row].numbers, stories.cuts(), threshold);
            found[(size_t)row].stories.clear();
            found[(size_t)row].too_many = false;
        }
        if (stories.glances_pay()) {
            stories.guess(rows, from, to, scratch);
            for (ptrdiff_t row = from; row < to; row++) {
                const double known = similarity(directions, scratch->guesses[(size_t)(row - from)], units[(size_t)row]);
                if (known > threshold) rows.rows[(size_t)row].bar = (float)known;
            }
            tally += stories.pick(rows, from, to, most, scratch, found.data());
        } else {
            for (ptrdiff_t row = from; row < to; row++) Stories::put_off(rows, row, scratch);
        }
        tally += stories.finish(most, *scratch, found.data());
        return tally;
    }
};

}  // namespace filter

#endif
