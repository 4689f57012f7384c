/* The hash by which state formats 2 and 3 remember mention ids. It has no key: anybody can make texts that collide.
 *
 * Only to find again what was counted before a brand had a key; see hash.h. Defined by hashing_py.unkeyed_hash.
 */
#ifndef ORCHESTRATOR_KERNELS_UNKEYED_H
#define ORCHESTRATOR_KERNELS_UNKEYED_H

#include <cstddef>
#include <cstdint>
#include <cstring>

static inline uint64_t unkeyed_hash(const char *data, ptrdiff_t size) {
    uint64_t value = 0x9E3779B97F4A7C15u ^ ((uint64_t)size * 0xA0761D6478BD642Fu), word;
    for (ptrdiff_t at = 0; at < size; at += 8) {
        word = 0; /* bytes after the text's end are zero */
        memcpy(&word, data + at, (size_t)(size - at < 8 ? size - at : 8));
        value = (value ^ word) * 0xD6E8FEB86659FD93u;
        value ^= value >> 32;
    }
    value *= 0xA0761D6478BD642Fu;
    value ^= value >> 29;
    return value ? value : 1;
}

#endif
