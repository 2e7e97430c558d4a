#include "algorithms/weight_terms.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "algorithms/measured.h"
#include "graph/roles.h"
#include "kernels/processor.h"

namespace eightbit::algorithms {

std::optional<OverflowFix> WeightTerms::fix() const {
  if (options_.advanced_parameters.overflow_fix) return options_.advanced_parameters.overflow_fix;
  if (options_.recipe == Recipe::nncf && !options_.mode) return OverflowFix::first_layer_only;
  return std::nullopt;
}

std::optional<Use> WeightTerms::product_of(const Quantizer& weight) const {
  const auto use = std::ranges::find_if(
      weight.uses, [&](Use u) { return weight_axes(graph_, u).input_axis != kNone; });
  return use == weight.uses.end() ? std::nullopt : std::optional(*use);
}

bool WeightTerms::searches_scale(const Quantizer& q) const {
  if (options_.recipe == Recipe::nncf || q.group != kNone) return false;
  const auto use = product_of(q);
  return use && output_axes(graph_, *use) == q.channel_axes;
}

bool WeightTerms::overflows(const Quantizer& q) const {
  if (fix() || options_.recipe == Recipe::nncf || q.group != kNone || q.spec.bits != 8)
    return false;
  // A model for any device is made for processors that this one does not know as well: what
  // overflows on one of them is garbage.
  const bool careful = options_.target_device == TargetDevice::any ||
                       (options_.target_device == TargetDevice::cpu && processor_overflows());
  const auto use = product_of(q);
  return careful && use && has(graph_.node(use->node).op, kOverflowSet);
}

const Quantizer* WeightTerms::input_of(const Quantizer& weight) const {
  const auto product = product_of(weight);
  if (!product || product->port != 1) return nullptr;
  const Quantizer* input = quantizer_at(plan_, {product->node, 0});
  return input == nullptr || input->weight || input->low.size() != 1 ? nullptr : input;
}

FitTerms WeightTerms::of(const Quantizer& weight, const Shape& shape, const WeightAxes& axes,
                         float top) const {
  FitTerms out{top, {}, {}};
  if (!overflows(weight)) out.largest_input = {0.0f};
  const Quantizer* input = input_of(weight);
  if (input == nullptr) return out;
  const Measured measured(graph_, statistics_, plan_, input->value, {product_of(weight)->node, 0});
  const auto high = measured.channel_max();
  const auto inputs = static_cast<size_t>(shape[static_cast<size_t>(axes.input_axis)]);
  if (high.size() % inputs != 0) return out;
  // Bias correction takes away what an error does to the mean. Where groups meet different
  // channels, all count alike.
  if (high.size() == inputs && inputs > 1) out.importance = measured.channel_variance();
  // Squares beyond what records hold, or below it, tell nothing.
  const float all = std::accumulate(out.importance.begin(), out.importance.end(), 0.0f);
  if (!(all > 0) || !std::isfinite(all)) out.importance.clear();
  if (!out.largest_input.empty()) return out;
  const float step = (input->high[0] - input->low[0]) / static_cast<float>(input->levels - 1);
  out.largest_input.assign(inputs, 1.0f);
  for (size_t c = 0; c < high.size(); ++c) {
    // A tenth above what calibration has seen, never more than the quantizer can give.
    const float margin = 1.1f * std::max(high[c], 0.0f);
    float& largest = out.largest_input[c % inputs];
    largest = std::max(largest, std::clamp((margin - input->low[0]) / step, 1.0f, 255.0f));
  }
  return out;
}

}  // namespace eightbit::algorithms
