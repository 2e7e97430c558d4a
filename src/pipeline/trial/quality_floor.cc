#include "pipeline/trial/quality_floor.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <future>
#include <span>
#include <utility>

#include "base/error.h"
#include "base/freed_memory.h"
#include "base/log.h"
#include "pipeline/trial/compile_ahead.h"
#include "pipeline/trial/floor_search.h"
#include "pipeline/trial/misread_layers.h"
#include "pipeline/trial/model_so_far.h"
#include "pipeline/trial/planned_sqnr.h"
#include "pipeline/trial/silent_outputs.h"
#include "pipeline/trial/time_allowed.h"
#include "pipeline/trial/trial_run.h"

namespace eightbit {
namespace {

using backends::FloatPrecision;

constexpr double kDefaultFloor = 20;
constexpr double kClearly = 0.2;  // dB; less is chance on a few samples
// of the calibration's time, that two models take turns for
constexpr double kTimingShare = 0.035, kLeastTimed = 3;
constexpr int64_t kMostChecks = 40;

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
        time_(calibration_seconds, statistics.samples()),
        so_far_(planned.base, run.best_model) {
    settled_.plan = planned.plan;
  }

  Settled run() {
    SampleSplit split = split_samples(statistics_.kept_samples, planned_.correction_samples);
    if (planned_.model.impl().stateful()) std::ranges::sort(split.search);  // states go on
    if (split.trial.empty() || settled_.plan.quantizers.empty()) return std::move(settled_);
    try {
      first_trial(split);
      if (may_miss_floor()) hold_floor(split);
      bench_->release();
      finish(split);
    } catch (const Interrupted&) {
      so_far_.leave();
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
    return compiled_later(std::move(model), in_own_framework(planned_.base) || limited()
                                                ? std::launch::deferred
                                                : std::launch::async);
  }

  std::future<Compiled> compiled_later(Model model, std::launch when) const {
    return compiled(std::move(model), precision_, when);
  }

  // Beside what is run meanwhile; nothing where models live in a program of one thread, or one at
  // a time.
  std::future<Compiled> compiled_in_f32(Model model) const {
    if (in_own_framework(planned_.base) || limited()) return {};
    return compiled(std::move(model), FloatPrecision::f32, std::launch::async);
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
    so_far_.save(corrected);
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
    if (is_large()) {
      time_in_f32();
      best_.compiled.release();
    } else if (may_miss_floor() || !bench_->told_apart(best_)) {
      in_f32_ = compiled_in_f32(best_.compiled.model);
    }
    if (without.valid()) judge_corrections(bench_->tried(without.get()));
    if (in_f32_.valid()) in_f32_.wait();  // nothing is compiled while the clock runs
    if (!is_large()) time_in_f32();
    progress("trial run", 2, 2);
  }

  void time_in_f32() {
    bench_->time_in_f32(best_, timing_seconds_ / 2);
    if (is_large() || !may_miss_floor()) bench_->release();
  }

  // Layers that a runtime cannot compile in 8 bits stay in float.
  void leave_uncompilable(const ModelError& error) {
    const auto found = find_misread_layers(
        graph(), settled_.plan, {0, 1}, "the runtime cannot compile it in 8 bits",
        [&](const Plan& plan) -> std::optional<search::Readings> {
          if (checks_ > kMostChecks) return std::nullopt;
          progress("runtime check", ++checks_, 0);
          try {
            bench_->ran(Compiled(written(plan), precision_));
            return search::Readings{0, 0};
          } catch (const ModelError&) {
            return search::Readings{0, 1};
          }
        });
    if (!found) throw error;
    leave(*found);
    note(fmt::format(
        "{} stay in float: the runtime cannot compile the model with them in 8 bits: {}",
        fmt::join(found->names, ", "), error.what()));
    best_ = bench_->ran(Compiled(written(settled_.plan), precision_));
    so_far_.save(best_.compiled.model);
  }

  void leave(const LayersInFloat& layers) {
    float_share_ += layers.share;
    settled_.plan = layers.plan;
  }

  void judge_corrections(Tried without) {
    lead_ = std::fabs(without.mean_db - best_.mean_db);
    if (!is_better(without, best_, floor_, kClearly)) return;
    settled_.plan.biases.clear();
    const bool by_mean = without.mean_db > best_.mean_db;
    settled_.plan.notes.push_back(fmt::format(
        "bias correction is left out: {:.1f} dB with it, {:.1f} dB without, {}",
        by_mean ? best_.mean_db : best_.sqnr_db, by_mean ? without.mean_db : without.sqnr_db,
        by_mean ? "averaged over outputs" : "at the worst output"));
    log(LogLevel::info, "{}", settled_.plan.notes.back());
    without.times = best_.times;  // other biases take as long
    best_ = std::move(without);
    so_far_.save(best_.compiled.model);
  }

  TrialSamples samples_at(const std::vector<int64_t>& numbers) const {
    return {statistics_.kept_samples, numbers};
  }

  bool misses_floor() const { return floor_ > 0 && best_.sqnr_db < floor_; }
  // On samples that were not tried.
  bool may_miss_floor() const { return floor_ > 0 && best_.low_db < floor_; }

  // Under a limit of memory without its outputs, which may be large: finish() computes those of the
  // last one again.
  Tried tried(Model model) {
    if (limited()) let_go(best_);
    return tried(Compiled(std::move(model), precision_));
  }

  Tried tried(Compiled compiled) {
    Tried found;
    found.compiled = std::move(compiled);
    bench_->try_on(found, floor_);
    if (limited()) let_go(found);
    return found;
  }

  static void let_go(Tried& tried) {
    tried.compiled.release();
    tried.outputs = {};
    return_freed_memory();
  }

  // The best model in f32.
  Compiled in_f32() {
    if (in_f32_.valid()) {
      Compiled found = in_f32_.get();
      if (is_same(found, best_.compiled)) return found;
    }
    return Compiled(best_.compiled.model, FloatPrecision::f32);
  }

  static bool is_same(const Compiled& a, const Compiled& b) {
    return &a.model.impl() == &b.model.impl();
  }

  // Few samples may miss or hold it by chance, and are too few to choose layers by. Layers are
  // judged by what their integers do, not by what bf16 does to the rest.
  void hold_floor(const SampleSplit& split) {
    time_.begin();
    if (bench_->reduced()) {
      precision_ = FloatPrecision::f32;
      if (limited()) let_go(best_);
      Tried found = tried(in_f32());
      other_ = std::exchange(best_, std::move(found));
      if (!may_miss_floor()) return;
    }
    if (split.search.size() > split.trial.size()) judge_on_more(split);
    bench_->release();
    if (!misses_floor()) return;
    leave_misread();
    if (!misses_floor()) return;
    const double found = best_.sqnr_db;
    best_.compiled.release();
    other_ = {};
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
            [this](const Model& model) { so_far_.save(model); },
            [this] { return time_.is_over(); },
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
    // decisions that turn in a few samples, one way or the other
    if (!bench_->in_parts() && *said <= best_.high_db) return;
    if (*said < floor_ && all.done - all.said < all.said) return;
    const auto layers = find_misread_layers(
        graph(), settled_.plan, all, "the runtime computes something else with it in 8 bits",
        [&](const Plan& plan) -> std::optional<search::Readings> {
          if (time_.is_over(0.5)) return std::nullopt;
          progress("runtime check", ++checks_, 0);
          const Tried found = tried(written(plan));
          const std::optional<double> planned = measured_db(plan, found.noise.size());
          if (!planned) return std::nullopt;
          return search::Readings{energy_of(*planned), energy_of(found.whole_db)};
        });
    if (!layers || layers->share > options_.max_float_share) return;
    leave(*layers);
    Tried found = tried(written(settled_.plan));
    note(fmt::format(
        "{} stay in float: with them in 8 bits the runtime computes something else than the "
        "quantizers say, {:.1f} dB where {:.1f} dB were due; {:.1f} dB without them",
        fmt::join(layers->names, ", "), best_.whole_db, *said, found.whole_db));
    best_ = std::move(found);
    so_far_.save(best_.compiled.model);
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

  // On the first samples.
  std::optional<double> measured_db(const Plan& plan, size_t count) const {
    if (limited()) return_freed_memory();
    const TrialSamples& samples = bench_->samples();
    size_t at = 0;
    return planned_sqnr_db(
        planned_.base.impl(), plan,
        [&] { return at == count ? std::nullopt : std::optional(samples[at++]); },
        limited() ? 1 : run_.threads);
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

  void tell_silent() {
    const auto silent = silent_samples(graph(), best_, bench_->parts());
    if (!silent) return;
    const size_t samples = best_.outputs.size();
    const std::string in =
        std::cmp_equal(silent->count, samples) ? "all" : fmt::format("{} of", silent->count);
    note(fmt::format(
        "the outputs stay below {:.2g} in {} {} samples of the trial run: the model finds nothing "
        "there, and what is measured tells little of samples in which it does. Calibrate with "
        "samples that show what it looks for",
        std::max(0.01, 1.01 * silent->largest), in, samples));
  }

  void finish(const SampleSplit& split) {
    // of a journal, under a limit of memory, or given up after a few samples
    if (!bench_->is_whole(best_))
      best_ = bench_->tried(std::move(best_.compiled.model), precision_);
    tell_silent();
    if (limited()) best_.compiled.release();
    if (in_f32_.valid()) other_.compiled = in_f32_.get();
    const bool known = other_.compiled.model.valid() && is_same(other_.compiled, best_.compiled);
    TrialRun trial =
        bench_->run(best_, limited() ? 0 : 1.5 * timing_seconds_, known ? &other_ : nullptr);
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
  const double floor_, timing_seconds_;
  TimeAllowed time_;  // for what holds the floor
  ModelSoFar so_far_;
  // that models are judged in
  FloatPrecision precision_ = FloatPrecision::by_default;
  Settled settled_;
  std::shared_ptr<TrialBench> bench_;
  Tried best_;
  Tried other_;  // the same model in the other precision, where it has been run or is compiled
  std::future<Compiled> in_f32_;  // to be
  double lead_ = 0;         // of corrected biases over others in the last trial of both, or back
  int64_t checks_ = 0;      // of what the runtime makes of the plan
  double float_share_ = 0;  // of the work, that was left in float
};

}  // namespace

double quality_floor(const QuantizeOptions& options) {
  return options.min_sqnr_db.value_or(
      options.recipe == Recipe::nncf || options.mode ? 0 : kDefaultFloor);
}

Settled settle(const Planned& planned, const records::StatisticsData& statistics,
               const QuantizeOptions& options, const RunOptions& run, double calibration_seconds,
               Journal& journal, std::future<Compiled> uncorrected) {
  return Settling(planned, statistics, options, run, calibration_seconds, journal,
                  std::move(uncorrected))
      .run();
}

}  // namespace eightbit
