// How many elements layers hand on. Where their shapes leave that open a sample has to be run.
#pragma once

#include <eightbit/dataset.h>

#include <cstdint>
#include <vector>

#include "backends/network.h"

namespace eightbit::search {

// Elements of the first output of each of these layers, which are outside of bodies, in a run of
// the sample: by its shape, or where a dimension is not known by what a program tells that is
// compiled for it. Only of engines that can_inject().
std::vector<int64_t> output_sizes(const backends::Network& network,
                                  const std::vector<NodeId>& layers, const Sample& sample);

}  // namespace eightbit::search
