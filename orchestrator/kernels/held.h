/* What is held in memory: the blocks behind objects, as glibc's allocator cuts them (16 bytes for 8 of its own).
 *
 * Other allocators cut otherwise; a test compares sums of these with what the allocator says it gave.
 */
#ifndef ORCHESTRATOR_KERNELS_HELD_H
#define ORCHESTRATOR_KERNELS_HELD_H

#include <cstddef>
#include <vector>

namespace held {

/* The block for so many bytes. */
static inline size_t block(size_t bytes) { return !bytes ? 0 : bytes <= 24 ? 32 : (bytes + 8 + 15) / 16 * 16; }

/* The block of a vector's elements. */
template <typename T>
static inline size_t by(const std::vector<T> &vector) {
    /* What must not lie anywhere is cut from a block that is larger by that. */
    constexpr size_t SLACK = alignof(T) > 16 ? alignof(T) : 0;
    return vector.capacity() ? block(vector.capacity() * sizeof(T) + SLACK) : 0;
}

}  // namespace held

#endif
