#include "records/kept_samples.h"

#include <algorithm>

namespace eightbit::records {

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
  const auto all = numbers();
  const auto kept = static_cast<int64_t>(all.size());
  count = std::min(count, kept);
  std::vector<int64_t> out;
  for (int64_t k = 0; k < count; ++k) out.push_back(all[static_cast<size_t>(k * kept / count)]);
  return out;
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
