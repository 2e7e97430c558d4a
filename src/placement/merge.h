// What one quantizer above a branching may be, given what the branches below it accept.
#pragma once

#include <vector>

#include "placement/devices.h"

namespace eightbit::placement {

struct Merged {
  SpecList specs;  // empty: the branches cannot share a quantizer
  // by branch: false keeps its own quantizer below, as a requantization
  std::vector<bool> absorbed;
};

// The four rules of QuantizerPropagationRule. Candidates are ordered by the sum of their places in
// the lists of the branches; ties by more bits, per tensor before per channel, symmetric before
// asymmetric.
Merged merge_branches(const std::vector<const SpecList*>& branches, QuantizerPropagationRule rule);

// Whether a tensor that `before` has quantized may be quantized again by `after`.
bool requantizes(const QuantizerSpec& after, const QuantizerSpec& before);

}  // namespace eightbit::placement
