#include "pipeline/trial/take_turns.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <limits>

namespace eightbit {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kSureRounds = 16, kMostRounds = 400;
constexpr double kSmall = 0.003;
// seconds: what another model left in caches and threads counts here
constexpr double kShort = 0.01;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

double seconds_of(backends::Runner& runner, const Sample& sample) {
  const auto begin = Clock::now();
  runner.run(sample);
  return seconds_since(begin);
}

// The least times of one runner, of even and odd rounds.
struct Least {
  std::array<std::vector<double>, 2> seconds;

  explicit Least(size_t samples) {
    seconds.fill(std::vector<double>(samples, std::numeric_limits<double>::infinity()));
  }
  double mean(int half) const {  // 2: of both
    double sum = 0;
    for (size_t s = 0; s < seconds[0].size(); ++s)
      sum +=
          half < 2 ? seconds[static_cast<size_t>(half)][s] : std::min(seconds[0][s], seconds[1][s]);
    return sum / static_cast<double>(seconds[0].size());
  }
  double chance() const { return std::fabs(mean(0) - mean(1)) / mean(2); }
};

}  // namespace

Turns take_turns(std::span<backends::Runner* const> runners, std::span<const Sample> samples,
                 double seconds, int least_rounds) {
  for (backends::Runner* runner : runners)
    for (const Sample& sample : samples) runner->run(sample);
  std::vector<Least> least(runners.size(), Least(samples.size()));
  Turns turns;
  const auto begin = Clock::now();
  for (int round = 0; round < kMostRounds; ++round) {
    for (size_t s = 0; s < samples.size(); ++s)
      for (size_t k = 0; k < runners.size(); ++k) {
        const size_t r = (k + static_cast<size_t>(round / 2)) % runners.size();
        double& best = least[r].seconds[static_cast<size_t>(round % 2)][s];
        best = std::min(best, seconds_of(*runners[r], samples[s]));
        if (best < kShort) best = std::min(best, seconds_of(*runners[r], samples[s]));
      }
    if (round + 1 < least_rounds || round % 2 == 0) continue;
    turns.chance = 0;
    for (const Least& times : least) turns.chance = std::max(turns.chance, times.chance());
    if (seconds_since(begin) > seconds || (round + 1 >= kSureRounds && turns.chance < kSmall))
      break;
  }
  for (const Least& times : least) turns.milliseconds.push_back(1e3 * times.mean(2));
  return turns;
}

}  // namespace eightbit
