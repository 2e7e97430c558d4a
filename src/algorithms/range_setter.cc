#include "algorithms/range_setter.h"

#include <algorithm>
#include <limits>

namespace eightbit::algorithms {
namespace {

Narrowest narrowest(const QuantizeOptions& options) {
  return options.recipe == Recipe::nncf ? Narrowest::absolute : Narrowest::relative;
}

}  // namespace

void RangeSetter::set(Quantizer& q, std::vector<float> min, std::vector<float> max) {
  if (q.group != kNone) {
    std::lock_guard lock(extremes_mutex_);  // activations are searched in parallel
    extremes_[&q] = {std::ranges::min(min), std::ranges::max(max)};
  }
  if (q.spec.fp8) {
    q.scale = fp8_scale(min, max, *q.spec.fp8, !q.spec.per_channel);
  } else if (q.spec.mode == QuantizationScheme::symmetric) {
    assign(q, symmetric_range(min, max, q.spec.bits, q.spec.narrow_range, q.spec.signedness,
                              narrowest(options_)));
  } else {
    assign(q, asymmetric_range(min, max, q.spec.bits, q.spec.narrow_range, narrowest(options_)));
  }
}

void RangeSetter::assign(Quantizer& q, QuantizedRange range) {
  q.low = std::move(range.low);
  q.high = std::move(range.high);
  q.levels = range.levels;
}

void RangeSetter::join(const std::vector<Quantizer*>& members) {
  float low = 0, high = 0, scale = std::numeric_limits<float>::infinity();
  for (const Quantizer* q : members) {
    if (!q->scale.empty()) scale = std::min(scale, std::ranges::min(q->scale));
    const auto found = extremes_.find(q);
    if (found == extremes_.end()) continue;
    low = std::min(low, found->second.first);
    high = std::max(high, found->second.second);
  }
  for (Quantizer* q : members) {
    q->channel_axes.clear();
    if (q->spec.fp8)
      q->scale = {scale};
    else
      set(*q, {low}, {high});
  }
}

}  // namespace eightbit::algorithms
