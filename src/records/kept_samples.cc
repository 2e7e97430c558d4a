#include "records/kept_samples.h"

#include <algorithm>

namespace eightbit::records {
namespace {

void take_evenly(const std::vector<int64_t>& from, int64_t count, std::vector<int64_t>& out) {
  const auto all = static_cast<int64_t>(from.size()), most = std::min(all, count);
  for (int64_t k = 0; k < most; ++k) out.push_back(from[static_cast<size_t>(k * all / most)]);
}

}  // namespace

std::vector<int64_t> spread_of(const std::vector<int64_t>& numbers, int64_t count) {
  if (count <= 0) return {};
  if (static_cast<int64_t>(numbers.size()) <= count) return numbers;
  const auto multiples = [&](int64_t step) {
    return std::ranges::count_if(numbers, [&](int64_t n) { return n % step == 0; });
  };
  int64_t step = 1;
  while (multiples(step) > count) step *= 2;
  std::vector<int64_t> out, between, rest;
  for (int64_t n : numbers) {
    const bool half = step > 1 && n % (step / 2) == 0;
    (n % step == 0 ? out : half ? between : rest).push_back(n);
  }
  take_evenly(between, count - static_cast<int64_t>(out.size()), out);
  take_evenly(rest, count - static_cast<int64_t>(out.size()), out);
  std::ranges::sort(out);
  return out;
}

void KeptSamples::add(int64_t number, const Sample& sample) {
  if (contains(number)) return;
  Place place{{{}, sample.reset_state}, {}};
  for (const NamedTensor& input : sample.inputs) {
    const Tensor& tensor = input.tensor;
    file_.write(end_, {tensor.data, tensor.byte_size()});
    place.sample.inputs.push_back({input.name, {tensor.dtype, tensor.shape, nullptr, nullptr}});
    place.offsets.push_back(end_);
    end_ += static_cast<int64_t>(tensor.byte_size());
  }
  samples_.emplace(number, std::move(place));
}

void KeptSamples::add(const KeptSamples& other) {
  for (int64_t number : other.numbers())
    if (!contains(number)) add(number, other.load(number));
}

std::vector<int64_t> KeptSamples::numbers() const {
  std::vector<int64_t> numbers;
  for (const auto& [number, place] : samples_) numbers.push_back(number);
  return numbers;
}

std::vector<int64_t> KeptSamples::spread(int64_t count) const {
  return spread_of(numbers(), count);
}

Sample KeptSamples::load(int64_t number) const {
  const Place& place = samples_.at(number);
  Sample sample = place.sample;
  for (size_t i = 0; i < sample.inputs.size(); ++i) {
    Tensor& tensor = sample.inputs[i].tensor;
    tensor = Tensor::allocate(tensor.dtype, tensor.shape);
    file_.read(place.offsets[i], {tensor.mutable_data(), tensor.byte_size()});
  }
  return sample;
}

}  // namespace eightbit::records
