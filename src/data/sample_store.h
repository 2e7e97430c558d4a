// Samples that can be had in any order: what every kind of file offers, below the reading in order.
#pragma once

#include <eightbit/dataset.h>

#include <cstdint>
#include <string>

namespace eightbit {

class SampleStore {
 public:
  virtual ~SampleStore() = default;
  virtual int64_t count() const = 0;
  // 0 <= index < count(); one thread at a time for each reading
  virtual Sample load(int64_t index) const = 0;
  virtual std::string fingerprint() const = 0;
};

}  // namespace eightbit
