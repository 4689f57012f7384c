/* The words of stories for the merge kernel: which stories have a word, how much of it, and what it weighs.
 *
 * A story is known by its slot, a word by its number; which text has which number is the caller's business. Defined by
 * words_py: a story's direction is the sum of its members' unit vectors, and all weights are added in its words' order.
 */
#ifndef ORCHESTRATOR_KERNELS_LABELS_H
#define ORCHESTRATOR_KERNELS_LABELS_H

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "best.h"
#include "held.h"

namespace merge {

/* How similar a cluster and a story have to be, in steps of the GRID. */
struct Bars {
    int64_t usual, brief; /* brief: neither ever had as many words as *enough* */
    int32_t enough;
    ptrdiff_t searched; /* entries of words' lists that one cluster may look at, if not those of a single word */
};

struct Slot {
    int64_t key;
    int32_t group;   /* of the stories whose centroids have its dimension; NOBODY: it has no centroid */
    int32_t place;   /* in the group */
    int32_t longest; /* the most words of a member */
    /* The story's words in the order in which they came, as parallel columns: */
    std::vector<int32_t> words, places; /* a word's number; the story's place among those that have it */
    std::vector<double> weights;
};

/* The words looked for, in the cluster's order. */
struct Query {
    std::vector<int32_t> words; /* NOBODY for one without a number */
    std::vector<double> weights;
    double squares; /* of the weights; they are whole numbers, so the sum is exact */

    ptrdiff_t size() const { return (ptrdiff_t)words.size(); }
};

class Labels {
  public:
    std::vector<Slot> slots;
    Query query;
    Bars bars;

    Labels() { restore(0); }

    /* Room for so many stories. */
    void expect(size_t stories) {
        slots.reserve(stories);
        sums_.reserve(stories);
        norms_.reserve(stories);
        stamps_.reserve(stories);
    }

    /* And for so many words. */
    void expect_words(size_t words) {
        postings_.reserve(words);
        counts_.reserve(words);
        rarities_.reserve(words);
    }

    /* A slot for a story that has no word yet. */
    int32_t enter(int64_t key) {
        int32_t slot = (int32_t)slots.size();
        if (free_slots_.empty()) {
            slots.resize((size_t)slot + 1);
            sums_.resize((size_t)slot + 1);
            norms_.resize((size_t)slot + 1);
            stamps_.resize((size_t)slot + 1, 0);
        } else {
            slot = free_slots_.back();
            free_slots_.pop_back();
        }
        slots[slot].key = key;
        slots[slot].group = NOBODY;
        slots[slot].longest = 0;
        norms_[slot] = 0.0;
        return slot;
    }

    /* Give back a slot whose words have all been dropped. */
    void leave(int32_t slot) {
        Slot &story = slots[slot];
        story.words.clear();
        story.places.clear();
        story.weights.clear();
        free_slots_.push_back(slot);
    }

    /* The number of a word that no story has yet. */
    int32_t new_word() {
        int32_t word = (int32_t)postings_.size();
        if (free_words_.empty()) {
            postings_.resize((size_t)word + 1);
            counts_.resize((size_t)word + 1);
            rarities_.resize((size_t)word + 1);
        } else {
            word = free_words_.back();
            free_words_.pop_back();
        }
        counts_[word] = 0;
        rarities_[word] = rarity_of(0);
        return word;
    }

    /* Take back the number of a word that nobody has any more, and that did not count. */
    void free_word(int32_t word) {
        held_ -= held::by(postings_[word]);
        postings_[word].shrink_to_fit();
        held_ += held::by(postings_[word]);
        free_words_.push_back(word);
    }

    void ask_nothing() {
        query.words.clear();
        query.weights.clear();
        query.squares = 0.0;
    }

    /* Let the query have a word more. */
    void ask(int32_t word) {
        const double weight = word < 0 ? rarity_of(0) : rarities_[word];
        query.words.push_back(word);
        query.weights.push_back(weight);
        query.squares += weight * weight;
    }

    /* Let the query's words count for a story; *fresh* are the places of those that it does not have yet and must be
     * given, *left* the numbers of those that went for it and that no story has any more. */
    void join(int32_t slot, double weight, std::vector<int32_t> *fresh, std::vector<int32_t> *left) {
        Slot &story = slots[slot];
        scale_ = query.size() ? weight / std::sqrt(query.squares) : 0.0;
        fresh->clear();
        left->clear();
        for (int32_t place = 0; place < (int32_t)query.size(); place++) {
            const ptrdiff_t known = query.words[place] < 0 ? -1 : place_of(story, query.words[place]);
            if (known < 0) {
                fresh->push_back(place);
                continue;
            }
            story.weights[known] += query.weights[place] * scale_;
            postings_[query.words[place]][story.places[known]].weight = (float)story.weights[known];
        }
        if (story.words.size() + fresh->size() > MAX_WORDS) keep_heaviest(slot, fresh, left);
        story.longest = std::max(story.longest, (int32_t)query.size());
    }

    /* Let a story have the query's word at *place*, which has the number *word* now. */
    void add_asked(int32_t slot, int32_t word, int32_t place) { add(slot, word, query.weights[place] * scale_); }

    /* Room for so many words of a story, where one after the other would need several blocks. */
    void reserve(int32_t slot, size_t words) {
        Slot &story = slots[slot];
        held_ -= held::by(story.words) + held::by(story.places) + held::by(story.weights);
        story.words.reserve(words);
        story.places.reserve(words);
        story.weights.reserve(words);
        held_ += held::by(story.words) + held::by(story.places) + held::by(story.weights);
    }

    /* Whether a story is the last that got the word: so while it is loaded, whether it has it. */
    bool was_last(int32_t slot, int32_t word) const {
        return !postings_[word].empty() && postings_[word].back().slot == slot;
    }

    /* Let a story have a word more, which it does not have: what it has twice would be dropped twice. */
    void add(int32_t slot, int32_t word, double weight) {
        Slot &story = slots[slot];
        append(&story.words, word);
        append(&story.places, (int32_t)postings_[word].size());
        append(&story.weights, weight);
        append(&postings_[word], Posting{slot, (float)weight});
    }

    /* Take note of how long a story's direction is, after its weights have changed. */
    void renorm(int32_t slot) {
        double total = 0.0;
        for (const double weight : slots[slot].weights) total += weight * weight;
        norms_[slot] = std::sqrt(total);
    }

    /* Let a story go from those that have its word at *place*; the last of them takes its place. Whether the word has
     * no meaning any more: no story has it, and it did not count. */
    bool drop(const Slot &story, size_t place) {
        const int32_t word = story.words[place], hole = story.places[place];
        std::vector<Posting> &postings = postings_[word];
        Slot &moved = slots[postings.back().slot];
        postings[hole] = postings.back();
        moved.places[place_of(moved, word)] = hole;
        postings.pop_back();
        return postings.empty() && counts_[word] == 0;
    }

    /* Count anew how many of *stories* have each word; *left* are the numbers of those that counted and that nobody
     * has. */
    void renew(int64_t stories, std::vector<int32_t> *left) {
        restore(stories);
        left->clear();
        for (int32_t word = 0; word < (int32_t)postings_.size(); word++) {
            const int64_t count = (int64_t)postings_[word].size();
            if (count == 0 && counts_[word] > 0) left->push_back(word);
            counts_[word] = count;
            rarities_[word] = rarity_of(count);
        }
    }

    /* The same from what was counted: first the stories, then each word. */
    void restore(int64_t stories) {
        stories_ = stories;
        for (int64_t count = 0; count < FEW; count++) rarities_of_few_[count] = compute_rarity(count);
    }
    void restore_word(int32_t word, int64_t count) {
        counts_[word] = count;
        rarities_[word] = rarity_of(count);
    }

    /* What a word weighs in a story, 0 if the story does not have it. */
    double weight(int32_t slot, int32_t word) const {
        const ptrdiff_t place = place_of(slots[slot], word);
        return place < 0 ? 0.0 : slots[slot].weights[place];
    }

    int64_t counted() const { return stories_; }
    int64_t count(int32_t word) const { return counts_[word]; }

    /* Entries of words' lists that were ever looked at. */
    int64_t looked_at() const { return looked_at_; }

    /* Bytes of the stories' words; what a query needs is no more than its words and a bit a story. */
    size_t held() const {
        return held_ + held::by(slots) + held::by(postings_) + held::by(counts_) + held::by(rarities_) +
               held::by(free_slots_) + held::by(free_words_) + held::by(norms_) + held::by(sums_) + held::by(stamps_) +
               held::by(met_);
    }

    /* How many postings the query's words have. */
    ptrdiff_t work() const {
        ptrdiff_t work = 0;
        for (const int32_t word : query.words) work += frequency(word);
        return work;
    }

    /* Let the stories contend that share words with the query, *but* those of one group, by way of the words that few
     * stories have.
     *
     * A story's unit direction has at most the length 1 on the words that are left out, so they add at most the length
     * of their own weights to a sum that must reach bar * length of all: a story with none of the other words is out
     * if squares of the weights left out < bar * bar * all squares. Those left out are the most frequent ones.
     *
     * Beyond bars.searched entries no further word is searched, whatever is lost by that: it is the rule. */
    void search(int32_t but, Best *best) {
        const ptrdiff_t count = query.size();
        const double length = std::sqrt(query.squares);
        ptrdiff_t summed = 0;
        double rest = query.squares; /* of the words not summed up yet */
        bool guessed = false;
        ptrdiff_t looked_at = 0;
        order_by_frequency();
        next_stamp();
        /* Beyond the needed words, a list is worth summing up while that is cheaper than to look the word up in each
         * of the stories found so far. */
        for (; summed < count; summed++) {
            const int32_t place = rare_[summed];
            const ptrdiff_t postings = frequencies_[summed];
            if (looked_at > 0 && looked_at + postings > bars.searched) break;
            const double bar = ((double)best->steps - 1) / GRID;
            const bool needed = bar <= 0 || rest * (1 + ROUNDING) >= bar * bar * query.squares;
            if (!needed && postings > LOOKUP_COST * (ptrdiff_t)met_.size()) break;
            if (needed && !guessed && postings > WORTH_A_GUESS && rest < GUESSED_AT * query.squares) {
                guessed = true; /* the bar that it sets may make the rest needless */
                guess(but, length, summed, rest, best);
                summed--;
                continue;
            }
            sum_up(place, needed);
            looked_at += postings;
            rest -= query.weights[place] * query.weights[place];
        }
        if (summed == count) rest = 0;
        looked_at_ += looked_at;
        for (const int32_t slot : met_) compare(slot, but, length, summed, rest, best);
    }

  private:
    struct Posting {
        int32_t slot;
        float weight; /* the story has the exact one */
    };
    static constexpr size_t MAX_WORDS = 128;
    static constexpr double ROUNDING = 1e-5;     /* more than sums of float32 can be off by */
    static constexpr ptrdiff_t LOOKUP_COST = 32; /* of a word in a story (it is far away in memory), in postings */
    static constexpr ptrdiff_t WORTH_A_GUESS = 64;
    static constexpr double GUESSED_AT = 0.6; /* of the squares: then the best story so far is a good one */
    static constexpr int64_t FEW = 16;        /* most words: their logarithms are taken once */
    static constexpr double WEIGHT_STEPS = 65536.0, LEAST_WEIGHT = 0.05;

    std::vector<std::vector<Posting>> postings_; /* by word */
    std::vector<int64_t> counts_;                /* by word: the stories that had it when they were counted */
    std::vector<double> rarities_;               /* by word: what it weighs */
    std::vector<int32_t> free_slots_, free_words_;
    std::vector<double> norms_;    /* by slot */
    std::vector<float> sums_;      /* by slot, of the query's words; valid where the stamp is the current one */
    std::vector<uint32_t> stamps_; /* by slot */
    std::vector<int32_t> met_;     /* slots with the current stamp */
    std::vector<int32_t> rare_;    /* places of the query's words by frequency */
    std::vector<ptrdiff_t> frequencies_;
    std::vector<double> sorted_;
    double rarities_of_few_[FEW];
    int64_t stories_ = 0, looked_at_ = 0;
    size_t held_ = 0; /* bytes of the columns of all slots and words: they are too many to be asked each time */
    uint32_t stamp_ = 0;
    double scale_ = 0.0;

    /* The columns grow here alone; they shrink where a word is free. */
    template <typename T>
    void append(std::vector<T> *column, T value) {
        const bool grows = column->size() == column->capacity();
        if (grows) held_ -= held::by(*column);
        column->push_back(value);
        if (grows) held_ += held::by(*column);
    }

    double rarity_of(int64_t count) const { return count < FEW ? rarities_of_few_[count] : compute_rarity(count); }

    double compute_rarity(int64_t count) const {
        const double rarity = std::log((double)(stories_ + 5) / (double)(count + 3));
        return std::nearbyint((rarity > LEAST_WEIGHT ? rarity : LEAST_WEIGHT) * WEIGHT_STEPS);
    }

    ptrdiff_t frequency(int32_t word) const { return word < 0 ? 0 : (ptrdiff_t)postings_[word].size(); }

    static ptrdiff_t place_of(const Slot &story, int32_t word) {
        constexpr ptrdiff_t ABREAST = 16; /* without a branch for each: compilers make vectors of it */
        const int32_t *const words = story.words.data();
        const ptrdiff_t size = (ptrdiff_t)story.words.size();
        ptrdiff_t at = 0;
        for (; at + ABREAST <= size; at += ABREAST) {
            int32_t found = 0;
            for (ptrdiff_t lane = 0; lane < ABREAST; lane++) found |= words[at + lane] == word;
            if (found) break;
        }
        for (; at < size; at++)
            if (words[at] == word) return at;
        return -1;
    }

    /* Of a story's words and the *fresh* ones, let only the heaviest remain, the older ones among equals. */
    void keep_heaviest(int32_t slot, std::vector<int32_t> *fresh, std::vector<int32_t> *left) {
        Slot &story = slots[slot];
        sorted_ = story.weights;
        for (const int32_t place : *fresh) sorted_.push_back(query.weights[place] * scale_);
        std::nth_element(sorted_.begin(), sorted_.begin() + (MAX_WORDS - 1), sorted_.end(), std::greater<double>());
        const double least = sorted_[MAX_WORDS - 1];
        ptrdiff_t equals = (ptrdiff_t)MAX_WORDS;
        for (size_t place = 0; place < MAX_WORDS; place++) equals -= sorted_[place] > least;
        const auto stays = [&](double weight) { return weight > least || (weight == least && equals-- > 0); };
        size_t kept = 0;
        for (size_t place = 0; place < story.words.size(); place++) {
            if (!stays(story.weights[place])) {
                if (drop(story, place)) left->push_back(story.words[place]);
                continue;
            }
            story.words[kept] = story.words[place];
            story.places[kept] = story.places[place];
            story.weights[kept++] = story.weights[place];
        }
        story.words.resize(kept);
        story.places.resize(kept);
        story.weights.resize(kept);
        kept = 0;
        for (const int32_t place : *fresh)
            if (stays(query.weights[place] * scale_)) (*fresh)[kept++] = place;
        fresh->resize(kept);
    }

    /* Sort the query's words, the rarest first. By insertion: they are few, and equals must stay in order. */
    void order_by_frequency() {
        rare_.resize((size_t)query.size());
        frequencies_.resize((size_t)query.size());
        for (int32_t place = 0; place < (int32_t)query.size(); place++) {
            const ptrdiff_t own = frequency(query.words[place]);
            int32_t hole = place;
            for (; hole > 0 && frequencies_[hole - 1] > own; hole--) {
                rare_[hole] = rare_[hole - 1];
                frequencies_[hole] = frequencies_[hole - 1];
            }
            rare_[hole] = place;
            frequencies_[hole] = own;
        }
    }

    /* Forget the sums of all stories at once. */
    void next_stamp() {
        met_.clear();
        stamp_++;
        if (stamp_ == 0) {
            stamps_.assign(stamps_.size(), 0);
            stamp_ = 1;
        }
    }

    /* Add a word's weights to the stories that have it; to those not met before only if they are to be admitted. */
    void sum_up(int32_t place, bool admit) {
        if (query.words[place] < 0) return;
        const float weight = (float)query.weights[place];
        for (const Posting &posting : postings_[query.words[place]]) {
            if (stamps_[posting.slot] != stamp_) {
                if (!admit) continue;
                stamps_[posting.slot] = stamp_;
                sums_[posting.slot] = 0.0f;
                met_.push_back(posting.slot);
            }
            sums_[posting.slot] += posting.weight * weight;
        }
    }

    /* Compare with the story that looks most similar so far. */
    void guess(int32_t but, double length, ptrdiff_t summed, double rest, Best *best) {
        double most = 0.0;
        int32_t likely = NOBODY;
        for (const int32_t slot : met_)
            if (slots[slot].group != but && sums_[slot] > most * norms_[slot]) {
                most = sums_[slot] / norms_[slot];
                likely = slot;
            }
        if (likely >= 0) compare(likely, but, length, summed, rest, best);
    }

    /* Let a story contend, unless the words summed up and the most that the others can add are too little. */
    void compare(int32_t slot, int32_t but, double length, ptrdiff_t summed, double rest, Best *best) const {
        const double norm = norms_[slot], reach = ((double)best->steps - 1) / GRID * (1 - ROUNDING) * length;
        /* A first look that needs neither root nor division: most stories share a frequent word and nothing else. */
        if (rest == 0 && sums_[slot] < reach * norm) return;
        const Slot &story = slots[slot];
        if (but >= 0 && story.group == but) return;
        if (rest > 0) {
            const double known = sums_[slot] / norm;
            const double left = 1 - known * known / (query.squares - rest) * (1 - ROUNDING);
            if (known + (left > 0 ? std::sqrt(left * rest) : 0.0) < reach) return;
        }
        double total = 0.0;
        for (ptrdiff_t place = 0; place < query.size(); place++) { /* in order: it must not depend on frequencies */
            const ptrdiff_t own = query.words[place] < 0 ? -1 : place_of(story, query.words[place]);
            total += own < 0 ? 0.0 : query.weights[place] * story.weights[own];
        }
        const double similarity = total / (length * norm);
        const bool brief = story.longest < bars.enough && query.size() < bars.enough;
        if (brief && (int64_t)std::nearbyint(similarity * GRID) < bars.brief) return;
        best->challenge(similarity, story.key);
    }
};

}  // namespace merge

#endif
