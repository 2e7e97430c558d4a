#include "pipeline/trial/trial_outputs.h"

#include <eightbit/error.h>

#include <utility>

#include "base/log.h"

namespace eightbit {

void TrialOutputs::push_back(std::vector<Tensor> outputs) {
  size_t bytes = 0;
  for (const Tensor& output : outputs) bytes += output.byte_size();
  if (bytes_ + bytes > kMostInMemory && put_on_disk(outputs)) {
    in_memory_.emplace_back();
    return;
  }
  bytes_ += bytes;
  in_memory_.push_back(std::move(outputs));
}

bool TrialOutputs::put_on_disk(const std::vector<Tensor>& outputs) {
  Sample sample;
  for (const Tensor& output : outputs) sample.inputs.push_back({"", output});
  try {
    on_disk_.add(static_cast<int64_t>(size()), sample);
    return true;
  } catch (const FileError& error) {
    log(LogLevel::debug, "trial run: outputs stay in memory: {}", error.what());
    return false;
  }
}

std::vector<Tensor> TrialOutputs::of(size_t sample) const {
  const auto number = static_cast<int64_t>(sample);
  if (!on_disk_.contains(number)) return in_memory_.at(sample);
  std::vector<Tensor> outputs;
  for (NamedTensor& output : on_disk_.load(number).inputs)
    outputs.push_back(std::move(output.tensor));
  return outputs;
}

}  // namespace eightbit
