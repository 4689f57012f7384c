/* The hash of a text: 64 bits, the same on every machine and in every release, because stored state holds it.
 *
 * Texts of up to eight bytes cannot collide with others of their length: each step is a bijection. Defined by
 * hashing_py.hash_text.
 */
#ifndef ORCHESTRATOR_KERNELS_HASH_H
#define ORCHESTRATOR_KERNELS_HASH_H

#include <cstddef>
#include <cstdint>
#include <cstring>

static inline uint64_t hash_begin(ptrdiff_t size) {
    return 0x9E3779B97F4A7C15u ^ ((uint64_t)size * 0xA0761D6478BD642Fu);
}

/* Take in eight bytes; those after the text's end are zero. */
static inline uint64_t hash_word(uint64_t value, uint64_t word) {
    value = (value ^ word) * 0xD6E8FEB86659FD93u;
    return value ^ (value >> 32);
}

static inline uint64_t hash_end(uint64_t value) {
    value *= 0xA0761D6478BD642Fu;
    value ^= value >> 29;
    return value ? value : 1; /* 0 marks a free slot in tables of hashes */
}

static inline uint64_t hash_text(const char *data, ptrdiff_t size) {
    uint64_t value = hash_begin(size), word;
    ptrdiff_t at = 0;
    for (; size - at >= 8; at += 8) {
        memcpy(&word, data + at, 8);
        value = hash_word(value, word);
    }
    if (at < size) {
        word = 0;
        memcpy(&word, data + at, (size_t)(size - at));
        value = hash_word(value, word);
    }
    return hash_end(value);
}

/* The same for a short text with eight readable bytes wherever one of its words begins: no loop, no copy by bytes. */
static inline uint64_t hash_short(const char *data, ptrdiff_t size) {
    uint64_t value = hash_begin(size), word;
    if (size > 8) {
        memcpy(&word, data, 8);
        value = hash_word(value, word);
        data += 8;
        size -= 8;
    }
    memcpy(&word, data, 8);
    return hash_end(hash_word(value, word & (~(uint64_t)0 >> (64 - 8 * size))));
}

#endif
