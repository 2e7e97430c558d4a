#include "accuracy/suffering.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace eightbit::accuracy {
namespace {

double relative_error(const std::vector<Tensor>& reference, const std::vector<Tensor>& quantized) {
  double sum = 0;
  for (size_t i = 0; i < std::min(reference.size(), quantized.size()); ++i) {
    const auto r = to_floats(reference[i]), q = to_floats(quantized[i]);
    double signal = 0, noise = 0;
    for (size_t k = 0; k < std::min(r.size(), q.size()); ++k) {
      signal += static_cast<double>(r[k]) * r[k];
      noise += std::pow(static_cast<double>(r[k]) - q[k], 2);
    }
    sum += signal > 0 ? noise / signal : noise;
  }
  return reference.empty() ? 0 : sum / static_cast<double>(reference.size());
}

std::vector<double> losses(const Evaluation& reference, const Evaluation& quantized) {
  std::vector<double> lost;
  if (!reference.per_item.empty() && reference.per_item.size() == quantized.per_item.size())
    std::ranges::transform(reference.per_item, quantized.per_item, std::back_inserter(lost),
                           std::minus<>());
  else if (reference.outputs.size() == quantized.outputs.size())
    std::ranges::transform(reference.outputs, quantized.outputs, std::back_inserter(lost),
                           relative_error);
  return lost;
}

}  // namespace

std::vector<int64_t> worst_items(const Evaluation& reference, const Evaluation& quantized,
                                 int64_t count) {
  const std::vector<double> lost = losses(reference, quantized);
  std::vector<int64_t> items(lost.size());
  std::iota(items.begin(), items.end(), int64_t{0});
  std::ranges::stable_sort(items, std::greater<>(),
                           [&](int64_t item) { return lost[static_cast<size_t>(item)]; });
  items.resize(std::min(items.size(), static_cast<size_t>(count)));
  std::ranges::sort(items);
  return items;
}

double drop_of(double reference, double metric, DropType type) {
  const double lost = reference - metric;
  return type == DropType::absolute ? lost : lost / std::fabs(reference);
}

}  // namespace eightbit::accuracy
