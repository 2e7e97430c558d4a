#include "backends/external/instructions.h"

#include <algorithm>
#include <memory>

#include "base/error.h"
#include "quant/channels.h"
#include "quant/fake_quantize.h"
#include "quant/integers.h"

namespace eightbit::external {
namespace {

std::vector<Use> uses_of(const std::vector<eightbit::Use>& uses) {
  std::vector<Use> out;
  for (const auto& use : uses) out.push_back({use.node, use.port});
  return out;
}

std::vector<eightbit::Use> uses_of(const std::vector<Use>& uses) {
  std::vector<eightbit::Use> out;
  for (const auto& use : uses) out.push_back({use.node, use.port});
  std::ranges::sort(out);
  return out;
}

// Activations are unsigned, whatever their range; weights are signed, as integer kernels take them.
QuantizerInstruction instruction_of(const Graph& graph, const Quantizer& q) {
  if (q.spec.fp8)
    fail<Unsupported>("quantize", "'{}': FP8 is not available for this framework. Leave `mode` out",
                      graph.value(q.value).name);
  EIGHTBIT_CHECK(q.has_range() && !q.uses.empty(), "the quantizer of '{}' is not complete",
                 graph.value(q.value).name);
  QuantizerInstruction out;
  out.value = q.value;
  out.uses = uses_of(q.uses);
  out.weight = q.weight;
  out.symmetric = q.spec.mode == QuantizationScheme::symmetric;
  if (q.low.size() > 1) out.channel_axes = q.channel_axes;
  out.q_min = q.weight ? -(q.levels / 2) : 0;
  out.q_max = out.q_min + q.levels - 1;
  out.group = q.group;
  for (size_t c = 0; c < q.low.size(); ++c) {
    const ScaleZeroPoint numbers = scale_zero_point(q.low[c], q.high[c], q.levels, out.q_min);
    out.scale.push_back(numbers.scale);
    out.zero_point.push_back(numbers.zero_point);
  }
  return out;
}

Tensor integers_of(const Graph& graph, const Plan& plan, const Quantizer& q, int offset) {
  const Tensor weight = weight_of(graph, plan, q.value, q.uses.front());
  auto values = std::make_shared<std::vector<int8_t>>(
      eightbit::integers<int8_t>(to_floats(weight), weight.shape, q, offset));
  return {DType::i8, weight.shape, reinterpret_cast<const std::byte*>(values->data()), values};
}

}  // namespace

Instructions instructions_of(const Graph& graph, const Plan& plan, bool integers) {
  Instructions out;
  for (const auto& c : plan.constants)
    out.constants.push_back({c.value, uses_of(c.uses), c.tensor});
  for (const auto& s : plan.scales)
    out.scales.push_back({s.value, uses_of(s.uses), s.factor, s.axis});
  for (const auto& b : plan.biases) out.shifts.push_back({b.node, b.axis, b.shift});
  for (const auto& q : plan.quantizers) {
    out.quantizers.push_back(instruction_of(graph, q));
    if (integers && plan.compress_weights && q.weight && q.levels <= 256)
      out.quantizers.back().integers = integers_of(graph, plan, q, out.quantizers.back().q_min);
  }
  return out;
}

Plan plan_of(const Graph& graph, const std::vector<QuantizerRequest>& requests) {
  Plan plan;
  for (const QuantizerRequest& request : requests) {
    EIGHTBIT_CHECK(request.value >= 0 && static_cast<size_t>(request.value) < graph.values.size() &&
                       !request.uses.empty(),
                   "a request for a quantizer of value {}", request.value);
    Quantizer q;
    q.value = request.value;
    q.uses = uses_of(request.uses);
    q.weight = request.weight;
    q.channel_axes = request.channel_axes;
    q.group = request.group;
    q.spec = {request.bits,
              request.symmetric ? QuantizationScheme::symmetric : QuantizationScheme::asymmetric,
              request.is_signed,
              !request.channel_axes.empty(),
              request.narrow_range,
              {}};
    plan.quantizers.push_back(std::move(q));
  }
  std::ranges::stable_sort(plan.quantizers, {},
                           [](const Quantizer& q) { return std::pair(q.weight, q.value); });
  return plan;
}

}  // namespace eightbit::external
