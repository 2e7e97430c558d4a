#include "pipeline/quality_floor.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <numeric>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "accuracy/integer_work.h"
#include "accuracy/quantizer_groups.h"
#include "accuracy/reversal_search.h"
#include "base/error.h"
#include "base/log.h"
#include "pipeline/ranking.h"
#include "pipeline/trial_run.h"

namespace eightbit {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kDefaultFloor = 20;
constexpr double kClearly = 0.2;           // dB; less is chance on a few samples
constexpr double kLeastSeconds = 3;        // that a search may take, however quick the calibration was

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

class Settling {
 public:
  Settling(const Planned& planned, const records::StatisticsData& statistics, const QuantizeOptions& options, const RunOptions& run,
           double calibration_seconds)
      : planned_(planned), statistics_(statistics), options_(options), run_(run), floor_(quality_floor(options)),
        seconds_(std::max(calibration_seconds, kLeastSeconds)) {
    settled_.plan = planned.plan;
  }

  Settled run() {
    const SampleSplit split = split_samples(statistics_.kept_samples, planned_.correction_samples);
    if (split.trial.empty() || settled_.plan.quantizers.empty()) return std::move(settled_);
    std::vector<Sample> samples;
    for (int64_t number : split.trial) samples.push_back(statistics_.kept_samples.load(number));
    try {
      bench_.emplace(planned_.model, std::move(samples));
      judge_corrections();
      hold_floor();
      finish(split);
    } catch (const ModelError& error) {
      note(fmt::format("the trial run failed: {}", error.what()));
    }
    return std::move(settled_);
  }

 private:
  Model written(const Plan& plan) const { return write(planned_.base, *recipe_of(planned_, plan, options_), plan); }

  void progress(std::string_view step, int64_t done, int64_t total) const {
    if (run_.progress) run_.progress({step, done, total});
  }

  void note(std::string text) {
    log(LogLevel::warning, "{}", text);
    settled_.plan.notes.push_back(std::move(text));
  }

  // With what biases were corrected by, and without.
  void judge_corrections() {
    best_ = bench_->tried(written(settled_.plan));
    if (settled_.plan.biases.empty()) return;
    progress("trial run", 1, 3);
    Plan uncorrected = settled_.plan;
    uncorrected.biases.clear();
    Tried without = bench_->tried(written(uncorrected));
    if (!(without.sqnr_db > best_.sqnr_db + kClearly)) return;
    settled_.plan.biases.clear();
    settled_.plan.notes.push_back(
        fmt::format("bias correction is left out: {:.1f} dB with it, {:.1f} dB without", best_.sqnr_db, without.sqnr_db));
    log(LogLevel::info, "{}", settled_.plan.notes.back());
    best_ = std::move(without);
  }

  void hold_floor() {
    if (floor_ <= 0 || best_.sqnr_db >= floor_) return;
    begin_ = Clock::now();
    const double found = best_.sqnr_db;
    search();
    if (reverted_.empty()) return tell_missed(found);
    settled_.plan.notes.push_back(fmt::format("min_sqnr_db {:g}: {:.1f} dB with all quantizers, {:.1f} dB with {} of {} groups in float, "
                                              "{:.0f} % of the multiplications", floor_, found, best_.sqnr_db, reverted_.size(), groups_.size(),
                                              100 * share_of(reverted_)));
    log(LogLevel::info, "{}", settled_.plan.notes.back());
    if (best_.sqnr_db < floor_) tell_missed(found);
  }

  // What one group's noise costs in work to take away.
  void rank() {
    groups_ = accuracy::quantizer_groups(graph(), settled_.plan);
    work_ = accuracy::work_shares(graph(), groups_);
    shares_ = noise_shares(planned_.base.impl(), settled_.plan, groups_, bench_->samples(), run_);
    constexpr double kFixed = 0.02;   // any layer in float costs something
    const auto merit = [&](int group) { return shares_[static_cast<size_t>(group)] / (kFixed + work_[static_cast<size_t>(group)]); };
    std::vector<int> all(groups_.size());
    std::iota(all.begin(), all.end(), 0);
    std::ranges::stable_sort(all, std::greater<>(), merit);
    double work = 0;
    for (int group : all) {
      const double next = work + work_[static_cast<size_t>(group)];
      if (next > options_.max_float_share + 1e-9) continue;
      work = next;
      order_.push_back(group);
    }
  }

  void search() {
    rank();
    if (order_.empty()) return;
    accuracy::SearchLimits limits;
    limits.groups = static_cast<int>(order_.size());
    limits.max_drop = 0;
    limits.put_back_trials = 12;
    double noise = std::pow(10.0, -best_.sqnr_db / 10), left = 1;
    for (int group : order_) {
      if (noise * left <= std::pow(10.0, -floor_ / 10)) break;
      left -= shares_[static_cast<size_t>(group)];
      ++limits.first_guess;
    }
    limits.first_guess = std::clamp(limits.first_guess - 1, 1, limits.groups);
    accuracy::find_reversal(limits, [&](const std::vector<int>& ranks) { return drop_without(ranks); });
    correct_again();
  }

  // How far below the floor the model is without these; nothing where time is up.
  std::optional<double> drop_without(const std::vector<int>& ranks) {
    if (trials_ > 0 && seconds_since(begin_) + longest_ > seconds_) return std::nullopt;
    progress("quality search", trials_, 0);
    const auto begin = Clock::now();
    std::vector<int> reverted;
    for (int rank : ranks) reverted.push_back(order_[static_cast<size_t>(rank)]);
    Plan plan = without(reverted);
    Tried tried = bench_->tried(written(plan));
    const double db = tried.sqnr_db;
    ++trials_;
    longest_ = std::max(longest_, seconds_since(begin));
    const double share = share_of(reverted);
    log(LogLevel::debug, "quality search: {:.1f} dB with {} groups in float, {:.0f} % of the work", db, reverted.size(), 100 * share);
    const bool met = db >= floor_, best_met = !reverted_.empty() && best_.sqnr_db >= floor_;
    const bool better = met != best_met ? met : met ? share < share_of(reverted_) : db > best_.sqnr_db;
    if (better) take(std::move(plan), std::move(reverted), std::move(tried));
    return floor_ - db;
  }

  void take(Plan plan, std::vector<int> reverted, Tried tried) {
    best_plan_ = std::move(plan);
    reverted_ = std::move(reverted);
    best_ = std::move(tried);
  }

  // The corrections were measured with all quantizers on. With some of them gone others may suit better, or not.
  void correct_again() {
    if (reverted_.empty()) return;
    if (!best_plan_.biases.empty() && seconds_since(begin_) < seconds_) {
      Plan plan = best_plan_;
      correct_biases(planned_.base.impl(), statistics_, options_, run_, plan);
      if (Tried tried = bench_->tried(written(plan)); tried.sqnr_db > best_.sqnr_db) {
        best_ = std::move(tried);
        best_plan_ = std::move(plan);
      }
    }
    settled_.plan = std::move(best_plan_);
  }

  const Graph& graph() const { return planned_.base.impl().graph(); }

  Plan without(const std::vector<int>& reverted) const {
    Plan plan = accuracy::without_groups(graph(), settled_.plan, groups_, reverted, false);
    for (size_t i = settled_.plan.left_float.size(); i < plan.left_float.size(); ++i)
      plan.left_float[i].reason = fmt::format("min_sqnr_db {:g}", floor_);
    return plan;
  }

  double share_of(const std::vector<int>& groups) const {
    double sum = 0;
    for (int group : groups) sum += work_[static_cast<size_t>(group)];
    return sum;
  }

  // The layers whose noise is largest, of those that are still quantized.
  std::vector<std::string> suspects() const {
    std::vector<int> left(groups_.size());
    std::iota(left.begin(), left.end(), 0);
    std::erase_if(left, [&](int group) { return std::ranges::find(reverted_, group) != reverted_.end(); });
    std::ranges::stable_sort(left, std::greater<>(), [&](int group) { return shares_[static_cast<size_t>(group)]; });
    std::vector<std::string> names;
    for (int group : left)
      if (names.size() < 3 && !groups_[static_cast<size_t>(group)].layers.empty())
        names.push_back(graph().node(groups_[static_cast<size_t>(group)].layers.front()).name);
    return names;
  }

  void tell_missed(double found) {
    settled_.missed = fmt::format("the outputs reach {:.1f} dB of signal to noise, below min_sqnr_db {:g}{}. Most of the noise comes from: {}. "
                                  "Name these in ignored_scope, raise max_float_share ({:g}), or see `eightbit report`",
                                  best_.sqnr_db, floor_, best_.sqnr_db > found ? fmt::format(" ({:.1f} dB with all quantizers)", found) : "",
                                  fmt::join(suspects(), ", "), options_.max_float_share);
    note(settled_.missed);
  }

  void finish(const SampleSplit& split) {
    TrialRun trial = bench_->run(best_, 0.05 * seconds_);
    trial.unseen = split.disjoint;
    trial.float_share = share_of(reverted_);
    log(LogLevel::info, "trial run: {}", trial.summary());
    settled_.trial = std::move(trial);
  }

  const Planned& planned_;
  const records::StatisticsData& statistics_;
  const QuantizeOptions& options_;
  const RunOptions& run_;
  const double floor_, seconds_;
  Settled settled_;
  std::optional<TrialBench> bench_;
  Tried best_;
  Plan best_plan_;
  std::vector<accuracy::QuantizerGroup> groups_;
  std::vector<double> work_, shares_;   // by group
  std::vector<int> order_;              // groups that may go, those that gain most for their work first
  std::vector<int> reverted_;
  int64_t trials_ = 0;
  double longest_ = 0;                  // seconds of a trial
  Clock::time_point begin_;
};

}  // namespace

double quality_floor(const QuantizeOptions& options) {
  return options.min_sqnr_db.value_or(options.recipe == Recipe::nncf || options.mode ? 0 : kDefaultFloor);
}

Settled settle(const Planned& planned, const records::StatisticsData& statistics, const QuantizeOptions& options,
               const RunOptions& run, double calibration_seconds) {
  return Settling(planned, statistics, options, run, calibration_seconds).run();
}

}  // namespace eightbit
