// Data parallelism. Results must not depend on how the range is split.
#pragma once

#include <cstdint>
#include <functional>

namespace eightbit {

// Calls body(i) for every i in [0, count), in any order, on any thread, and returns when all are
// done. Throws the first exception of a body; what has not begun by then is left out. May be called
// from within a body.
void parallel_for(int64_t count, const std::function<void(int64_t)>& body);

}  // namespace eightbit
