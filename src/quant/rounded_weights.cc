#include "quant/rounded_weights.h"

#include <algorithm>

#include "quant/channels.h"

namespace eightbit {

Plan with_rounded_weights(const Graph& graph, const Plan& plan) {
  Plan rounded = plan;
  rounded.compress_weights = false;
  std::erase_if(rounded.quantizers, [&](const Quantizer& q) {
    if (!q.weight || q.low.empty()) return false;
    const auto is_rounded = [&](const ConstantReplacement& c) {
      return c.value == q.value && c.uses == q.uses && c.is_rounded();
    };
    if (std::ranges::any_of(plan.constants, is_rounded)) return true;
    const Tensor tensor = weight_of(graph, plan, q.value, q.uses.front());
    if (tensor.dtype != DType::f32) return false;
    rounded.constants.push_back(
        {q.value, q.uses, fake_quantized(tensor, q), ReplacementReason::weight_rounding});
    return true;
  });
  return rounded;
}

}  // namespace eightbit
