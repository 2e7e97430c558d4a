// Data parallelism over oneTBB. Results must not depend on how the range is split.
#pragma once

#include <tbb/parallel_for.h>

#include <cstdint>
#include <utility>

namespace eightbit {

// Calls body(i) for every i in [0, count), in any order, on any thread.
template <typename Body>
void parallel_for(int64_t count, Body&& body) {
  tbb::parallel_for(int64_t{0}, count, std::forward<Body>(body));
}

}  // namespace eightbit
