#include "pipeline/trial/trial_outputs.h"

#include <utility>

namespace eightbit {

void TrialOutputs::push_back(std::vector<Tensor> outputs) {
  size_t bytes = 0;
  for (const Tensor& output : outputs) bytes += output.byte_size();
  if (on_disk_.empty() && bytes_ + bytes <= kMostInMemory) {
    bytes_ += bytes;
    in_memory_.push_back(std::move(outputs));
    return;
  }
  Sample sample;
  for (Tensor& output : outputs) sample.inputs.push_back({"", std::move(output)});
  on_disk_.add(static_cast<int64_t>(size()), sample);
}

std::vector<Tensor> TrialOutputs::of(size_t sample) const {
  if (sample < in_memory_.size()) return in_memory_[sample];
  std::vector<Tensor> outputs;
  for (NamedTensor& output : on_disk_.load(static_cast<int64_t>(sample)).inputs)
    outputs.push_back(std::move(output.tensor));
  return outputs;
}

}  // namespace eightbit
