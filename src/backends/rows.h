// The results of runs as records, one a sample, numbered in the order of the run.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "backends/engine.h"

namespace eightbit::backends {

// What one run yields for a tap, a probe or a comparison: a row for all, or one for each item of
// the batch.
struct Part {
  std::span<const float> values;
  int64_t rows = 1;
};

class Rows {
 public:
  // `parts`: of one run, which holds as many samples as the part with the most rows: records of
  // branches come once, whatever the batch.
  void hand_out(std::span<const Part> parts, const RecordCallback& record);

 private:
  std::vector<float> row_;
  int64_t recorded_ = 0;
};

}  // namespace eightbit::backends
