// Which layers go back to float for a floor of quality.
//
// Needs:   a plan whose outputs fall below the floor in a trial run.
// Does:    ranks groups of quantizers by the noise that they cause at outputs that have too much,
//          for the work that they take into integers (search/quantizer_groups.h), and searches for
//          few that mend it (search/reversal_search.h), each time in a trial run of its own,
//          so that faults of the runtime count as well.
#pragma once

#include <eightbit/options.h>
#include <eightbit/run.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/journal.h"
#include "pipeline/planned.h"
#include "pipeline/trial/trial_run.h"
#include "search/quantizer_groups.h"

namespace eightbit {

// In dB. Where biases as they are were so much worse than corrected ones, or the other way round,
// they are not tried again.
inline constexpr double kClearLead = 3;

// What a search works with. References and functions live as long as the search.
struct FloorCase {
  const Planned& planned;
  const records::StatisticsData& statistics;
  const QuantizeOptions& options;
  const RunOptions& run;
  Journal& journal;  // what an earlier run has tried
  const TrialBench& bench;
  const Plan& plan;       // that misses the floor
  const Tried& with_all;  // a trial with it
  double floor = 0;       // dB that every output must have
  double share = 0;       // of the work, that may go back to float
  std::function<Model(const Plan&)> written;
  std::function<Tried(Model)> tried;
  std::function<void(const Model&)> keep;  // the best one so far
  std::function<bool()> out_of_time;
  backends::FloatPrecision precision = backends::FloatPrecision::by_default;
  double lead = 0;  // in dB, of corrected biases over others or back, where both were tried
};

class FloorSearch {
 public:
  explicit FloorSearch(FloorCase of);

  // False: no group may go, or none that was tried is of use.
  bool run();

  // After a run that returned true.
  Plan plan();
  Tried tried() { return std::move(best_); }

  int64_t reverted() const { return static_cast<int64_t>(reverted_.size()); }
  int64_t groups() const { return static_cast<int64_t>(groups_.size()); }
  // Of the work of all groups, that of those in float.
  double share() const { return share_of(reverted_); }
  // Up to three layers whose noise is largest, of those that are still quantized.
  std::vector<std::string> suspects() const;

 private:
  struct Attempt {
    Plan plan;
    Tried tried;
  };

  void rank();
  double allowed() const;
  int worth_more(const std::vector<double>& worst) const;
  double merit(int group, const std::vector<double>& left) const;
  std::vector<std::vector<double>> noise_of_groups() const;
  std::vector<size_t> telling_samples(const NoiseRows& noise) const;
  std::vector<int> cheap_ranks() const;
  std::vector<int> groups_of(const std::vector<int>& ranks) const;
  std::optional<double> drop_without(const std::vector<int>& ranks);
  double cost_of(const std::vector<int>& reverted, double decibels) const;
  double goal() const;
  bool holds() const;
  double foreseen_noise(const std::vector<int>& reverted) const;
  bool may_correct() const;
  Attempt attempted(Plan plan, bool corrected);
  Attempt attempted_before(Plan plan, const Journal::Json& found) const;
  Attempt attempted_now(Plan plan, bool corrected);
  Plan without(const std::vector<int>& reverted) const;
  double share_of(const std::vector<int>& groups) const;
  const Graph& graph() const { return of_.planned.base.impl().graph(); }

  const FloorCase of_;
  const Plan all_;  // with a quantizer for each layer that reads a weight (search/shared_weights.h)
  Tried best_;
  Plan plan_;
  std::vector<search::QuantizerGroup> groups_;
  std::vector<double> work_;                // by group
  std::vector<std::vector<double>> noise_;  // by group and output, over signal
  // groups that may go, those that gain most for their work first
  std::vector<int> order_;
  int goal_at_ = 0;  // so many of them are expected to do
  std::vector<int> reverted_;
  int64_t models_ = 0;
  bool corrected_ = true;  // what did best in the last trial
  double lead_;            // in dB, over the other when both were tried last
};

}  // namespace eightbit
