/* The story that a cluster is most similar to so far. Defined by merge_py: similarities are compared on its GRID. */
#ifndef ORCHESTRATOR_KERNELS_BEST_H
#define ORCHESTRATOR_KERNELS_BEST_H

#include <cmath>
#include <cstdint>

namespace merge {

constexpr int64_t NOBODY = -1;
constexpr double GRID = 16777216.0; /* steps of a similarity of 1; merge_py says the same, and the tests compare */

struct Best {
    int64_t steps; /* how similar */
    int64_t key;   /* NOBODY: no story is similar enough, and *steps* is the least that is */

    /* Let a story contend: greater similarity wins, the older story among equals. */
    void challenge(double similarity, int64_t its) {
        const int64_t reached = (int64_t)std::nearbyint(similarity * GRID);
        if (reached > steps || (reached == steps && (key < 0 || its < key))) {
            steps = reached;
            key = its;
        }
    }
};

}  // namespace merge

#endif
