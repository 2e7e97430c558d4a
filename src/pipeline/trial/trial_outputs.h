// What a model computes on the samples of a trial: a few megabytes in memory and the rest on disk,
// so that memory does not grow with the size of outputs and the number of samples. Where the disk
// is full they stay in memory.
#pragma once

#include <eightbit/tensor.h>

#include <cstdint>
#include <vector>

#include "records/kept_samples.h"

namespace eightbit {

class TrialOutputs {
 public:
  static constexpr size_t kMostInMemory = size_t{4} << 20;  // bytes

  // Of the next sample.
  void push_back(std::vector<Tensor> outputs);
  std::vector<Tensor> of(size_t sample) const;
  size_t size() const { return in_memory_.size(); }
  bool empty() const { return in_memory_.empty(); }

 private:
  bool put_on_disk(const std::vector<Tensor>& outputs);

  std::vector<std::vector<Tensor>> in_memory_;  // by sample; none of those on disk
  size_t bytes_ = 0;                            // of these
  records::KeptSamples on_disk_;
};

}  // namespace eightbit
