// Where bias correction measures, and what: see algorithms/bias_correction.h.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "graph/graph.h"

namespace eightbit {

// Behind `node` of the planned model the shift (mean_shift(), over all axes but `axis`) is added,
// so that later nodes see corrected inputs; the shifts come back as results.
struct BiasProbe {
  NodeId node = kNone;
  int64_t axis = 1;
  int64_t channels = 0;
  // Whose bias the shift goes into: `node`, or the layer that it adds a bias to. kNone: `node`.
  NodeId layer = kNone;
  // The output of the ReLU that alone reads the node; kNone: something else does. The means that
  // are compared are those behind it.
  ValueId relu = kNone;

  NodeId corrected() const { return layer == kNone ? node : layer; }
};

// Of the elements that a ReLU lets pass: with fewer, a shift would be made of a few outliers.
inline constexpr float kLeastActive = 0.05f;

// By channel, m - mean(x). In front of a ReLU (m - mean(max(x, 0))) / max(a, kLeastActive), where a
// is the share of elements above 0: what is below them nobody sees, and a clipped input may move it
// far. `reference`: m, the means in the float network; `shape`: of the data x.
std::vector<float> mean_shift(const BiasProbe& probe, std::span<const float> reference,
                              const float* data, std::span<const int64_t> shape);

}  // namespace eightbit
