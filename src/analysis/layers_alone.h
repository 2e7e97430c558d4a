// What each layer's own quantizers do, whatever stands before it: in one pass, every layer of the
// quantized model reads the float model's values, and its output is compared with the float
// model's.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "backends/network.h"
#include "search/noise.h"

namespace eightbit {

enum class Quantized { weights_and_activations, weights };

// One for each of `layers`, nodes of the reference that have a twin, outside of branches. Where the
// quantized layer has another bias than the float one, without what is the same for all samples:
// bias correction sees to that. `carries`: see layer_pairs.h.
std::vector<Noise> noise_alone(const backends::Network& reference,
                               const backends::Network& quantized,
                               const Indexed<ValueId, bool>& carries,
                               const std::vector<NodeId>& layers, Quantized what, int threads,
                               const std::function<std::optional<Sample>()>& next,
                               const std::function<void()>& after_sample);

}  // namespace eightbit
