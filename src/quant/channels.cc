#include "quant/channels.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/spill.h"
#include "quant/fake_quantize.h"

namespace eightbit {

void for_each_run(const Shape& shape, const std::vector<int64_t>& axes,
                  const std::function<void(int64_t, int64_t, int64_t)>& visit) {
  const auto rank = static_cast<int64_t>(shape.size());
  int64_t run_axis = rank, run = 1;
  const auto kept = [&](int64_t axis) { return std::ranges::find(axes, axis) != axes.end(); };
  while (run_axis > 0 && !kept(run_axis - 1)) run *= shape[static_cast<size_t>(--run_axis)];

  std::vector<int64_t> stride(shape.size(), 0);  // of each outer axis in the channel number
  int64_t channels = 1;
  for (int64_t axis = rank - 1; axis >= 0; --axis)
    if (kept(axis))
      stride[static_cast<size_t>(axis)] =
          std::exchange(channels, channels * shape[static_cast<size_t>(axis)]);

  std::vector<int64_t> index(static_cast<size_t>(run_axis), 0);
  const int64_t total = element_count(shape);
  int64_t channel = 0;
  for (int64_t first = 0; first < total; first += run) {
    visit(channel, first, run);
    for (int64_t axis = run_axis - 1; axis >= 0; --axis) {
      const auto a = static_cast<size_t>(axis);
      channel += stride[a];
      if (++index[a] < shape[a]) break;
      channel -= stride[a] * shape[a];
      index[a] = 0;
    }
  }
}

int64_t channel_count(const Shape& shape, const std::vector<int64_t>& axes) {
  int64_t count = 1;
  for (int64_t axis : axes) count *= shape[static_cast<size_t>(axis)];
  return count;
}

Extremes extremes(std::span<const float> values, const Shape& shape,
                  const std::vector<int64_t>& axes) {
  const auto channels = static_cast<size_t>(channel_count(shape, axes));
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  Extremes out{
      std::vector<float>(channels, kInfinity), std::vector<float>(channels, -kInfinity), {}};
  for_each_run(shape, axes, [&](int64_t channel, int64_t first, int64_t count) {
    float low = out.min[static_cast<size_t>(channel)], high = out.max[static_cast<size_t>(channel)];
    for (int64_t i = first; i < first + count; ++i) {
      low = std::min(low, values[static_cast<size_t>(i)]);
      high = std::max(high, values[static_cast<size_t>(i)]);
    }
    out.min[static_cast<size_t>(channel)] = low;
    out.max[static_cast<size_t>(channel)] = high;
  });
  for (size_t c = 0; c < channels; ++c)
    out.abs_max.push_back(std::max(std::fabs(out.min[c]), std::fabs(out.max[c])));
  return out;
}

Tensor scaled_by(const Tensor& tensor, int64_t axis, const std::vector<float>& factor) {
  std::vector<float> values = to_floats(tensor);
  for_each_run(tensor.shape, {axis}, [&](int64_t channel, int64_t first, int64_t count) {
    for (int64_t i = first; i < first + count; ++i)
      values[static_cast<size_t>(i)] *= factor[static_cast<size_t>(channel)];
  });
  return spilled_floats(values, tensor.shape);
}

namespace {

// The last replacement that `use` reads.
const ConstantReplacement* replacement_of(const Plan& plan, ValueId value, Use use) {
  for (auto it = plan.constants.rbegin(); it != plan.constants.rend(); ++it)
    if (it->value == value && (it->uses.empty() || reads(it->uses, use))) return &*it;
  return nullptr;
}

}  // namespace

Tensor weight_of(const Graph& graph, const Plan& plan, ValueId value, Use use) {
  const ConstantReplacement* last = replacement_of(plan, value, use);
  return last ? last->tensor : graph.value(value).constant->load();
}

void round_constant(Plan& plan, ValueId value, const std::vector<Use>& uses, Tensor rounded) {
  ConstantReplacement out{value, uses, std::move(rounded), ReplacementReason::weight_rounding};
  if (const ConstantReplacement* last =
          uses.empty() ? nullptr : replacement_of(plan, value, uses.front()))
    out.factor = last->factor, out.axis = last->axis;
  std::erase_if(plan.constants, [&](const ConstantReplacement& earlier) {
    const auto covered = [&](const Use& use) { return reads(uses, use); };
    return earlier.value == value && !earlier.uses.empty() &&
           std::ranges::all_of(earlier.uses, covered);
  });
  plan.constants.push_back(std::move(out));
}

ConstantReplacement unrounded(const Graph& graph, const ConstantReplacement& rounded) {
  ConstantReplacement out{rounded.value,  rounded.uses, {}, ReplacementReason::smooth_quant,
                          rounded.factor, rounded.axis};
  if (!out.factor.empty())
    out.tensor = scaled_by(graph.value(out.value).constant->load(), out.axis, out.factor);
  return out;
}

void take_back_rounding(const Graph& graph, const Quantizer& weight, Plan& plan) {
  const auto concerns = [&](const ConstantReplacement& constant) {
    const auto is_read = [&](const Use& use) { return reads(weight.uses, use); };
    return constant.is_rounded() && constant.value == weight.value && !constant.uses.empty() &&
           std::ranges::all_of(constant.uses, is_read);
  };
  for (ConstantReplacement& constant : plan.constants)
    if (concerns(constant)) constant = unrounded(graph, constant);
  std::erase_if(plan.constants,
                [](const ConstantReplacement& constant) { return constant.tensor.empty(); });
}

Tensor float_weight_of(const Graph& graph, const Plan& plan, ValueId value, Use use) {
  const ConstantReplacement* last = replacement_of(plan, value, use);
  if (last == nullptr || !last->is_rounded()) return weight_of(graph, plan, value, use);
  const Tensor tensor = unrounded(graph, *last).tensor;
  return tensor.empty() ? graph.value(value).constant->load() : tensor;
}

Tensor fake_quantized(const Tensor& tensor, const Quantizer& quantizer) {
  std::vector<float> values = to_floats(tensor);
  for_each_run(tensor.shape, quantizer.channel_axes,
               [&](int64_t channel, int64_t first, int64_t count) {
                 const size_t c = quantizer.low.size() == 1 ? 0 : static_cast<size_t>(channel);
                 fake_quantize({values.data() + first, static_cast<size_t>(count)},
                               quantizer.low[c], quantizer.high[c], quantizer.levels);
               });
  return spilled_floats(values, tensor.shape);
}

}  // namespace eightbit
