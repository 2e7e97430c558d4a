#include "search/output_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

namespace eightbit::search {
namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();
// of root mean squares; the noise of 8 bits in the larger part reaches the smaller one's signal
constexpr double kGap = 30;
constexpr size_t kFewest = 2;  // a channel that stands alone may be an outlier
// Positions to a channel: with fewer the output may be a map, whose rows are no quantities.
constexpr int64_t kPositions = 8;

size_t elements_from(const Shape& shape, size_t axis) {
  size_t count = 1;
  for (size_t i = axis; i < shape.size(); ++i) count *= static_cast<size_t>(shape[i]);
  return count;
}

// The shorter of the two axes behind the first, where the other is so much longer that it holds
// positions.
std::optional<size_t> channel_axis(const Shape& shape) {
  if (shape.size() != 3) return {};
  const size_t axis = shape[2] < shape[1] ? 2 : 1;
  if (shape[axis] < 2 || shape[3 - axis] < kPositions * shape[axis]) return {};
  return axis;
}

// Of the channels of an output over all samples: sums of squares.
struct ChannelEnergies {
  size_t axis = 0;
  std::vector<double> sums;  // empty where samples differ in the axis

  void add(const Tensor& tensor) {
    if (channel_axis(tensor.shape) != axis ||
        static_cast<size_t>(tensor.shape[axis]) != sums.size()) {
      sums.clear();
      return;
    }
    const size_t inner = elements_from(tensor.shape, axis + 1);
    const std::vector<float> values = to_floats(tensor);
    for (size_t i = 0; i < values.size(); ++i)
      if (std::isfinite(values[i]))
        sums[i / inner % sums.size()] += static_cast<double>(values[i]) * values[i];
  }
};

// By channel: whether it is above the widest gap. Empty where there is none that is wide enough.
std::vector<char> above_gap(const std::vector<double>& energies) {
  std::vector<double> sorted = energies;
  std::ranges::sort(sorted);
  size_t at = 0;
  double widest = kGap * kGap;
  for (size_t i = kFewest; i + kFewest <= sorted.size(); ++i)
    if (sorted[i - 1] > 0 && sorted[i] >= widest * sorted[i - 1]) {
      widest = sorted[i] / sorted[i - 1];
      at = i;
    }
  if (at == 0) return {};
  std::vector<char> above;
  for (double energy : energies) above.push_back(energy >= sorted[at]);
  return above;
}

double decibels_of(double signal, double noise) {
  if (std::isinf(noise)) return -kInfinite;
  if (noise <= 0) return kInfinite;
  return signal > 0 ? 10 * std::log10(signal / noise) : -kInfinite;
}

}  // namespace

std::string OutputPart::suffix() const {
  if (axis < 0) return "";
  std::string text = "[";
  for (int64_t i = 0; i < axis; ++i) text += ":, ";
  const auto first = std::ranges::find(channels, 1), end = std::find(first, channels.end(), 0);
  if (std::find(end, channels.end(), 1) == channels.end())
    return text + fmt::format("{}:{}]", first - channels.begin(), end - channels.begin());
  return text + fmt::format("{} channels]", std::ranges::count(channels, 1));
}

std::vector<OutputPart> output_parts(size_t samples,
                                     const std::function<std::vector<Tensor>(size_t)>& outputs) {
  std::vector<std::pair<size_t, std::optional<ChannelEnergies>>> judged;  // outputs in floats
  for (size_t s = 0; s < samples; ++s) {
    const std::vector<Tensor> tensors = outputs(s);
    for (size_t i = 0; s == 0 && i < tensors.size(); ++i) {
      if (!is_float(tensors[i].dtype)) continue;
      auto& energies = judged.emplace_back(i, std::nullopt).second;
      if (const auto axis = channel_axis(tensors[i].shape))
        energies = {*axis, std::vector<double>(static_cast<size_t>(tensors[i].shape[*axis]))};
    }
    for (auto& [i, energies] : judged)
      if (energies && !energies->sums.empty()) energies->add(tensors[i]);
  }
  std::vector<OutputPart> parts;
  for (const auto& [i, energies] : judged) {
    std::vector<char> above = energies ? above_gap(energies->sums) : std::vector<char>();
    if (above.empty()) {
      parts.push_back({i, -1, {}});
      continue;
    }
    std::vector<char> below;
    for (char is_above : above) below.push_back(!is_above);
    parts.push_back({i, static_cast<int64_t>(energies->axis), std::move(above)});
    parts.push_back({i, static_cast<int64_t>(energies->axis), std::move(below)});
  }
  return parts;
}

void OutputNoise::add(const OutputNoise& more) {
  samples_.insert(samples_.end(), more.samples_.begin(), more.samples_.end());
}

void OutputNoise::add(const Tensor& reference, const Tensor& other, const OutputPart& part) {
  const std::vector<float> a = to_floats(reference), b = to_floats(other);
  Energies& sum = samples_.emplace_back();
  if (a.size() != b.size()) {
    sum.noise = kInfinite;
    return;
  }
  const bool all = part.axis < 0;
  const size_t inner = all ? 1 : elements_from(reference.shape, static_cast<size_t>(part.axis) + 1);
  for (size_t i = 0; i < a.size(); ++i) {
    if (!std::isfinite(a[i])) continue;
    if (!all && !part.channels[i / inner % part.channels.size()]) continue;
    const double difference = static_cast<double>(a[i]) - b[i];
    sum.signal += static_cast<double>(a[i]) * a[i];
    sum.noise += std::isfinite(b[i]) ? difference * difference : kInfinite;
  }
}

double OutputNoise::signal() const {
  double sum = 0;
  for (const Energies& sample : samples_) sum += sample.signal;
  return sum;
}

double OutputNoise::noise() const {
  double sum = 0;
  for (const Energies& sample : samples_) sum += sample.noise;
  return sum;
}

double OutputNoise::decibels() const { return decibels_of(signal(), noise()); }

double OutputNoise::decibels_with(double standard_errors) const {
  const auto n = static_cast<double>(samples_.size());
  const double all = signal();
  if (n < 2 || !(all > 0) || std::isinf(noise())) return decibels();
  const double ratio = noise() / all;
  double squares = 0;
  for (const Energies& sample : samples_)
    squares += std::pow(sample.noise - ratio * sample.signal, 2);
  return decibels_of(all, noise() + standard_errors * std::sqrt(n / (n - 1) * squares));
}

}  // namespace eightbit::search
