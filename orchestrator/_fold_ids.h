/* The newest distinct ids of a story, as hashes: a ring in the order of their arrival, and a table that finds them.
 *
 * The table consists of groups of eight slots, half a cache line each. A slot has a tag of 16 bits of the hash and the
 * place in the ring; a look at a group compares all its tags at once, so that what is new costs neither a look at the
 * ring, which is far away in memory, nor a branch that nobody can predict. A forgotten id frees its slot if its group has
 * free ones anyway (a search ends at the first group that has); else the slot stays, and the ring says that it means nothing.
 * When too many slots are taken, the table is made anew.
 */
#ifndef ORCHESTRATOR_FOLD_IDS_H
#define ORCHESTRATOR_FOLD_IDS_H

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace fold {

class Ids {
  public:
    static constexpr size_t MAX_CAPACITY = 1u << 16; /* places have 16 bits */

    explicit Ids(size_t capacity = 1) : capacity_(capacity) {}

    int64_t total() const { return total_; }
    size_t known() const { return known_; }

    /* Remember *hashes*, all different; how many of them were not known. */
    size_t add(const uint64_t *hashes, size_t count) {
        size_t fresh = 0;
        reserve(count);
        for (size_t at = 0; at < count; at += AHEAD) {
            const size_t stop = std::min(count, at + AHEAD);
            if (groups_.size() > NEAR_GROUPS) look_ahead(hashes + at, stop - at);
            for (size_t place = at; place < stop; place++) fresh += remember(hashes[place]);
        }
        return fresh;
    }

    /* The hashes numbered *start* to *stop*, all of them remembered: two runs of the ring at most. */
    void copy(int64_t start, int64_t stop, uint64_t *out) const {
        const size_t first = (size_t)(start % (int64_t)capacity_), count = (size_t)(stop - start);
        const size_t run = std::min(count, capacity_ - first);
        if (run) memcpy(out, &ring_[first], run * sizeof *out);
        if (run < count) memcpy(out + run, &ring_[0], (count - run) * sizeof *out);
    }

    /* Become the set of *hashes*, the newest of *total* ids: as many as fit, and no more than there were. */
    void load(int64_t total, const uint64_t *hashes, size_t count) {
        total_ = total;
        known_ = count;
        next_ = (size_t)(total % (int64_t)capacity_);
        ring_.assign((size_t)std::min(total, (int64_t)capacity_), 0);
        for (size_t place = 0; place < count; place++) ring_[(next_ + capacity_ - count + place) % capacity_] = hashes[place];
        rebuild(count);
    }

  private:
    static constexpr size_t SLOTS = 8;
    static constexpr size_t AHEAD = 32;       /* lines that are asked for before the first of them is looked at */
    static constexpr size_t NEAR_GROUPS = 64; /* a table of so many is in the nearest cache anyway */
    static constexpr size_t GROWS_FAST = 64;  /* ids: sets with more will have many more, and each growth is a walk */

    struct alignas(32) Group {
        uint16_t tags[SLOTS]; /* 0 = free */
        uint16_t places[SLOTS];
    };

    size_t capacity_, known_ = 0, next_ = 0, used_ = 0;
    int64_t total_ = 0;
    std::vector<uint64_t> ring_; /* hash of id number n at n % capacity */
    std::vector<Group> groups_;  /* as many as a power of two, or none */

    size_t mask() const { return groups_.size() - 1; }

    static uint16_t tag_of(uint64_t key) { return (uint16_t)std::max<uint64_t>(key >> 48, 1); }

    /* The slots of a group that have *tag*, as bits; each slot has STRIDE of them. */
#if defined(__SSE2__)
    static constexpr int STRIDE = 2;
    static uint64_t having(const Group &group, uint16_t tag) {
        const __m128i tags = _mm_load_si128((const __m128i *)group.tags);
        return (uint64_t)_mm_movemask_epi8(_mm_cmpeq_epi16(tags, _mm_set1_epi16((int16_t)tag))) & 0x5555u;
    }
#else
    static constexpr int STRIDE = 1;
    static uint64_t having(const Group &group, uint16_t tag) {
        uint64_t found = 0;
        for (size_t slot = 0; slot < SLOTS; slot++) found |= (uint64_t)(group.tags[slot] == tag) << slot;
        return found;
    }
#endif
    static size_t first_of(uint64_t slots) { return (size_t)__builtin_ctzll(slots) / STRIDE; }

    /* Ask memory for the groups of the next *hashes* and of the ids that have to leave for them. */
    void look_ahead(const uint64_t *hashes, size_t count) const {
        for (size_t place = 0; place < count; place++) __builtin_prefetch(&groups_[hashes[place] & mask()]);
        if (known_ < capacity_) return;
        for (size_t place = next_; place < std::min(next_ + count, capacity_); place++)
            __builtin_prefetch(&groups_[ring_[place] & mask()]);
    }

    bool remember(uint64_t key) {
        const uint16_t tag = tag_of(key);
        size_t number = key & mask();
        uint64_t free_slots;
        for (;; number = (number + 1) & mask()) {
            const Group &group = groups_[number];
            for (uint64_t found = having(group, tag); found; found &= found - 1)
                if (ring_[group.places[first_of(found)]] == key) return false;
            free_slots = having(group, 0);
            if (free_slots) break;
        }
        take(number, first_of(free_slots), tag, next_);
        if (known_ == capacity_) forget(ring_[next_]);
        ring_[next_] = key;
        next_ = next_ + 1 < capacity_ ? next_ + 1 : 0;
        total_++;
        known_ = std::min(known_ + 1, capacity_);
        if (used_ >= groups_.size() * (SLOTS - 1)) rebuild(known_);
        return true;
    }

    /* Free the slot of the id at the next place of the ring, which is about to be overwritten. */
    void forget(uint64_t key) {
        const uint16_t tag = tag_of(key);
        for (size_t number = key & mask();; number = (number + 1) & mask()) {
            Group &group = groups_[number];
            const bool ends = having(group, 0) != 0;
            for (uint64_t found = having(group, tag); found; found &= found - 1) {
                const size_t slot = first_of(found);
                if (group.places[slot] != next_) continue;
                if (ends) {
                    group.tags[slot] = 0;
                    used_--;
                }
                return;
            }
            if (ends) return;
        }
    }

    void take(size_t number, size_t slot, uint16_t tag, size_t place) {
        groups_[number].tags[slot] = tag;
        groups_[number].places[slot] = (uint16_t)place;
        used_++;
    }

    /* Room in the ring for *count* more, and free slots for them; more than the capacity are added in rounds, each of
     * which finds the table as it leaves it. */
    void reserve(size_t count) {
        /* By the number of the last one, not by how many are known: a loaded set may lack the oldest. */
        const size_t room = (size_t)std::min<uint64_t>((uint64_t)total_ + count, capacity_);
        const size_t wanted = std::min(known_ + count, capacity_);
        if (ring_.size() < room) {
            if (ring_.capacity() < room) ring_.reserve(std::min(capacity_, room + room / 2));
            ring_.resize(room);
        }
        if (used_ + std::min(count, capacity_) >= groups_.size() * (SLOTS - 2)) rebuild(wanted);
    }

    /* Make the table anew, with room for *wanted* ids and more of them before the next time. */
    void rebuild(size_t wanted) {
        if (wanted >= GROWS_FAST) wanted = std::min(2 * wanted, capacity_);
        size_t count = 1;
        while (count * (SLOTS - 3) < wanted + 1) count *= 2;
        groups_.assign(count, Group{});
        used_ = 0;
        for (int64_t number = total_ - (int64_t)known_; number < total_; number++)
            enter((size_t)(number % (int64_t)capacity_));
    }

    void enter(size_t place) {
        size_t number = ring_[place] & mask();
        uint64_t free_slots;
        while (!(free_slots = having(groups_[number], 0))) number = (number + 1) & mask();
        take(number, first_of(free_slots), tag_of(ring_[place]), place);
    }
};

}  // namespace fold

#endif
