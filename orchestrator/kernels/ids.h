/* The newest distinct ids of a story, as hashes: a ring in the order of their arrival, and a table that finds them.
 *
 * The table consists of groups, one cache line each, because memory far away is what an id costs. A slot has a tag of
 * 16 bits of the hash and the low 16 bits of the id's number; so one look at a group says what it knows of an id, and
 * which of its slots belong to ids that were forgotten since and may be taken. Nothing has to be done when an id is
 * forgotten. An id whose group is full goes to the next one, and the group remembers the number of the last that did.
 *
 * A number that is 2**16 older than one of the newest ids looks like that one's. Such a slot is merely not free:
 * whether an id is known is decided by the ring.
 *
 * Hashes are spread by their lower half. Nobody can aim at it without the brand's key. Should many ids meet in few
 * groups all the same, the table is made anew and spreads them by another product.
 */
#ifndef ORCHESTRATOR_KERNELS_IDS_H
#define ORCHESTRATOR_KERNELS_IDS_H

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "held.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace fold {

class Ids {
  public:
    static constexpr size_t MAX_CAPACITY = 1u << 16; /* numbers have 16 bits */

    explicit Ids(size_t capacity = 1) : capacity_(capacity) {}

    int64_t total() const { return total_; }
    size_t known() const { return known_; }
    /* Groups that were looked at beyond the ids' own: the measure of the table's work. */
    size_t looks() const { return looks_; }
    /* Bytes of the ring and the table. */
    size_t held() const { return held::by(ring_) + held::by(groups_); }

    /* Ask memory for what adding *hashes* will look at; worth it if there is something else to do meanwhile. */
    void expect(const uint64_t *hashes, size_t count) const {
        if (groups_.size() <= NEAR_GROUPS) return;
        for (size_t place = 0; place < std::min(count, AHEAD); place++) fetch(&groups_[home_of(hashes[place])]);
        const size_t stop = std::min(next_ + count, ring_.size());
        for (size_t place = next_; place < stop; place += LINE / sizeof(uint64_t)) fetch(&ring_[place]);
    }

    /* Remember *hashes*, all different; how many of them were not known. */
    size_t add(const uint64_t *hashes, size_t count) {
        size_t fresh = 0;
        reserve(count);
        for (size_t place = 0; place < count; place++) {
            if (place + AHEAD < count) fetch(&groups_[home_of(hashes[place + AHEAD])]);
            fresh += remember(hashes[place]);
        }
        make_room();
        return fresh;
    }

    /* The same of ids that may be known by their *old* hash instead. */
    size_t add(const uint64_t *hashes, const uint64_t *old, size_t count) {
        size_t fresh = 0;
        reserve(count);
        for (size_t place = 0; place < count; place++)
            if (!knows(old[place])) fresh += remember(hashes[place]);
        make_room();
        return fresh;
    }

    /* The hashes numbered *start* to *stop*, all of them remembered: two runs of the ring at most. */
    void copy(int64_t start, int64_t stop, uint64_t *out) const {
        const size_t first = (size_t)(start % (int64_t)capacity_), count = (size_t)(stop - start);
        const size_t run = std::min(count, capacity_ - first);
        if (run) memcpy(out, &ring_[first], run * sizeof *out);
        if (run < count) memcpy(out + run, &ring_[0], (count - run) * sizeof *out);
    }

    /* Become the set of *hashes*, the newest of *total* ids: as many as fit, and no more than there were. The table is
     * made when the first is added: of a loaded brand's stories few get any. */
    void load(int64_t total, const uint64_t *hashes, size_t count) {
        total_ = total;
        known_ = count;
        next_ = (size_t)(total % (int64_t)capacity_);
        ring_.assign((size_t)std::min(total, (int64_t)capacity_), 0);
        /* Two runs of the ring at most: the older ones, before its end, and the others up to the next place. */
        const size_t wrapped = std::min(count, next_), older = count - wrapped;
        if (older) memcpy(&ring_[capacity_ - older], hashes, older * sizeof *hashes);
        if (wrapped) memcpy(&ring_[next_ - wrapped], hashes + older, wrapped * sizeof *hashes);
        groups_ = std::vector<Group>();
    }

  private:
    static constexpr size_t LINE = 64;
    static constexpr unsigned SLOTS = 15;
    static constexpr unsigned ALL = (1u << SLOTS) - 1;
    static constexpr unsigned PASSED = 1u << SLOTS; /* in the place of one more slot: who passed by the full group */
    static constexpr size_t USUAL = 7;  /* ids a group: one that is full is rare, and costs another look far away */
    static constexpr size_t CLOSE = 13; /* and while ids are added */
    static constexpr size_t AHEAD = 48; /* lines that are under way at a time */
    static constexpr size_t NEAR_GROUPS = 64; /* a table of so many is in the nearest cache anyway */
    static constexpr size_t GROWS_FAST = 64;  /* ids: sets with more will have many more, and each growth is a walk */
    static constexpr size_t MAX_WALK = 16;    /* groups: of random hashes two hundred never meet in so few */
    static constexpr int MAX_SPREADS = 4;     /* that a table tries before it walks after all */
    static constexpr uint64_t LOWER_HALF = (uint64_t)1 << 32;

    struct alignas(LINE) Group {
        uint16_t tags[SLOTS + 1]; /* 0 = never taken */
        uint16_t numbers[SLOTS + 1];
    };

    /* What a group says, a bit a slot: whose tag is the one that is looked for, and which ones are taken. */
    struct View {
        unsigned same, taken;
    };

    size_t capacity_, known_ = 0, next_ = 0, looks_ = 0;
    int64_t total_ = 0, spread_at_ = 0; /* ids that there had been when hashes were last spread anew */
    uint64_t spread_ = LOWER_HALF;
    std::vector<uint64_t> ring_; /* hash of id number n at n % capacity */
    std::vector<Group> groups_;

    /* Into the second cache: the first one takes about twenty requests at a time and drops the others. The empty
     * statement is an effect, without which compilers see a function that does nothing and leave it out. */
    static void fetch(const void *line) {
        __builtin_prefetch(line, 0, 1);
        __asm__ volatile("");
    }

    static uint16_t tag_of(uint64_t key) { return (uint16_t)std::max<uint64_t>(key >> 48, 1); }

    size_t home_of(uint64_t key) const { return (size_t)((((key * spread_) >> 32) * groups_.size()) >> 32); }

    size_t after(size_t number) const { return number + 1 < groups_.size() ? number + 1 : 0; }

    /* How many ids came after the one in a slot. */
    uint16_t age_of(uint16_t number) const { return (uint16_t)((uint16_t)(total_ - 1) - number); }

#if defined(__SSE2__)
    View view(const Group &group, uint16_t tag) const {
        const __m128i newest = _mm_set1_epi16((int16_t)(total_ - 1)),
                      oldest_age = _mm_set1_epi16((int16_t)(known_ - 1));
        const __m128i zero = _mm_setzero_si128(), wanted = _mm_set1_epi16((int16_t)tag);
        __m128i same[2], taken[2];
        for (int half = 0; half < 2; half++) {
            const __m128i tags = _mm_load_si128((const __m128i *)group.tags + half);
            const __m128i ages = _mm_sub_epi16(newest, _mm_load_si128((const __m128i *)group.numbers + half));
            same[half] = _mm_cmpeq_epi16(tags, wanted);
            taken[half] =
                _mm_andnot_si128(_mm_cmpeq_epi16(tags, zero), _mm_cmpeq_epi16(_mm_subs_epu16(ages, oldest_age), zero));
        }
        const unsigned taken_bits = (unsigned)_mm_movemask_epi8(_mm_packs_epi16(taken[0], taken[1]));
        return {(unsigned)_mm_movemask_epi8(_mm_packs_epi16(same[0], same[1])) & taken_bits & ALL, taken_bits};
    }
#else
    View view(const Group &group, uint16_t tag) const {
        View found{0, 0};
        for (unsigned slot = 0; slot <= SLOTS; slot++) {
            found.taken |= (unsigned)(group.tags[slot] != 0 && age_of(group.numbers[slot]) < known_) << slot;
            found.same |= (unsigned)(group.tags[slot] == tag) << slot;
        }
        found.same &= found.taken & ALL;
        return found;
    }
#endif

    bool remember(uint64_t key) {
        const uint16_t tag = tag_of(key);
        Group &home = groups_[home_of(key)];
        const View seen = view(home, tag);
        if (seen.same || seen.taken >= ALL) return remember_far(key, tag);
        put(home, seen.taken, key, tag);
        return true;
    }

    /* The id may be known, or its group is full, or was when others came. */
    __attribute__((noinline)) bool remember_far(uint64_t key, uint16_t tag) {
        Group *open = nullptr;
        unsigned open_taken = 0;
        size_t number = home_of(key);
        const size_t most = may_spread() ? std::min(MAX_WALK, groups_.size()) : groups_.size();
        for (size_t walked = 0; walked < most; walked++, number = after(number)) {
            Group &group = groups_[number];
            const View seen = view(group, tag);
            looks_ += walked > 0;
            if (holds(group, seen, key)) return false;
            if (!open && (seen.taken & ALL) != ALL) open = &group, open_taken = seen.taken;
            if (open && (!(seen.taken & PASSED) || walked + 1 == groups_.size())) {
                put(*open, open_taken, key, tag);
                return true;
            }
            if (!open) pass(group);
        }
        /* Too many that meet, and the next walk may be longer; or too many numbers that look newer than they are. */
        if (most < groups_.size()) spread_anew();
        make_table(groups_.size());
        return remember_far(key, tag);
    }

    bool knows(uint64_t key) {
        const uint16_t tag = tag_of(key);
        size_t number = home_of(key);
        for (size_t walked = 0; walked < groups_.size(); walked++, number = after(number)) {
            const Group &group = groups_[number];
            const View seen = view(group, tag);
            looks_ += walked > 0;
            if (holds(group, seen, key)) return true;
            /* A full one was passed, too, if what passed it last was known and so has not come. */
            if (!(seen.taken & PASSED) && (seen.taken & ALL) != ALL) break;
        }
        return false;
    }

    bool holds(const Group &group, const View &seen, uint64_t key) const {
        for (unsigned found = seen.same; found; found &= found - 1)
            if (ring_[place_of(group.numbers[__builtin_ctz(found)])] == key) return true;
        return false;
    }

    /* Whether so many ids came since that another walk over all of them costs little for each. */
    bool may_spread() const { return spread_ == LOWER_HALF || (total_ - spread_at_) * 4 > (int64_t)known_; }

    void spread_anew() {
        spread_ = spread_ == LOWER_HALF ? 0x9E3779B97F4A7C15u : spread_ * 0xD1342543DE82EF95u; /* odd: none is lost */
        spread_at_ = total_;
    }

    /* Where in the ring the id in a taken slot stands, if it is there at all. */
    size_t place_of(uint16_t number) const {
        const size_t age = age_of(number);
        return next_ > age ? next_ - 1 - age : next_ + capacity_ - 1 - age;
    }

    void pass(Group &group) {
        group.tags[SLOTS] = 1;
        group.numbers[SLOTS] = (uint16_t)total_;
    }

    void put(Group &group, unsigned taken, uint64_t key, uint16_t tag) {
        const int slot = __builtin_ctz(~taken);
        group.tags[slot] = tag;
        group.numbers[slot] = (uint16_t)total_;
        if (next_ < ring_.size())
            ring_[next_] = key;
        else
            append(key);
        next_ = next_ + 1 < capacity_ ? next_ + 1 : 0;
        total_++;
        known_ = std::min(known_ + 1, capacity_);
    }

    /* Room in the table for *count* more, and in a new ring. */
    void reserve(size_t count) {
        if (ring_.empty()) ring_.reserve(std::min(capacity_, count + count / 2));
        if (groups_.empty() && known_ > 0) rebuild(known_);
        /* Mostly many of them are known, and how many are not is seen afterwards: until then it may be close. */
        const size_t wanted = std::min(known_ + count, capacity_);
        if (wanted > groups_.size() * CLOSE) rebuild(wanted);
    }

    /* A ring has as many places as there were ids, up to its capacity. */
    __attribute__((noinline)) void append(uint64_t key) {
        if (ring_.size() == ring_.capacity()) ring_.reserve(std::min(capacity_, ring_.size() + ring_.size() / 2 + 1));
        ring_.push_back(key);
    }

    /* Room in the table as is usual, after ids were added. */
    void make_room() {
        if (known_ > groups_.size() * USUAL) rebuild(known_);
    }

    /* Make the table anew, with room for *wanted* ids and more of them before the next time. */
    void rebuild(size_t wanted) {
        if (wanted >= GROWS_FAST) wanted = std::min(2 * wanted, capacity_);
        make_table(wanted / USUAL + 1);
    }

    void make_table(size_t count) {
        for (int spreads = 1; !fill(count, spreads < MAX_SPREADS ? MAX_WALK : count); spreads++) spread_anew();
    }

    /* Make the table of *count* groups; false if an id would stand *most* groups from its own, or further. */
    bool fill(size_t count, size_t most) {
        groups_.assign(count, Group{});
        size_t place = next_ >= known_ ? next_ - known_ : next_ + capacity_ - known_;
        for (int64_t number = total_ - (int64_t)known_; number < total_; number++) {
            if (!enter(ring_[place], number, most)) return false;
            place = place + 1 < capacity_ ? place + 1 : 0;
        }
        return true;
    }

    bool enter(uint64_t key, int64_t number, size_t most) {
        size_t at = home_of(key);
        for (size_t walked = 0; walked < most; walked++, at = after(at)) {
            Group &group = groups_[at];
            looks_ += walked > 0;
            for (unsigned slot = 0; slot < SLOTS; slot++)
                if (!group.tags[slot]) {
                    group.tags[slot] = tag_of(key);
                    group.numbers[slot] = (uint16_t)number;
                    return true;
                }
            group.tags[SLOTS] = 1;
            group.numbers[SLOTS] = (uint16_t)number;
        }
        return false;
    }
};

}  // namespace fold

#endif
