// Tensors by channel: which elements belong to which channel, whatever the layout.
#pragma once

#include <eightbit/tensor.h>

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "quant/plan.h"

namespace eightbit {

// Calls visit(channel, first, count) for every run of consecutive elements that belong to one
// channel of `axes` (row-major over axes), in memory order. Axes empty: one run of channel 0.
void for_each_run(const Shape& shape, const std::vector<int64_t>& axes,
                  const std::function<void(int64_t channel, int64_t first, int64_t count)>& visit);
int64_t channel_count(const Shape& shape, const std::vector<int64_t>& axes);

struct Extremes {
  std::vector<float> min, max, abs_max;  // by channel
};
Extremes extremes(std::span<const float> values, const Shape& shape,
                  const std::vector<int64_t>& axes);

// The values times `factor`, by channel of `axis`, as f32.
Tensor scaled_by(const Tensor& tensor, int64_t axis, const std::vector<float>& factor);

// The constant behind `use` as the plan leaves it.
Tensor weight_of(const Graph& graph, const Plan& plan, ValueId value, Use use);

// Adds a rounded constant for all of `uses`. Earlier replacements that nothing else needs are
// dropped with their memory; the factor of the last one stays, so that unrounded() can tell what it
// was.
void round_constant(Plan& plan, ValueId value, const std::vector<Use>& uses, Tensor rounded);

// What a rounded constant was before. Its tensor is empty where the plan had left the graph's own
// in place.
ConstantReplacement unrounded(const Graph& graph, const ConstantReplacement& rounded);

// Puts back what a weight was before it was rounded for this quantizer.
void take_back_rounding(const Graph& graph, const Quantizer& weight, Plan& plan);

// The constant behind `use` as the plan leaves it, but for rounding.
Tensor float_weight_of(const Graph& graph, const Plan& plan, ValueId value, Use use);

// The tensor after the quantizer's FakeQuantize, as f32.
Tensor fake_quantized(const Tensor& tensor, const Quantizer& quantizer);

}  // namespace eightbit
