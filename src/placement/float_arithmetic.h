// What a runtime computes in floats whatever it reads: powers, roots, differences, sums over axes,
// comparisons and norms, that is spectra, logarithms and normalization that an exporter took apart.
// A quantizer in front of such an op makes nothing faster, and its rounding is squared or divided
// by. Additions, means, pools and resizing only save memory traffic by integers, and only where
// what they read comes out of an integer kernel.
#pragma once

#include <vector>

#include "graph/inference_graph.h"
#include "placement/devices.h"

namespace eightbit::placement {

// By node: whether it belongs in floats for what it computes, or for what it reads. No node where
// the device's kernels compute all of this in integers.
Indexed<NodeId, bool> float_arithmetic(const InferenceGraph& flow, const Device& device);

}  // namespace eightbit::placement
