#include "search/noise.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace eightbit {
namespace {

// Takes its part off the front of the record.
void add(Noise& sum, const backends::Comparison& comparison, std::span<const float>& record) {
  sum.samples += record[0] != 0 || record[3] != 0;
  double* const parts[] = {&sum.signal, &sum.noise, &sum.dot, &sum.power};
  for (size_t i = 0; i < 4; ++i) *parts[i] += record[i];
  if (comparison.axis != kNone && comparison.channels > 0) {
    sum.shift.resize(static_cast<size_t>(comparison.channels));
    const double elements = static_cast<double>(record[4 + sum.shift.size()]) /
                            static_cast<double>(comparison.channels);
    for (size_t c = 0; c < sum.shift.size(); ++c) sum.shift[c] += record[4 + c] * elements;
    sum.elements += elements;
  }
  record = record.subspan(static_cast<size_t>(comparison.record_size()));
}

void finish(Noise& sum) {
  for (double& shift : sum.shift) shift = sum.elements > 0 ? shift / sum.elements : 0;
}

}  // namespace

double Noise::sqnr_db() const {
  return noise > 0 ? 10 * std::log10(signal / noise) : std::numeric_limits<double>::infinity();
}

double Noise::cosine() const {
  if (signal > 0 && power > 0) return dot / std::sqrt(signal * power);
  return signal == power ? 1.0 : 0.0;
}

double Noise::constant() const {
  double sum = 0;
  for (double s : shift) sum += elements * s * s;
  return std::min(sum, noise);
}

double Noise::constant_share() const { return noise > 0 ? constant() / noise : 0.0; }

void Noise::take_off_constant() {
  noise -= constant();
  shift.clear();
}

std::vector<Noise> measure_noise(const backends::Network& model,
                                 const backends::Measurement& compared, int threads,
                                 const std::function<std::optional<Sample>()>& next,
                                 const std::function<void()>& after_sample) {
  const auto comparisons = comparisons_of(compared);
  std::vector<Noise> sums(comparisons.size());
  if (sums.empty()) return sums;
  const auto executor = model.compile(compared, {threads, {}});
  executor->run(next, [&](int64_t, std::span<const float> record) {
    for (size_t i = 0; i < sums.size(); ++i) add(sums[i], comparisons[i], record);
    after_sample();
  });
  for (Noise& sum : sums) finish(sum);
  return sums;
}

}  // namespace eightbit
