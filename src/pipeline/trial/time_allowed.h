// How long the search for a floor of quality may take: as much as a few passes over the data.
#pragma once

#include <chrono>
#include <cstdint>

namespace eightbit {

class TimeAllowed {
 public:
  // `calibration_seconds`: that the pass over `samples` samples took.
  TimeAllowed(double calibration_seconds, int64_t samples);

  void begin();
  // Both by the clock on the wall and in CPU time of this process, which others on the machine do
  // not lengthen. `share`: of the time that there is.
  bool is_over(double share = 1) const;
  double seconds() const { return seconds_; }

 private:
  const double seconds_;
  std::chrono::steady_clock::time_point begin_;
  double cpu_begin_ = 0;
};

}  // namespace eightbit
