// Where bias correction measures: see algorithms/bias_correction.h.
#pragma once

#include <cstdint>

#include "graph/graph.h"

namespace eightbit {

// Behind `node` of the planned model the difference of means (known float mean minus planned mean,
// over all axes but `axis`) is added, so that later nodes see corrected inputs; the differences
// come back as results.
struct BiasProbe {
  NodeId node = kNone;
  int64_t axis = 1;
  int64_t channels = 0;
};

}  // namespace eightbit
