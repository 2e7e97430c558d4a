// The inputs of a few samples, kept for bias correction: on disk, so that memory does not grow with
// them.
#pragma once

#include <eightbit/dataset.h>

#include <cstdint>
#include <map>
#include <vector>

#include "base/temporary_file.h"

namespace eightbit::records {

// `count` of these sorted numbers, evenly spread: the multiples of the smallest power of two that
// has no more of them, and some of those half-way between. Up to half as many of what is chosen are
// those that would be chosen of all.
std::vector<int64_t> spread_of(const std::vector<int64_t>& numbers, int64_t count);

class KeptSamples {
 public:
  // Copies the bytes. A number that is there already keeps its first sample.
  void add(int64_t number, const Sample& sample);
  void add(const KeptSamples& other);
  // Its bytes stay in the file.
  void remove(int64_t number) { samples_.erase(number); }

  // In order.
  std::vector<int64_t> numbers() const;
  // spread_of() them.
  std::vector<int64_t> spread(int64_t count) const;
  bool contains(int64_t number) const { return samples_.contains(number); }
  size_t size() const { return samples_.size(); }
  bool empty() const { return samples_.empty(); }
  // Reads the sample back.
  Sample load(int64_t number) const;

 private:
  struct Place {
    Sample sample;                 // tensors without data
    std::vector<int64_t> offsets;  // of each input in the file
  };
  std::map<int64_t, Place> samples_;
  TemporaryFile file_;
  int64_t end_ = 0;
};

}  // namespace eightbit::records
