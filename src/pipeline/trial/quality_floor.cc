#include "pipeline/trial/quality_floor.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <future>
#include <limits>
#include <span>

#include "base/crash_notice.h"
#include "base/error.h"
#include "base/freed_memory.h"
#include "base/log.h"
#include "pipeline/cpu_time.h"
#include "pipeline/trial/floor_search.h"
#include "pipeline/trial/trial_run.h"
#include "search/best_model.h"
#include "search/integer_work.h"
#include "search/misread_search.h"
#include "search/noise.h"
#include "search/noise_attribution.h"
#include "search/quantizer_groups.h"

namespace eightbit {
namespace {

// A larger model is not written where nobody asked for it: temporary files may live in memory.
constexpr int64_t kUnaskedBytes = int64_t{256} << 20;
// Of weights; compiled, a model takes two to three times as much.
constexpr int64_t kLargeBytes = int64_t{128} << 20;

int64_t bytes_of(const Model& model) {
  int64_t sum = 0;
  for (const auto& [type, bytes] : model.impl().weight_bytes()) sum += bytes;
  return sum;
}

using backends::FloatPrecision;
using Clock = std::chrono::steady_clock;

constexpr double kDefaultFloor = 20;
constexpr double kClearly = 0.2;  // dB; less is chance on a few samples
// The clock ends what would take far longer than that: after so many passes over 300 samples, and
// no earlier than after so many seconds, both by the clock on the wall and in CPU time of this
// process, which others on the machine do not lengthen.
constexpr double kMostPasses = 4, kLeastSeconds = 60;
// of the calibration's time, that two models take turns for
constexpr double kTimingShare = 0.035, kLeastTimed = 3;
// layers that a runtime gets wrong by themselves; more is another fault than of single kernels
constexpr int kMostMisread = 4;
constexpr int64_t kMostChecks = 40;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

std::future<Compiled> compiled(Model model, FloatPrecision precision, std::launch when) {
  return std::async(when, [model = std::move(model), precision]() mutable {
    return Compiled(std::move(model), precision);
  });
}

// Compiled, more of such models at once would be much memory.
bool is_large(const Planned& planned, const RunOptions& run) {
  return run.max_memory > 0 || bytes_of(planned.model) >= kLargeBytes;
}

bool in_own_framework(const Planned& planned) {
  return planned.base.impl().file_extension().empty();
}

class Settling {
 public:
  Settling(const Planned& planned, const records::StatisticsData& statistics,
           const QuantizeOptions& options, const RunOptions& run, double calibration_seconds,
           Journal& journal, std::future<Compiled> uncorrected)
      : planned_(planned),
        statistics_(statistics),
        options_(options),
        run_(run),
        journal_(journal),
        ahead_(std::move(uncorrected)),
        floor_(quality_floor(options)),
        timing_seconds_(kTimingShare * std::max(calibration_seconds, kLeastTimed)),
        seconds_(std::max(kMostPasses * seconds_of_pass(statistics, calibration_seconds),
                          kLeastSeconds)) {
    settled_.plan = planned.plan;
  }

  Settled run() {
    SampleSplit split = split_samples(statistics_.kept_samples, planned_.correction_samples);
    if (planned_.model.impl().stateful()) std::ranges::sort(split.search);  // states go on
    if (split.trial.empty() || settled_.plan.quantizers.empty()) return std::move(settled_);
    try {
      first_trial(split);
      if (may_miss_floor()) hold_floor(split);
      finish(split);
    } catch (const Interrupted&) {
      if (so_far_) {
        log(LogLevel::warning, "stopped. The best model so far is '{}'", so_far_->path().string());
        so_far_->keep();
      }
      throw;
    } catch (const FileError&) {
      throw;
      // a runtime that cannot run the result does not take it away
    } catch (const std::exception& error) {
      note(fmt::format("the trial run failed: {}", error.what()));
    }
    return std::move(settled_);
  }

 private:
  // A pass over 300 samples, from one over those that there were.
  static double seconds_of_pass(const records::StatisticsData& statistics, double seconds) {
    constexpr double kSamples = 300;
    return seconds *
           std::max(1.0, kSamples / std::max(1.0, static_cast<double>(statistics.samples())));
  }

  // On disk before a runtime tries it. Where nobody asked for the file, a disk that is full does
  // not end the run.
  void keep(const Model& model) {
    if (planned_.base.impl().file_extension().empty()) return;
    if (run_.best_model.empty() && bytes_of(model) > kUnaskedBytes) return;
    try {
      if (!so_far_) so_far_.emplace(run_.best_model, planned_.base);
      so_far_->save(model);
    } catch (const std::exception& error) {
      if (!run_.best_model.empty()) throw;
      so_far_.reset();
      log(LogLevel::debug, "the model so far is not kept: {}", error.what());
    }
    if (!so_far_ || notice_) return;
    notice_.emplace(fmt::format(
        "eightbit: the runtime crashed in the trial run of the quantized model, which is whole in "
        "'{}'. With trial_run off (--no-trial-run) the same call ends with it. What crashed will "
        "crash where the model is used: update the runtime, or leave layers in float.",
        so_far_->path().string()));
  }

  Model written(const Plan& plan) const {
    return write(planned_.base, *recipe_of(planned_, plan, options_), plan);
  }

  void progress(std::string_view step, int64_t done, int64_t total) const {
    if (run_.progress) run_.progress({step, done, total});
  }

  void note(std::string text) {
    log(LogLevel::warning, "{}", text);
    settled_.plan.notes.push_back(std::move(text));
  }

  // Compilation keeps one core busy: the quantized model is compiled beside the float one, unless
  // they live in a program of one thread.
  std::future<Compiled> compiled_beside(Model model) const {
    return compiled_later(std::move(model), in_own_framework(planned_) || limited()
                                                ? std::launch::deferred
                                                : std::launch::async);
  }

  std::future<Compiled> compiled_later(Model model, std::launch when) const {
    return compiled(std::move(model), precision_, when);
  }

  bool is_large() const { return eightbit::is_large(planned_, run_); }
  // Memory: one compiled model at a time, and no times, which take two.
  bool limited() const { return run_.max_memory > 0; }

  // The model without what biases were corrected by: beside the float model where that has to be
  // compiled once more, but not where three compiled models at once would be much memory.
  std::future<Compiled> uncorrected() {
    if (settled_.plan.biases.empty()) return {};
    if (ahead_.valid()) return std::move(ahead_);
    Plan plan = settled_.plan;
    plan.biases.clear();
    if (bench_->reduced() && !is_large()) return compiled_beside(written(plan));
    return compiled_later(written(plan), std::launch::deferred);
  }

  // The corrected model beside the float one: by default, then in f32. Then the model without
  // corrections.
  void first_trial(const SampleSplit& split) {
    const Model corrected = written(settled_.plan);
    keep(corrected);
    bench_ = std::make_shared<TrialBench>(planned_.model, samples_at(split.trial));
    auto with = compiled_beside(corrected);
    bench_->run_by_default();
    if (limited()) bench_->release();
    try {
      best_ = bench_->ran(with.get());
    } catch (const ModelError& error) {  // the float model runs
      leave_uncompilable(error);
    }
    if (ahead_.valid()) ahead_.wait();  // nothing is compiled while the clock runs
    if (limited())
      best_.compiled.release();
    else
      bench_->time_by_default(best_, timing_seconds_);
    if (bench_->reduced()) bench_->release();
    progress("trial run", 1, 2);
    std::future<Compiled> without = uncorrected();
    bench_->run_in_f32();
    bench_->judge(best_);
    if (without.valid() &&
        without.wait_for(std::chrono::seconds(0)) != std::future_status::deferred)
      without.wait();
    bench_->time_in_f32(best_, timing_seconds_ / 2);
    bench_->release();
    if (without.valid()) {
      if (is_large()) best_.compiled.release();
      judge_corrections(bench_->tried(without.get()));
    }
    progress("trial run", 2, 2);
  }

  // Layers that a runtime cannot compile in 8 bits stay in float.
  void leave_uncompilable(const ModelError& error) {
    const auto groups = search::quantizer_groups(graph(), settled_.plan);
    const auto misread = search::find_misread(
        static_cast<int>(groups.size()), {0, 1}, kMostMisread,
        [&](const std::vector<int>& in_float) -> std::optional<search::Readings> {
          if (checks_ > kMostChecks) return std::nullopt;
          progress("runtime check", ++checks_, 0);
          try {
            bench_->ran(Compiled(
                written(search::without_groups(graph(), settled_.plan, groups, in_float, false)),
                precision_));
            return search::Readings{0, 0};
          } catch (const ModelError&) {
            return search::Readings{0, 1};
          }
        });
    if (!misread) throw error;
    leave(groups, misread->groups, "the runtime cannot compile it in 8 bits");
    settled_.plan.notes.push_back(fmt::format(
        "{} stay in float: the runtime cannot compile the model with them in 8 bits: {}",
        fmt::join(names_of(groups, misread->groups), ", "), error.what()));
    log(LogLevel::warning, "{}", settled_.plan.notes.back());
    best_ = bench_->ran(Compiled(written(settled_.plan), precision_));
    keep(best_.compiled.model);
  }

  // Takes groups out of the plan for a reason that is not the floor's.
  void leave(const std::vector<search::QuantizerGroup>& groups, const std::vector<int>& taken_out,
             const std::string& reason) {
    Plan plan = search::without_groups(graph(), settled_.plan, groups, taken_out, false);
    for (size_t i = settled_.plan.left_float.size(); i < plan.left_float.size(); ++i)
      plan.left_float[i].reason = reason;
    float_share_ += share_of(groups, taken_out);
    settled_.plan = std::move(plan);
  }

  // Of the work of all, that of some.
  double share_of(const std::vector<search::QuantizerGroup>& groups,
                  const std::vector<int>& some) const {
    const std::vector<double> work = search::work_shares(graph(), groups);
    double sum = 0;
    for (int group : some) sum += work[static_cast<size_t>(group)];
    return sum;
  }

  std::vector<std::string> names_of(const std::vector<search::QuantizerGroup>& groups,
                                    const std::vector<int>& taken_out) const {
    std::vector<std::string> names;
    for (int group : taken_out)
      for (NodeId layer : groups[static_cast<size_t>(group)].layers)
        names.push_back(graph().node(layer).name);
    return names;
  }

  void judge_corrections(Tried without) {
    lead_ = std::fabs(without.mean_db - best_.mean_db);
    if (!(without.mean_db > best_.mean_db + kClearly)) return;
    settled_.plan.biases.clear();
    settled_.plan.notes.push_back(fmt::format(
        "bias correction is left out: {:.1f} dB with it, {:.1f} dB without, averaged over outputs",
        best_.mean_db, without.mean_db));
    log(LogLevel::info, "{}", settled_.plan.notes.back());
    without.times = best_.times;  // other biases take as long
    best_ = std::move(without);
    keep(best_.compiled.model);
  }

  TrialSamples samples_at(const std::vector<int64_t>& numbers) const {
    return {statistics_.kept_samples, numbers};
  }

  // `share`: of the time that holding the floor may take.
  bool out_of_time(double share = 1) const {
    const double seconds = share * seconds_;
    return seconds_since(begin_) > seconds && cpu_seconds() - cpu_begin_ > seconds;
  }

  bool misses_floor() const { return floor_ > 0 && best_.sqnr_db < floor_; }
  // On samples that were not tried.
  bool may_miss_floor() const { return floor_ > 0 && best_.low_db < floor_; }

  // Under a limit of memory without its outputs, which may be large: finish() computes those of the
  // last one again.
  Tried tried(Model model) {
    if (!limited()) return bench_->tried(std::move(model), precision_, floor_);
    let_go(best_);
    Tried found = bench_->tried(std::move(model), precision_, floor_);
    let_go(found);
    return found;
  }

  static void let_go(Tried& tried) {
    tried.compiled.release();
    tried.outputs = {};
    return_freed_memory();
  }

  // Few samples may miss or hold it by chance, and are too few to choose layers by. Layers are
  // judged by what their integers do, not by what bf16 does to the rest.
  void hold_floor(const SampleSplit& split) {
    begin_ = Clock::now();
    cpu_begin_ = cpu_seconds();
    if (bench_->reduced()) {
      precision_ = FloatPrecision::f32;
      best_ = tried(std::move(best_.compiled.model));
      if (!may_miss_floor()) return;
    }
    if (split.search.size() > split.trial.size()) judge_on_more(split);
    if (!misses_floor()) return;
    leave_misread();
    if (!misses_floor()) return;
    const double found = best_.sqnr_db;
    best_.compiled.release();
    FloorSearch search(floor_case());
    if (!search.run()) return tell_missed(found, search);
    settled_.plan = search.plan();
    best_ = search.tried();
    float_share_ += search.share();
    settled_.plan.notes.push_back(fmt::format(
        "min_sqnr_db {:g}: {:.1f} dB with all quantizers, {:.1f} dB with {} of {} groups in float, "
        "{:.0f} % of the multiplications",
        floor_, found, best_.sqnr_db, search.reverted(), search.groups(), 100 * search.share()));
    log(LogLevel::info, "{}", settled_.plan.notes.back());
    if (misses_floor()) tell_missed(found, search);
  }

  // Corrections too, unless a few samples have told clearly what they are worth.
  void judge_on_more(const SampleSplit& split) {
    if (planned_.model.impl().stateful()) {
      bench_ = std::make_shared<TrialBench>(planned_.model, samples_at(split.search));
      bench_->run_both();
    } else {
      bench_->extend(std::span(split.search).subspan(split.trial.size()));
    }
    if (planned_.model.impl().stateful() || best_.outputs.empty())
      best_ = tried(std::move(best_.compiled.model));
    else
      bench_->try_on(best_, floor_);  // more samples may show other parts of outputs
    if (limited()) let_go(best_);
    if (!misses_floor() || settled_.plan.biases.empty() || lead_ >= kClearLead) return;
    Plan plan = settled_.plan;
    plan.biases.clear();
    judge_corrections(tried(written(plan)));
  }

  FloorCase floor_case() {
    return {planned_,
            statistics_,
            options_,
            run_,
            journal_,
            *bench_,
            settled_.plan,
            best_,
            floor_,
            options_.max_float_share - float_share_,
            [this](const Plan& plan) { return written(plan); },
            [this](Model model) { return tried(std::move(model)); },
            [this](const Model& model) { keep(model); },
            [this] { return out_of_time(); },
            precision_,
            lead_};
  }

  // Where the runtime computes something else than the quantizers say, a few layers in float may
  // keep it from that. Where most of the noise is the quantizers' own, and breaks the floor, it is
  // not looked for: what the runtime adds goes with the layers that the noise comes from.
  void leave_misread() {
    const std::optional<double> said = measured_db(settled_.plan, best_.noise.size());
    if (!said) return;
    const search::Readings all{energy_of(*said), energy_of(best_.whole_db)};
    if (!search::is_misread(all)) return;
    if (*said < floor_ && all.done - all.said < all.said) return;
    const auto groups = search::quantizer_groups(graph(), settled_.plan);
    const auto misread = search::find_misread(
        static_cast<int>(groups.size()), all, kMostMisread,
        [&](const std::vector<int>& in_float) -> std::optional<search::Readings> {
          if (out_of_time(0.5)) return std::nullopt;
          progress("runtime check", ++checks_, 0);
          const Plan plan = search::without_groups(graph(), settled_.plan, groups, in_float, false);
          const Tried found = tried(written(plan));
          const std::optional<double> planned = measured_db(plan, found.noise.size());
          if (!planned) return std::nullopt;
          return search::Readings{energy_of(*planned), energy_of(found.whole_db)};
        });
    if (!misread || share_of(groups, misread->groups) > options_.max_float_share) return;
    const std::vector<std::string> names = names_of(groups, misread->groups);
    leave(groups, misread->groups, "the runtime computes something else with it in 8 bits");
    Tried found = tried(written(settled_.plan));
    settled_.plan.notes.push_back(fmt::format(
        "{} stay in float: with them in 8 bits the runtime computes something else than the "
        "quantizers say, {:.1f} dB where {:.1f} dB were due; {:.1f} dB without them",
        fmt::join(names, ", "), best_.whole_db, *said, found.whole_db));
    log(LogLevel::warning, "{}", settled_.plan.notes.back());
    best_ = std::move(found);
    keep(best_.compiled.model);
  }

  const Graph& graph() const { return planned_.base.impl().graph(); }

  void tell_missed(double found, const FloorSearch& search) {
    settled_.missed = fmt::format(
        "the outputs reach {:.1f} dB of signal to noise, below min_sqnr_db {:g}{}. Most of the "
        "noise comes from: {}. "
        "Name these in ignored_scope, raise max_float_share ({:g}), or see `eightbit report`",
        best_.sqnr_db, floor_,
        best_.sqnr_db > found ? fmt::format(" ({:.1f} dB with all quantizers)", found) : "",
        fmt::join(search.suspects(), ", "), options_.max_float_share);
    note(settled_.missed);
  }

  // Of the worst output as a whole on the first samples, where the quantizers are computed in
  // floats, one by one.
  std::optional<double> measured_db(const Plan& plan, size_t count) const {
    if (limited()) return_freed_memory();
    const TrialSamples& samples = bench_->samples();
    backends::PlanComparison compared;
    compared.plan = &plan;
    for (ValueId output : search::noisy_outputs(graph())) compared.comparisons.push_back({output});
    size_t at = 0;
    const auto noise = measure_noise(
        planned_.base.impl(), std::move(compared), limited() ? 1 : run_.threads,
        [&] { return at == count ? std::nullopt : std::optional(samples[at++]); }, [] {});
    if (noise.empty()) return std::nullopt;
    double worst = std::numeric_limits<double>::infinity();
    for (const Noise& output : noise) worst = std::min(worst, output.sqnr_db());
    return worst;
  }

  // Whether it is the quantizers that ruin the outputs, or what the runtime makes of them.
  void ask_measuring_program(TrialRun& trial) {
    if (bench_->in_parts()) return;  // what is measured are whole outputs
    trial.measured_db = measured_db(settled_.plan, best_.noise.size());
    if (trial.measured_db && std::fabs(*trial.measured_db - trial.sqnr_f32_db) > 1)
      note(
          fmt::format("the runtime computes something else than the quantizers say: {:.1f} dB, "
                      "{:.1f} dB where they are computed in floats",
                      trial.sqnr_f32_db, *trial.measured_db));
  }

  void finish(const SampleSplit& split) {
    // of a journal, under a limit of memory, or given up after a few samples
    if (!bench_->is_whole(best_))
      best_ = bench_->tried(std::move(best_.compiled.model), precision_);
    if (limited()) best_.compiled.release();
    TrialRun trial = bench_->run(best_, limited() ? 0 : 1.5 * timing_seconds_);
    trial.unseen = split.disjoint;
    trial.float_share = float_share_;
    if (trial.sqnr_f32_db < kDefaultFloor) ask_measuring_program(trial);
    log(LogLevel::info, "trial run: {}", trial.summary());
    settled_.trial = std::move(trial);
    settled_.bench = bench_;
    settled_.tried = std::make_shared<Tried>(std::move(best_));
  }

  const Planned& planned_;
  const records::StatisticsData& statistics_;
  const QuantizeOptions& options_;
  const RunOptions& run_;
  Journal& journal_;
  std::future<Compiled> ahead_;
  const double floor_, timing_seconds_, seconds_;
  // that models are judged in
  FloatPrecision precision_ = FloatPrecision::by_default;
  Settled settled_;
  std::shared_ptr<TrialBench> bench_;
  Tried best_;
  double lead_ = 0;         // of corrected biases over others in the last trial of both, or back
  int64_t checks_ = 0;      // of what the runtime makes of the plan
  double float_share_ = 0;  // of the work, that was left in float
  std::optional<BestModel> so_far_;
  std::optional<CrashNotice> notice_;
  Clock::time_point begin_;  // of what holds the floor
  double cpu_begin_ = 0;
};

}  // namespace

double quality_floor(const QuantizeOptions& options) {
  return options.min_sqnr_db.value_or(
      options.recipe == Recipe::nncf || options.mode ? 0 : kDefaultFloor);
}

std::future<Compiled> compile_uncorrected(const Planned& planned, const QuantizeOptions& options,
                                          const RunOptions& run) {
  if (!options.trial_run || planned.plan.quantizers.empty() || in_own_framework(planned) ||
      is_large(planned, run))
    return {};
  return compiled(write(planned.base, *recipe_of(planned, planned.plan, options), planned.plan),
                  FloatPrecision::by_default, std::launch::async);
}

Settled settle(const Planned& planned, const records::StatisticsData& statistics,
               const QuantizeOptions& options, const RunOptions& run, double calibration_seconds,
               Journal& journal, std::future<Compiled> uncorrected) {
  return Settling(planned, statistics, options, run, calibration_seconds, journal,
                  std::move(uncorrected))
      .run();
}

}  // namespace eightbit
