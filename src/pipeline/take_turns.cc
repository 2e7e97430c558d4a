#include "pipeline/take_turns.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <limits>

namespace eightbit {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kLeastRounds = 4, kSureRounds = 16, kMostRounds = 400;
constexpr double kSmall = 0.003;

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

// The least times of one runner, of even and odd rounds.
struct Least {
  std::array<std::vector<double>, 2> seconds;

  explicit Least(size_t samples) { seconds.fill(std::vector<double>(samples, std::numeric_limits<double>::infinity())); }
  double mean(int half) const {   // 2: of both
    double sum = 0;
    for (size_t s = 0; s < seconds[0].size(); ++s)
      sum += half < 2 ? seconds[static_cast<size_t>(half)][s] : std::min(seconds[0][s], seconds[1][s]);
    return sum / static_cast<double>(seconds[0].size());
  }
  double chance() const { return std::fabs(mean(0) - mean(1)) / mean(2); }
};

}  // namespace

Turns take_turns(std::span<backends::Runner* const> runners, std::span<const Sample> samples, double seconds) {
  for (backends::Runner* runner : runners)
    for (const Sample& sample : samples) runner->run(sample);
  std::vector<Least> least(runners.size(), Least(samples.size()));
  Turns turns;
  const auto begin = Clock::now();
  for (int round = 0; round < kMostRounds; ++round) {
    for (size_t s = 0; s < samples.size(); ++s)
      for (size_t r = 0; r < runners.size(); ++r) {
        const auto start = Clock::now();
        runners[r]->run(samples[s]);
        double& best = least[r].seconds[static_cast<size_t>(round % 2)][s];
        best = std::min(best, seconds_since(start));
      }
    if (round + 1 < kLeastRounds || round % 2 == 0) continue;
    turns.chance = 0;
    for (const Least& times : least) turns.chance = std::max(turns.chance, times.chance());
    if (seconds_since(begin) > seconds || (round + 1 >= kSureRounds && turns.chance < kSmall)) break;
  }
  for (const Least& times : least) turns.milliseconds.push_back(1e3 * times.mean(2));
  return turns;
}

}  // namespace eightbit
