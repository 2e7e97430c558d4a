// The accumulated difference of two models at every layer that both have.
#pragma once

#include <eightbit/compare.h>

#include <functional>
#include <optional>

#include "backends/network.h"

namespace eightbit {

// See compare(); without the layers alone. Throws DataError when there is no sample.
CompareResult compare_whole(const backends::Network& reference, const backends::Network& quantized,
                            int threads, const std::function<std::optional<Sample>()>& next,
                            const std::function<void()>& after_sample);

}  // namespace eightbit
