/* What is remembered of chunkIds: BLAKE2b with 12 bytes of output, and two generations of entries.
 *
 * An entry is what is stored, byte for byte: the digest of a chunkId, and 4 bytes of another one, of its chunk's
 * numbers; 0 there means that nothing is known of them. A generation keeps its entries in the order in which they came,
 * so that what a batch brought is its end, and a table of places that finds them. Places are spread by a secret
 * product: a worker that searches for ids whose digests begin alike cannot make them meet.
 *
 * Source: RFC 7693.
 */
#ifndef ORCHESTRATOR_KERNELS_DIGESTS_H
#define ORCHESTRATOR_KERNELS_DIGESTS_H

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "held.h"

namespace digests {

constexpr size_t DIGEST_BYTES = 12, ENTRY_BYTES = 16;

struct Entry {
    unsigned char digest[DIGEST_BYTES];
    uint32_t numbers;
};

static_assert(sizeof(Entry) == ENTRY_BYTES, "an entry in memory is an entry as it is stored");

/* BLAKE2b without a key, RFC 7693. */
class Blake2b {
  public:
    /* The first 12 bytes of a digest that has no more. */
    static void of(const char *data, size_t size, unsigned char *out) {
        uint64_t state[8];
        memcpy(state, IV, sizeof state);
        state[0] ^= 0x01010000 ^ DIGEST_BYTES;
        unsigned char block[BLOCK];
        uint64_t done = 0;
        for (; size - done > BLOCK; done += BLOCK)
            compress(state, (const unsigned char *)data + done, done + BLOCK, false);
        memset(block, 0, sizeof block);
        memcpy(block, data + done, size - done);
        compress(state, block, size, true);
        memcpy(out, state, DIGEST_BYTES);
    }

  private:
    static constexpr size_t BLOCK = 128;
    static constexpr uint64_t IV[8] = {0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
                                       0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};
    static constexpr unsigned char SIGMA[10][16] = {
        {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
        {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4}, {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
        {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13}, {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
        {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11}, {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
        {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5}, {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0}};

    static uint64_t turned(uint64_t word, unsigned bits) { return word >> bits | word << (64 - bits); }

    static void mix(uint64_t &a, uint64_t &b, uint64_t &c, uint64_t &d, uint64_t x, uint64_t y) {
        a += b + x, d = turned(d ^ a, 32);
        c += d, b = turned(b ^ c, 24);
        a += b + y, d = turned(d ^ a, 16);
        c += d, b = turned(b ^ c, 63);
    }

    static void compress(uint64_t *state, const unsigned char *block, uint64_t counted, bool last) {
        uint64_t word[16], v[16];
        memcpy(word, block, sizeof word);
        memcpy(v, state, 8 * sizeof *v);
        memcpy(v + 8, IV, sizeof IV);
        v[12] ^= counted; /* no text has 2**64 bytes */
        if (last) v[14] = ~v[14];
#pragma GCC unroll 12 /* with the table known to it, the compiler looks nothing up */
        for (unsigned round = 0; round < 12; round++) {
            const unsigned char *s = SIGMA[round % 10];
            mix(v[0], v[4], v[8], v[12], word[s[0]], word[s[1]]);
            mix(v[1], v[5], v[9], v[13], word[s[2]], word[s[3]]);
            mix(v[2], v[6], v[10], v[14], word[s[4]], word[s[5]]);
            mix(v[3], v[7], v[11], v[15], word[s[6]], word[s[7]]);
            mix(v[0], v[5], v[10], v[15], word[s[8]], word[s[9]]);
            mix(v[1], v[6], v[11], v[12], word[s[10]], word[s[11]]);
            mix(v[2], v[7], v[8], v[13], word[s[12]], word[s[13]]);
            mix(v[3], v[4], v[9], v[14], word[s[14]], word[s[15]]);
        }
        for (unsigned place = 0; place < 8; place++) state[place] ^= v[place] ^ v[place + 8];
    }
};

/* What a chunk's numbers come to, whatever order its clusters have. Its meaning is defined by the twin. */
class Numbers {
  public:
    void mentions(int64_t count) { own_ = mixed(SEED ^ (uint64_t)count); }

    void sentiment(double value) { own_ = mixed(own_ ^ near(value)); }

    void cluster(int64_t mentions, bool scored, double score) {
        clusters_ += mixed(mixed(SEED ^ (uint64_t)mentions) ^ (scored ? near(score) : UNSCORED));
        count_++;
    }

    uint32_t digest() const {
        const uint64_t all = mixed(mixed(own_ ^ clusters_) ^ count_);
        const uint32_t value = (uint32_t)(all >> 32);
        return value ? value : 1; /* 0 = nothing is known */
    }

  private:
    static constexpr uint64_t SEED = 0x9e3779b97f4a7c15, UNSCORED = 0xd1b54a32d192ed03;
    static constexpr double OFFSET = 0.3819660112501051;
    static constexpr int STEP_BITS = 17, LEAST_EXPONENT = 7;

    uint64_t own_ = SEED, clusters_ = 0, count_ = 0;

    /* The finalizer of SplitMix64. */
    static uint64_t mixed(uint64_t word) {
        word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9;
        word = (word ^ word >> 27) * 0x94d049bb133111eb;
        return word ^ word >> 31;
    }

    /* The bits of a multiple of the step that numbers of its size have. */
    static uint64_t near(double value) {
        int exponent;
        frexp(value, &exponent);
        const double step = ldexp(1.0, (exponent > LEAST_EXPONENT ? exponent : LEAST_EXPONENT) - STEP_BITS);
        const double rounded = floor(value / step + OFFSET) * step + 0.0; /* no negative zero */
        uint64_t bits;
        memcpy(&bits, &rounded, sizeof bits);
        return bits;
    }
};

class Generation {
  public:
    /* *secret*: an odd number that nobody outside this process knows. */
    explicit Generation(uint64_t secret = 1) : secret_(secret) {}

    size_t size() const { return entries_.size(); }
    const Entry *data() const { return entries_.data(); }
    size_t held() const { return held::by(entries_) + held::by(places_); }

    /* The entry with the digest of *wanted*; null if there is none. */
    const Entry *find(const Entry &wanted) const {
        if (places_.empty()) return nullptr;
        for (size_t at = home_of(wanted);; at = at + 1 < places_.size() ? at + 1 : 0) {
            if (!places_[at]) return nullptr;
            /* What was cut off has left its places behind, and they are no free ones. */
            if (places_[at] > entries_.size()) continue;
            const Entry &entry = entries_[places_[at] - 1];
            if (!memcmp(entry.digest, wanted.digest, DIGEST_BYTES)) return &entry;
        }
    }

    /* Add what is not there yet. */
    void add(const Entry &entry) {
        if (2 * (entries_.size() + 1) > places_.size()) spread(entries_.size() + 1);
        if (entries_.size() == entries_.capacity()) entries_.reserve(entries_.size() + entries_.size() / 4 + 8);
        entries_.push_back(entry);
        place(entries_.size());
    }

    /* Become the generation of *count* entries as they are stored; of those with one digest the first. */
    void load(const char *stored, size_t count) {
        entries_.clear(), entries_.shrink_to_fit();
        places_.clear(), places_.shrink_to_fit();
        if (!count) return;
        entries_.reserve(count);
        spread(count);
        for (size_t number = 0; number < count; number++) {
            Entry entry;
            memcpy(&entry, stored + number * ENTRY_BYTES, sizeof entry);
            if (!find(entry)) add(entry);
        }
    }

    /* Let go of the newest entries but the first *count*; nothing may be added after it. */
    void cut(size_t count) { entries_.resize(count), entries_.shrink_to_fit(); }

  private:
    static constexpr size_t LEAST_PLACES = 16;

    uint64_t secret_;
    unsigned shift_ = 64;
    std::vector<Entry> entries_;
    std::vector<uint32_t>
        places_; /* number of an entry, from 1; 0 = free. A power of two, at most half of them taken */

    size_t home_of(const Entry &entry) const {
        uint64_t word;
        memcpy(&word, entry.digest, sizeof word);
        return (size_t)((word * secret_) >> shift_);
    }

    void place(size_t number) {
        size_t at = home_of(entries_[number - 1]);
        while (places_[at]) at = at + 1 < places_.size() ? at + 1 : 0;
        places_[at] = (uint32_t)number;
    }

    void spread(size_t count) {
        size_t size = LEAST_PLACES;
        shift_ = 60;
        while (size < 2 * count) size *= 2, shift_--;
        std::vector<uint32_t>(size).swap(places_);
        for (size_t number = 1; number <= entries_.size(); number++) place(number);
    }
};

/* What became of a chunk. */
enum Found { FRESH, KNOWN, CONFLICT };

class Table {
  public:
    explicit Table(uint64_t secret = 1) : secret_(secret), younger_(secret), older_(secret) {}

    const Generation &younger() const { return younger_; }
    const Generation &older() const { return older_; }
    size_t held() const { return younger_.held() + older_.held(); }

    void load(const char *younger, size_t younger_count, const char *older, size_t older_count) {
        younger_.load(younger, younger_count);
        older_.load(older, older_count);
    }

    /* Remember a chunk by its id, and of its numbers what is given, unless the id is known. */
    Found take(const char *id, size_t size, uint32_t numbers) {
        Entry entry;
        Blake2b::of(id, size, entry.digest);
        entry.numbers = numbers;
        const Entry *known = younger_.find(entry);
        if (!known) known = older_.find(entry);
        if (known) return known->numbers && numbers && known->numbers != numbers ? CONFLICT : KNOWN;
        younger_.add(entry);
        return FRESH;
    }

    /* The older generation is forgotten; the younger one takes its place, but for its newest *kept* entries. */
    void rotate(size_t kept) {
        Generation next(secret_);
        const size_t first = younger_.size() - kept;
        for (size_t number = first; number < younger_.size(); number++) next.add(younger_.data()[number]);
        younger_.cut(first);
        older_ = std::move(younger_);
        younger_ = std::move(next);
    }

  private:
    uint64_t secret_;
    Generation younger_, older_;
};

}  // namespace digests

#endif
