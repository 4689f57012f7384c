/* The labels of stories for the merge kernel: which stories have a word, and how much of it.
 *
 * A story is known by its slot, a word by its number; which text has which number is the caller's business. Defined by
 * merge_py: a story's direction is the sum of its labels' unit vectors, and all weights are added in the labels' order.
 */
#ifndef ORCHESTRATOR_KERNELS_LABELS_H
#define ORCHESTRATOR_KERNELS_LABELS_H

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "best.h"

namespace merge {

struct WordPlace {
    int32_t word;
    int32_t place; /* among those that have the word */
};

struct Slot {
    int64_t key;
    int32_t group; /* of the stories whose centroids have its dimension; NOBODY: it has no centroid */
    int32_t place; /* in the group */
    std::vector<WordPlace> words;
};

class Labels {
  public:
    std::vector<Slot> slots;
    std::vector<int32_t> query; /* the words looked for, in the label's order; NOBODY for unknown ones */

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
        slots[slot].words.clear();
        norms_[slot] = 0.0;
        return slot;
    }

    /* Give back a slot whose words have all been left. */
    void leave(int32_t slot) {
        slots[slot].words.clear();
        free_slots_.push_back(slot);
    }

    /* The number of a word that no story has yet. */
    int32_t new_word() {
        int32_t word = (int32_t)postings_.size();
        if (free_words_.empty()) {
            postings_.resize((size_t)word + 1);
        } else {
            word = free_words_.back();
            free_words_.pop_back();
        }
        return word;
    }

    /* Add to the weight of a word; false if the story does not have it. */
    bool grow(int32_t slot, int32_t word, double weight) {
        const ptrdiff_t place = place_of(slot, word);
        if (place < 0) return false;
        posting(slots[slot].words[place]).weight += weight;
        return true;
    }

    /* Let a story have a word more. */
    void add(int32_t slot, int32_t word, double weight) {
        slots[slot].words.push_back(WordPlace{word, (int32_t)postings_[word].size()});
        postings_[word].push_back(Posting{slot, weight});
    }

    /* Take note of how long a story's direction is, after its weights have changed. */
    void renorm(int32_t slot) {
        double total = 0.0;
        for (const WordPlace &entry : slots[slot].words) {
            const double weight = posting(entry).weight;
            total += weight * weight;
        }
        norms_[slot] = std::sqrt(total);
    }

    double weight(const WordPlace &entry) const { return postings_[entry.word][entry.place].weight; }

    /* Let a story go from those that have a word; the last of them takes its place. Whether nobody has it any more. */
    bool drop(const WordPlace &entry) {
        std::vector<Posting> &postings = postings_[entry.word];
        const int32_t moved = postings.back().slot;
        postings[entry.place] = postings.back();
        slots[moved].words[place_of(moved, entry.word)].place = entry.place;
        postings.pop_back();
        if (!postings.empty()) return false;
        postings.shrink_to_fit();
        free_words_.push_back(entry.word);
        return true;
    }

    /* How many postings the query's words have. */
    ptrdiff_t work() const {
        ptrdiff_t work = 0;
        for (const int32_t word : query) work += frequency(word);
        return work;
    }

    /* Let the stories contend that share words with the query, by way of the words that few stories have; those that
     * have a centroid only if *all*.
     *
     * Let a label have n words, of which r are left out. A story's unit direction has at most the length 1 on these,
     * so they add at most sqrt(r) to a sum that must reach bar * sqrt(n): a story with none of the other words is
     * out if r < bar * bar * n. The r words left out are the most frequent ones. */
    void search(bool all, Best *best) {
        const ptrdiff_t count = (ptrdiff_t)query.size();
        double bar = ((double)best->steps - 1) / GRID;
        const ptrdiff_t needed = needed_words(count, bar);
        ptrdiff_t summed = 0;
        order_by_frequency();
        next_stamp();
        /* Beyond the needed words, a list is worth summing up while that is cheaper than to look the word up in each
         * of the stories found so far. */
        while (summed < needed ||
               (summed < count && frequency(rare_[summed]) <= LOOKUP_COST * (ptrdiff_t)met_.size())) {
            sum_up(rare_[summed], summed < needed);
            summed++;
        }
        /* A first look that needs neither root nor division: most stories share a frequent word and nothing else. */
        bar *= (1 - ROUNDING) * std::sqrt((double)count);
        for (const int32_t slot : met_) {
            if (summed == count && sums_[slot] < bar * norms_[slot]) continue;
            if (all || slots[slot].group < 0) compare(slot, summed, best);
        }
    }

  private:
    struct Posting {
        int32_t slot;
        double weight;
    };
    static constexpr double ROUNDING = 1e-9;     /* more than sums of words can be off by */
    static constexpr ptrdiff_t LOOKUP_COST = 32; /* of a word in a story (it is far away in memory), in postings */

    std::vector<std::vector<Posting>> postings_; /* by word */
    std::vector<int32_t> free_slots_, free_words_;
    std::vector<double> norms_;    /* by slot */
    std::vector<double> sums_;     /* by slot, of the query's words; valid where the stamp is the current one */
    std::vector<uint32_t> stamps_; /* by slot */
    std::vector<int32_t> met_;     /* slots with the current stamp */
    std::vector<int32_t> rare_;    /* the query by frequency */
    uint32_t stamp_ = 0;

    Posting &posting(const WordPlace &entry) { return postings_[entry.word][entry.place]; }
    ptrdiff_t frequency(int32_t word) const { return word < 0 ? 0 : (ptrdiff_t)postings_[word].size(); }

    ptrdiff_t place_of(int32_t slot, int32_t word) const {
        const std::vector<WordPlace> &words = slots[slot].words;
        for (size_t place = 0; place < words.size(); place++)
            if (words[place].word == word) return (ptrdiff_t)place;
        return -1;
    }

    /* How many of *count* words a story must have one of, to be *bar* similar; all of them for a bar of 0 or less. */
    static ptrdiff_t needed_words(ptrdiff_t count, double bar) {
        ptrdiff_t left_out = 0;
        while (bar > 0 && left_out < count && (double)(left_out + 1) < bar * bar * (double)count) left_out++;
        return count - left_out;
    }

    /* Sort the query's words, the rarest first. By insertion: they are few, and equals must stay in order. */
    void order_by_frequency() {
        rare_ = query;
        for (size_t place = 1; place < rare_.size(); place++) {
            const int32_t word = rare_[place];
            size_t hole = place;
            for (; hole > 0 && frequency(rare_[hole - 1]) > frequency(word); hole--) rare_[hole] = rare_[hole - 1];
            rare_[hole] = word;
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
    void sum_up(int32_t word, bool admit) {
        if (word < 0) return;
        for (const Posting &posting : postings_[word]) {
            if (stamps_[posting.slot] != stamp_) {
                if (!admit) continue;
                stamps_[posting.slot] = stamp_;
                sums_[posting.slot] = 0.0;
                met_.push_back(posting.slot);
            }
            sums_[posting.slot] += posting.weight;
        }
    }

    /* Let a story contend, unless the words summed up and the most that the others can add are too little. */
    void compare(int32_t slot, ptrdiff_t summed, Best *best) const {
        const double norm = norms_[slot], share = 1 / std::sqrt((double)query.size());
        const double known = sums_[slot] / norm, left = 1 - known * known / (double)summed;
        double most = known, total = 0.0;
        if (left > 0) most += std::sqrt(left * (double)((ptrdiff_t)query.size() - summed));
        if (most * share * GRID < (double)best->steps - 1) return;
        for (const int32_t word : query) { /* in the label's order: the sum must not depend on frequencies */
            const ptrdiff_t place = place_of(slot, word);
            total += place < 0 ? 0.0 : weight(slots[slot].words[place]);
        }
        best->challenge(total * share / norm, slots[slot].key);
    }
};

}  // namespace merge

#endif
