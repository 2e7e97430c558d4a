// One configuration for every quantizer and weight; those that share a scale agree.
#pragma once

#include "placement/weight_points.h"

namespace eightbit::placement {

struct Choice {
  QuantizerSpec spec;
  int group = -1;  // root of a group with at least two members, or -1
};

struct Selection {
  std::vector<Choice> activations;  // by Placement::quantizers; dropped ones included
  std::vector<Choice> weights;      // by weight point
};

// Takes the first configuration everywhere. In a group, members that are per channel leave, and the
// others take the first that all of them accept; without one, those that agree stay together.
Selection select(Placement& placement, const std::vector<WeightPoint>& weights);

// Groups that have shrunk to one member are dissolved.
void dissolve_small_groups(const Placement& placement, Selection& selection);

}  // namespace eightbit::placement
