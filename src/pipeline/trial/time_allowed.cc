#include "pipeline/trial/time_allowed.h"

#include <algorithm>

#include "pipeline/cpu_time.h"

namespace eightbit {
namespace {

using Clock = std::chrono::steady_clock;

// The clock ends what would take far longer than a pass over 300 samples: after so many of them,
// and no earlier than after so many seconds.
constexpr double kMostPasses = 4, kLeastSeconds = 60, kSamplesOfPass = 300;

// A pass over 300 samples, from one over those that there were.
double seconds_of_pass(double seconds, int64_t samples) {
  return seconds * std::max(1.0, kSamplesOfPass / std::max(1.0, static_cast<double>(samples)));
}

}  // namespace

TimeAllowed::TimeAllowed(double calibration_seconds, int64_t samples)
    : seconds_(
          std::max(kMostPasses * seconds_of_pass(calibration_seconds, samples), kLeastSeconds)) {
  begin();
}

void TimeAllowed::begin() {
  begin_ = Clock::now();
  cpu_begin_ = cpu_seconds();
}

bool TimeAllowed::is_over(double share) const {
  const double seconds = share * seconds_;
  return std::chrono::duration<double>(Clock::now() - begin_).count() > seconds &&
         cpu_seconds() - cpu_begin_ > seconds;
}

}  // namespace eightbit
