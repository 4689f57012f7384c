/* Compares the filter's instructions with plain loops, level by level, on random and on extreme numbers.
 *
 * filter_check [LEVEL]: fails unless the machine's best level is that one. A program of its own, because it also runs
 * where no Python does: cross-compiled, on an emulated machine.
 */
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "block.h"

using filter::COLUMNS;
using filter::QUAD;
using filter::TILE;

static std::mt19937_64 random_bits(20260101);

static void require(bool holds, const char *what) {
    if (holds) return;
    fprintf(stderr, "level %d: %s\n", filter::instructions, what);
    exit(1);
}

static ptrdiff_t below(ptrdiff_t limit) { return (ptrdiff_t)(random_bits() % (uint64_t)limit); }

/* What the products are to add up, written as the definition. */
template <int ROWS, int TILES>
static void check_products(ptrdiff_t quads, ptrdiff_t first, bool extreme) {
    std::vector<uint8_t> tiles((size_t)(TILES * quads * TILE * QUAD));
    std::vector<int8_t> rows((size_t)(ROWS * quads * QUAD));
    for (uint8_t &number : tiles) number = (uint8_t)(extreme ? 127 - below(2) : 1 + below(127));
    for (int8_t &number : rows) number = (int8_t)(extreme ? (below(8) ? -63 : 63) : below(127) - 63);
    std::vector<int32_t> sums((size_t)(ROWS * TILES * TILE), -1);
    filter::products<ROWS, TILES>()(tiles.data() + first * TILE * QUAD, rows.data() + first * QUAD, quads,
                                    quads - first, sums.data());
    for (ptrdiff_t row = 0; row < ROWS; row++)
        for (ptrdiff_t story = 0; story < TILES * TILE; story++) {
            int32_t sum = 0;
            for (ptrdiff_t at = first * QUAD; at < quads * QUAD; at++) {
                const ptrdiff_t quad = story / TILE * quads + at / QUAD;
                const uint8_t number = tiles[(size_t)((quad * TILE + story % TILE) * QUAD + at % QUAD)];
                sum += number * rows[(size_t)(row * quads * QUAD + at)];
            }
            require(sums[(size_t)(row * TILES * TILE + story)] == sum, "another sum of products");
        }
}

/* Vectors in a crowd: directions near one another, so that thresholds divide them; some with a heavy head or tail. */
static std::vector<float> random_unit(ptrdiff_t size, ptrdiff_t padded) {
    std::normal_distribution<double> normal;
    std::vector<double> numbers((size_t)size);
    double squares = 0;
    const double head = std::pow(4.0, (double)below(3) - 1);
    for (size_t at = 0; at < numbers.size(); at++) {
        numbers[at] = (0.7 + normal(random_bits)) * (at < numbers.size() / 2 ? head : 1.0);
        squares += numbers[at] * numbers[at];
    }
    std::vector<float> unit((size_t)padded, 0.0f);
    for (size_t at = 0; at < numbers.size(); at++) unit[at] = (float)(numbers[at] / std::sqrt(squares));
    return unit;
}

static double cosine(const std::vector<float> &left, const std::vector<float> &right) {
    double sum = 0;
    for (size_t at = 0; at < left.size(); at++) sum += (double)left[at] * (double)right[at];
    return sum;
}

/* Near *story*, as a cluster is that belongs to it. */
static std::vector<float> random_member(const std::vector<float> &story, ptrdiff_t size) {
    std::normal_distribution<double> normal(0.0, (0.2 + 0.2 * (double)below(4)) / std::sqrt((double)size));
    std::vector<float> unit = story;
    double squares = 0;
    for (ptrdiff_t at = 0; at < size; at++) {
        unit[(size_t)at] += (float)normal(random_bits);
        squares += unit[(size_t)at] * unit[(size_t)at];
    }
    for (float &number : unit) number = (float)(number / std::sqrt(squares));
    return unit;
}

/* Stories that came, moved and went, and rows to look for: some belong to a story. */
struct Crowd {
    ptrdiff_t padded;
    std::vector<std::vector<float>> stories, rows;
    std::vector<float> totals; /* as they are stored: sums, and their lengths */
    std::vector<double> norms;
    filter::Stories filtered;

    Crowd(ptrdiff_t size, ptrdiff_t padded, ptrdiff_t count, ptrdiff_t row_count)
        : padded(padded), filtered(padded, THRESHOLD) {
        while ((ptrdiff_t)stories.size() < count) {
            const ptrdiff_t place = below(2) ? (ptrdiff_t)stories.size() : below((ptrdiff_t)stories.size() + 1);
            if (place == (ptrdiff_t)stories.size()) stories.emplace_back();
            stories[(size_t)place] = random_unit(size, padded);
            std::vector<float> total = stories[(size_t)place];
            for (float &number : total) number *= 4.0f;
            filtered.set(place, total.data(), 4.0);
            if (below(8)) continue;
            const size_t gone = (size_t)below((ptrdiff_t)stories.size());
            filtered.remove((ptrdiff_t)gone);
            stories[gone] = stories.back();
            stories.pop_back();
        }
        for (const std::vector<float> &story : stories)
            for (const float number : story) totals.push_back(number * 4.0f);
        norms.assign(stories.size(), 4.0);
        while ((ptrdiff_t)rows.size() < row_count)
            rows.push_back(below(2) ? random_unit(size, padded)
                                    : random_member(stories[(size_t)below((ptrdiff_t)stories.size())], size));
    }

    static constexpr float THRESHOLD = 0.75f; /* that heads and glances are made for */
};

struct Looks {
    std::vector<filter::Found> found;
    std::vector<float> bars;
    std::vector<std::vector<filter::Survivor>> scanned;
};

static Looks look(const Crowd &crowd, float threshold, size_t most) {
    filter::Stories filtered = crowd.filtered; /* as it is: looks leave something behind that later ones go by */
    filter::Block block;
    for (const std::vector<float> &row : crowd.rows) block.units.push_back(filter::Unit{row.data(), 1.0});
    const filter::Directions directions{crowd.totals.data(), nullptr, nullptr, crowd.norms.data(), crowd.padded};
    block.filter(&filtered, directions, threshold, most);
    Looks looks{block.found, {}, std::vector<std::vector<filter::Survivor>>(crowd.rows.size())};
    for (size_t row = 0; row < crowd.rows.size(); row++) {
        looks.bars.push_back(block.rows.bar((ptrdiff_t)row));
        filtered.scan(block.rows, (ptrdiff_t)row, threshold, &looks.scanned[row]);
    }
    return looks;
}

static bool same(const std::vector<filter::Survivor> &left, const std::vector<filter::Survivor> &right) {
    bool equal = left.size() == right.size();
    for (size_t each = 0; equal && each < left.size(); each++)
        equal = left[each].place == right[each].place && left[each].bound == right[each].bound;
    return equal;
}

static bool holds(const std::vector<filter::Survivor> &found, size_t place, double similarity) {
    for (const filter::Survivor &each : found)
        if (each.place == (int32_t)place) return each.bound >= similarity;
    return false;
}

/* Whoever reaches the bar survives, under a bound that is one; the best story reaches it; a scan keeps the best. */
static void check_truth(const Crowd &crowd, const Looks &looks, float threshold) {
    for (size_t row = 0; row < crowd.rows.size(); row++) {
        const bool told = !looks.found[row].too_many;
        const double bar = looks.bars[row];
        size_t best = 0;
        double greatest = -2;
        require(bar >= threshold, "a bar is too low");
        for (size_t place = 0; place < crowd.stories.size(); place++) {
            const double similarity = cosine(crowd.stories[place], crowd.rows[row]);
            if (similarity > greatest) best = place, greatest = similarity;
            if (similarity >= bar && told)
                require(holds(looks.found[row].stories, place, similarity), "a story is lost");
        }
        if (greatest < threshold) continue;
        require(greatest >= bar - 1e-6, "a bar is too high");
        if (told) require(holds(looks.found[row].stories, best, greatest), "the best story is lost");
        require(holds(looks.scanned[row], best, greatest), "a scan loses the best story");
    }
}

struct Sizes {
    ptrdiff_t numbers, stories, rows;
};

static size_t check_stories(Sizes sizes, int best, const std::vector<float> &thresholds) {
    const Crowd crowd(sizes.numbers, (sizes.numbers + TILE - 1) / TILE * TILE, sizes.stories, sizes.rows);
    size_t survivors = 0;
    for (const float threshold : thresholds)
        for (const size_t most : {(size_t)3, (size_t)1 << 20}) {
            filter::instructions = filter::ANYWHERE;
            const Looks plain = look(crowd, threshold, most);
            check_truth(crowd, plain, threshold);
            for (int level = 1; level <= best; level++) {
                filter::instructions = level;
                const Looks looks = look(crowd, threshold, most);
                require(looks.bars == plain.bars, "other bars");
                for (size_t row = 0; row < crowd.rows.size(); row++) {
                    require(looks.found[row].too_many == plain.found[row].too_many, "others have too many survivors");
                    require(same(looks.found[row].stories, plain.found[row].stories), "other survivors");
                    require(same(looks.scanned[row], plain.scanned[row]), "another scan");
                    survivors += looks.found[row].stories.size();
                }
            }
        }
    return survivors;
}

/* Arguments: the best level of this machine, 0 if that may be any; "small": no crowd for two threads, "large": no
 * other. */
int main(int count, char **arguments) {
    const std::string part = count > 2 ? arguments[2] : "all";
    const std::vector<float> every = {-1.0f, 0.2f, 0.4f, Crowd::THRESHOLD}, few = {0.4f, Crowd::THRESHOLD};
    const int best = filter::best_instructions();
    if (count > 1 && atoi(arguments[1]) && atoi(arguments[1]) != best) {
        fprintf(stderr, "the best level is %d\n", best);
        return 1;
    }
    for (int level = 0; level <= best; level++) {
        filter::instructions = level;
        for (const ptrdiff_t quads : {4, 8, 24, 96, 384})
            for (const ptrdiff_t first : {(ptrdiff_t)0, quads / 2})
                for (const bool extreme : {false, true}) {
                    check_products<1, filter::TILES_ABREAST>(quads, first, extreme);
                    check_products<filter::ROWS_ABREAST, filter::TILES_ABREAST>(quads, first, extreme);
                }
    }
    size_t survivors = 0;
    for (const ptrdiff_t size : {1, 16, 50, 200, 384})
        for (const ptrdiff_t stories : {1, 40, 300})
            if (part != "large") survivors += check_stories({size, stories, 21}, best, every);
    if (part != "small") survivors += check_stories({384, 600, 100}, best, part == "large" ? few : every);
    printf("levels 0 to %d agree, %zu survivors\n", best, survivors);
}
