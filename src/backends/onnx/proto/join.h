// Two models side by side in one.
#pragma once

#include <string>
#include <vector>

#include "backends/onnx/proto/copy.h"

namespace eightbit::onnx {

// Adds the nodes and weights of `added` to `target`. Both read target's inputs; every other name of
// `added` gets `prefix`, also those in added.values. Weights that are the same bytes in both are
// kept once. Its outputs are dropped.
void join(Copy& target, Copy& added, const std::string& prefix);

}  // namespace eightbit::onnx
