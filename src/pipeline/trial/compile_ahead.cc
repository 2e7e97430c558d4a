#include "pipeline/trial/compile_ahead.h"

#include <utility>

#include "backends/network.h"

namespace eightbit {

using backends::FloatPrecision;

int64_t bytes_of(const Model& model) {
  int64_t sum = 0;
  for (const auto& [type, bytes] : model.impl().weight_bytes()) sum += bytes;
  return sum;
}

bool in_own_framework(const Model& model) { return model.impl().file_extension().empty(); }

bool is_large(const Planned& planned, const RunOptions& run) {
  // Of weights; compiled, a model takes two to three times as much.
  constexpr int64_t kLargeBytes = int64_t{128} << 20;
  return run.max_memory > 0 || bytes_of(planned.model) >= kLargeBytes;
}

std::future<Compiled> compiled(Model model, FloatPrecision precision, std::launch when) {
  return std::async(when, [model = std::move(model), precision]() mutable {
    return Compiled(std::move(model), precision);
  });
}

std::future<Compiled> compile_uncorrected(const Planned& planned, const QuantizeOptions& options,
                                          const RunOptions& run) {
  if (!options.trial_run || planned.plan.quantizers.empty() || in_own_framework(planned.base) ||
      is_large(planned, run))
    return {};
  return compiled(write(planned.base, *recipe_of(planned, planned.plan, options), planned.plan),
                  FloatPrecision::by_default, std::launch::async);
}

}  // namespace eightbit
