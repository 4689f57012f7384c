/* The hash of a mention id under its brand's key: SipHash-1-3, 64 bits, the same on every machine and in every release,
 * because stored state holds it. Defined by hashing_py.hash_text.
 *
 * Who does not know the key cannot choose texts whose hashes are alike. With one round a word and three at the end it
 * is what Python and Rust use for that purpose. Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF",
 * 2012.
 */
#ifndef ORCHESTRATOR_KERNELS_HASH_H
#define ORCHESTRATOR_KERNELS_HASH_H

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "unkeyed.h"

class Hasher {
  public:
    static constexpr ptrdiff_t KEY_BYTES = 16;

    Hasher() : first_(0), second_(0) {}

    /* *key* has KEY_BYTES. */
    explicit Hasher(const char *key) {
        memcpy(&first_, key, 8);
        memcpy(&second_, key + 8, 8);
    }

    uint64_t text(const char *data, ptrdiff_t size) const {
        Lanes lanes(first_, second_);
        const ptrdiff_t rest = words(&lanes, data, size);
        uint64_t last = 0;
        memcpy(&last, data + rest, (size_t)(size - rest));
        return lanes.end(last | (uint64_t)size << 56);
    }

    /* The same for a text with eight readable bytes wherever one of its words begins: no copy by bytes. */
    uint64_t readable_text(const char *data, ptrdiff_t size) const {
        Lanes lanes(first_, second_);
        const ptrdiff_t rest = words(&lanes, data, size);
        uint64_t last;
        memcpy(&last, data + rest, 8);
        return lanes.end((last & (((uint64_t)1 << 8 * (size - rest)) - 1)) | (uint64_t)size << 56);
    }

    /* The hash of an unkeyed hash: of eight bytes. */
    uint64_t number(uint64_t unkeyed) const {
        Lanes lanes(first_, second_);
        lanes.word(unkeyed);
        return lanes.end((uint64_t)8 << 56);
    }

  private:
    struct Lanes {
        uint64_t a, b, c, d;

        Lanes(uint64_t first, uint64_t second)
            : a(first ^ 0x736f6d6570736575u),
              b(second ^ 0x646f72616e646f6du),
              c(first ^ 0x6c7967656e657261u),
              d(second ^ 0x7465646279746573u) {}

        static uint64_t turned(uint64_t value, int bits) { return value << bits | value >> (64 - bits); }

        void round() {
            a += b, c += d;
            b = turned(b, 13) ^ a, d = turned(d, 16) ^ c;
            a = turned(a, 32);
            c += b, a += d;
            b = turned(b, 17) ^ c, d = turned(d, 21) ^ a;
            c = turned(c, 32);
        }

        void word(uint64_t value) {
            d ^= value;
            round();
            a ^= value;
        }

        uint64_t end(uint64_t last) {
            word(last);
            c ^= 0xff;
            round(), round(), round();
            const uint64_t value = a ^ b ^ c ^ d;
            return value ? value : 1; /* 0 marks a free slot in tables of hashes */
        }
    };

    uint64_t first_, second_;

    /* Take in the text's whole words; where the rest begins. */
    static ptrdiff_t words(Lanes *lanes, const char *data, ptrdiff_t size) {
        ptrdiff_t at = 0;
        for (uint64_t word; size - at >= 8; at += 8) {
            memcpy(&word, data + at, 8);
            lanes->word(word);
        }
        return at;
    }
};

#endif
