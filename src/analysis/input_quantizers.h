// The quantizers in front of a quantized model's layers, and what their values are like.
#pragma once

#include <eightbit/report.h>

#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "backends/network.h"

namespace eightbit {

// By layer (a node of the quantized model): one for each activation that it reads quantized with a
// range that is known. Runs the quantized model in float arithmetic.
std::map<NodeId, std::vector<InputQuantizer>> measure_input_quantizers(
    const backends::Network& quantized, const std::vector<NodeId>& layers, int threads,
    const std::function<std::optional<Sample>()>& next, const std::function<void()>& after_sample);

}  // namespace eightbit
