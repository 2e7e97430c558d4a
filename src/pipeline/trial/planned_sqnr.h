// What quantizers do to outputs by themselves, whatever a runtime makes of them.
#pragma once

#include <functional>
#include <optional>

#include "backends/network.h"
#include "quant/plan.h"

namespace eightbit {

// Decibels of the worst output as a whole on the samples that `next` hands out until it has none,
// where the plan's quantizers are computed in floats, one by one. Nothing where no output can be
// measured.
std::optional<double> planned_sqnr_db(const backends::Network& base, const Plan& plan,
                                      const std::function<std::optional<Sample>()>& next,
                                      int threads);

}  // namespace eightbit
