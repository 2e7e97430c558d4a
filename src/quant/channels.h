// Tensors by channel: which elements belong to which channel, whatever the layout.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include <eightbit/tensor.h>

#include "quant/plan.h"

namespace eightbit {

// Calls visit(channel, first, count) for every run of consecutive elements that belong to one channel of `axes`
// (row-major over axes), in memory order. Axes empty: one run of channel 0.
void for_each_run(const Shape& shape, const std::vector<int64_t>& axes,
                  const std::function<void(int64_t channel, int64_t first, int64_t count)>& visit);
int64_t channel_count(const Shape& shape, const std::vector<int64_t>& axes);

// The values times `factor`, by channel of `axis`, as f32.
Tensor scaled_by(const Tensor& tensor, int64_t axis, const std::vector<float>& factor);

// The constant behind `use` as the plan leaves it.
Tensor weight_of(const Graph& graph, const Plan& plan, ValueId value, Use use);

// The reason of constants that hold levels of their quantizer already: rounding them again changes nothing.
inline constexpr const char* kRounded = "weight_rounding";

// Adds a replacement for all of `uses`; earlier ones that nothing else needs are dropped with their memory.
void replace_constant(Plan& plan, ValueId value, const std::vector<Use>& uses, Tensor tensor, std::string reason);

// The tensor after the quantizer's FakeQuantize, as f32.
Tensor fake_quantized(const Tensor& tensor, const Quantizer& quantizer);

}  // namespace eightbit
