#include "backends/network.h"

namespace eightbit::backends {

std::vector<std::vector<Tensor>> Network::infer(
    const std::function<std::optional<Sample>()>& next) const {
  const auto runner = this->runner(FloatPrecision::f32);
  std::vector<std::vector<Tensor>> results;
  while (const auto sample = next()) results.push_back(runner->run(*sample));
  return results;
}

std::vector<LayerPrecision> Network::executed_precisions(const Sample& sample,
                                                         FloatPrecision precision) const {
  constexpr int kRuns = 5;
  const auto runner = timing_runner(precision);
  for (int run = 0; run < kRuns; ++run) runner->run(sample);
  return runner->layers();
}

}  // namespace eightbit::backends
