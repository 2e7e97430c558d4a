#include "backends/backend.h"

namespace eightbit::backends {

std::vector<std::vector<Tensor>> BackendModel::infer(const std::function<std::optional<Sample>()>& next) const {
  const auto runner = this->runner(FloatPrecision::f32);
  std::vector<std::vector<Tensor>> results;
  while (const auto sample = next()) results.push_back(runner->run(*sample));
  return results;
}

}  // namespace eightbit::backends
