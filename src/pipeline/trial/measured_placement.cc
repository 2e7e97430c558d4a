#include "pipeline/trial/measured_placement.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

#include "base/error.h"
#include "base/journal.h"
#include "base/log.h"
#include "pipeline/placement_choice.h"
#include "pipeline/trial/take_turns.h"
#include "pipeline/trial/trial_run.h"
#include "quant/plan_json.h"
#include "search/integer_work.h"
#include "search/quantizer_groups.h"

namespace eightbit {
namespace {

using backends::FloatPrecision;
using search::QuantizerGroup;
using Clock = std::chrono::steady_clock;

// that a search may take, however quick the calibration was
constexpr double kLeastSeconds = 4;
// share of the time that an attempt must save, besides chance
constexpr double kLeastGain = 0.01;
constexpr double kFloatGain = 0.015;   // that the float model must save; the promise is 3 %
constexpr double kLayerChance = 0.05;  // of a layer's time
// chance above which the times of layers decide: each is short, so that among some runs there is
// one that nothing else on the machine slowed down
constexpr double kNoisy = 0.02;
constexpr double kFloatGainInNoise = 0.05;
constexpr int kLeastRounds = 16;  // for times of layers, and for those that decide
constexpr double kWorse = 0.2;    // dB; less is chance on a few samples

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

using Layers = std::vector<backends::LayerPrecision>;

double sum_of(const Layers& layers) {
  double sum = 0;
  for (const backends::LayerPrecision& layer : layers) sum += layer.milliseconds;
  return sum;
}

std::vector<double> sums_of(const std::vector<Layers>& models) {
  std::vector<double> sums;
  for (const Layers& layers : models) sums.push_back(sum_of(layers));
  return sums;
}

// A model that was written and compiled.
struct Attempt {
  std::vector<int> left;  // groups in floats, sorted
  Plan plan;
  Model model;
  std::unique_ptr<backends::Runner> runner;  // by the runtime's defaults
};
using AttemptPtr = std::shared_ptr<Attempt>;

class Placing {
 public:
  Placing(const Planned& planned, const records::StatisticsData& statistics,
          const QuantizeOptions& options, const RunOptions& run, double seconds, Settled& settled,
          Journal& journal)
      : planned_(planned),
        statistics_(statistics),
        options_(options),
        run_(run),
        seconds_(std::max(seconds, kLeastSeconds)),
        settled_(settled),
        journal_(journal),
        start_(settled.plan),
        groups_(search::quantizer_groups(graph(), start_)) {}

  void run() {
    bench_ = settled_.bench;
    if (!bench_ || groups_.empty()) return;
    begin_ = Clock::now();
    const std::string key = "placement " + digest(to_json(start_, graph()) + to_json(options_));
    if (const auto found = journal_.find(key)) return take_earlier(*found);
    timed_ = bench_->samples().first(2);
    all_ = best_ = attempt({});
    look_at_layers();
    search();
    decide();
    if (journal_.kept()) journal_.add(key, decision());
  }

 private:
  // For a run that is resumed: times would come out in another way. Weights are large, and mostly
  // those of the plan before.
  Journal::Json decision() const {
    Plan plan = settled_.plan;
    const bool same = plan.constants.size() == start_.constants.size();
    if (same) plan.constants.clear();
    return {{"plan", write_plan(plan, graph(), Tensors::included)},
            {"same constants", same},
            {"taken", taken_}};
  }

  void take_earlier(const Journal::Json& found) {
    Plan plan = read_plan(found.at("plan"), graph());
    if (found.at("same constants")) plan.constants = start_.constants;
    plan.changes = start_.changes;
    log(LogLevel::info, "measured placement: as an earlier run found");
    if (!found.at("taken")) {
      settled_.plan = std::move(plan);
      return;
    }
    Tried tried = bench_->tried(written(plan), settled_.tried->compiled.precision);
    take(std::move(plan), tried);
  }

  const Graph& graph() const { return planned_.base.impl().graph(); }

  Model written(const Plan& plan) const {
    return write(planned_.base, *recipe_of(planned_, plan, options_), plan);
  }

  AttemptPtr attempt(std::vector<int> left) const {
    if (run_.progress) run_.progress({"measured placement", attempts_, 0});
    Plan plan = without(left);
    Model model = written(plan);
    auto runner = model.impl().runner(FloatPrecision::by_default);
    return std::make_shared<Attempt>(
        Attempt{std::move(left), std::move(plan), std::move(model), std::move(runner)});
  }

  Turns turns(const std::vector<backends::Runner*>& runners, double share, int least_rounds) const {
    return take_turns(runners, timed_, share * seconds_, least_rounds);
  }

  // Of models that take turns, so that other work on the machine slows all of them alike.
  std::vector<Layers> layers_of(const std::vector<const Model*>& models) const {
    std::vector<std::unique_ptr<backends::Runner>> timing;
    std::vector<backends::Runner*> runners;
    for (const Model* model : models)
      runners.push_back(
          timing.emplace_back(model->impl().timing_runner(FloatPrecision::by_default)).get());
    take_turns(runners, std::span(timed_).first(1), 0.08 * seconds_, kLeastRounds);
    std::vector<Layers> layers;
    for (backends::Runner* runner : runners) layers.push_back(runner->layers());
    return layers;
  }

  void look_at_layers() {
    auto layers = layers_of({&planned_.model, &all_->model});
    const auto in_float = times_of_groups(graph(), groups_, layers[0]),
               in_integers = times_of_groups(graph(), groups_, layers[1]);
    for (size_t g = 0; g < groups_.size(); ++g) {
      const bool known = in_float[g] && in_integers[g];
      times_.push_back(known ? GroupTimes{*in_float[g], *in_integers[g]} : GroupTimes{});
      log(LogLevel::debug, "measured placement: {}: {:.3f} ms in float, {:.3f} ms in 8 bits",
          name_of(static_cast<int>(g)), in_float[g].value_or(-1), in_integers[g].value_or(-1));
    }
    conversion_ = conversion_time(layers[1]);
    in_layers_ = sum_of(layers[1]);
    log(LogLevel::debug,
        "measured placement: in layers {:.3f} ms with all groups, {:.3f} ms in float, a conversion "
        "{:.3f} ms; {:.2f} s so far",
        in_layers_, sum_of(layers[0]), conversion_, seconds_since(begin_));
  }

  std::string name_of(int group) const {
    const auto& layers = groups_[static_cast<size_t>(group)].layers;
    return layers.empty() ? "?" : graph().node(layers.front()).name;
  }

  bool has_time() const {
    return attempts_ == 0 || seconds_since(begin_) + longest_ < 0.7 * seconds_;
  }

  void search() {
    std::set<std::vector<int>> tried = {{}};
    std::vector<int> next = unpaid_groups(times_, conversion_, kLayerChance);
    while (has_time() && promises(next) && tried.insert(next).second) {
      const auto begin = Clock::now();
      const AttemptPtr attempt = this->attempt(next);
      ++attempts_;
      const Turns two = turns({attempt->runner.get(), best_->runner.get()}, 0.08, kLeastRounds / 2);
      const bool faster = is_faster(*attempt, two);
      log(LogLevel::debug,
          "measured placement: {:.3f} ms with {} of {} groups in float, {:.3f} ms before, chance "
          "{:.1f} %",
          two.milliseconds[0], next.size(), groups_.size(), two.milliseconds[1], 100 * two.chance);
      if (faster) {
        best_ = attempt;
        look_again();
        next = unpaid_groups(times_, conversion_, kLayerChance);
      } else {
        next = half_way(next);
      }
      longest_ = std::max(longest_, seconds_since(begin));
    }
  }

  // By the times of layers, of which the best model's are known.
  bool promises(const std::vector<int>& next) const {
    double gain = 0;
    for (int g = 0; g < static_cast<int>(groups_.size()); ++g) {
      const bool leaves = std::ranges::binary_search(next, g),
                 left = std::ranges::binary_search(best_->left, g);
      if (leaves != left) gain += (leaves ? 1 : -1) * times_[static_cast<size_t>(g)].gain();
    }
    return gain > kLeastGain * in_layers_;
  }

  // Than the best one, clearly.
  bool is_faster(const Attempt& attempt, const Turns& two) const {
    const double ratio = two.milliseconds[0] / two.milliseconds[1];
    if (two.chance <= kNoisy || ratio < 1 - two.chance)
      return ratio < 1 - std::max(kLeastGain, two.chance);
    const auto layers = layers_of({&attempt.model, &best_->model});
    const double of_layers = sum_of(layers[0]) / sum_of(layers[1]);
    log(LogLevel::debug, "measured placement: chance decides; {:.3f} times the time in layers",
        of_layers);
    return ratio < 1 && of_layers < 1 - kNoisy;
  }

  // In the best model groups have other neighbours.
  void look_again() {
    const Layers layers = layers_of({&best_->model}).front();
    const auto times = times_of_groups(graph(), groups_, layers);
    in_layers_ = sum_of(layers);
    for (size_t g = 0; g < groups_.size(); ++g) {
      const bool left = std::ranges::binary_search(best_->left, static_cast<int>(g));
      if (times[g] && times_[g].in_float > 0)
        (left ? times_[g].in_float : times_[g].in_integers) = *times[g];
    }
  }

  // What the best one leaves in float, and half of what did not do.
  std::vector<int> half_way(const std::vector<int>& failed) const {
    std::vector<int> added;
    std::ranges::set_difference(failed, best_->left, std::back_inserter(added));
    if (added.empty()) return best_->left;
    std::vector<int> out;
    std::ranges::set_union(best_->left, better_half(times_, added), std::back_inserter(out));
    return out;
  }

  void decide() {
    const Times last = last_times();
    double time = last.best;
    const double with_all = last.with_all, in_float = last.in_float;
    if (best_ != all_ && time >= with_all) best_ = all_;
    Tried tried;
    if (best_ != all_ && !last.float_is_faster(time) && !is_as_accurate(tried)) best_ = all_;
    if (best_ == all_) time = with_all;
    if (last.float_is_faster(time)) return leave_all(with_all, in_float);
    if (best_ == all_) return keep(with_all, in_float);
    give_reasons();
    take(std::move(best_->plan), tried);
    note(LogLevel::info, fmt::format("placement measured: {} of {} groups go back to float: {:.3g} "
                                     "ms, {:.3g} ms with all of them in 8 bits, "
                                     "the float model takes {:.3g} ms",
                                     best_->left.size(), groups_.size(), time, with_all, in_float));
  }

  struct Times {
    double best, with_all, in_float;  // milliseconds
    double gain;                      // share of it that the float model must save

    bool float_is_faster(double time) const { return time > in_float * (1 + gain); }
  };
  Times last_times() const {
    const bool found = best_ != all_;
    std::vector<backends::Runner*> runners = {all_->runner.get(), &bench_->by_default()};
    if (found) runners.push_back(best_->runner.get());
    const Turns last = turns(runners, 0.15, kLeastRounds);
    std::vector<double> times = last.milliseconds;
    double gain = kFloatGain;
    if (last.chance > kNoisy) {  // both kinds of times must tell that the float model is faster
      times = sums_of(found ? layers_of({&all_->model, &planned_.model, &best_->model})
                            : layers_of({&all_->model, &planned_.model}));
      const bool slower = last.milliseconds[found ? 2 : 0] > last.milliseconds[1];
      gain = slower ? kFloatGainInNoise : std::numeric_limits<double>::infinity();
    }
    const double best = found ? times[2] : times[0];
    log(LogLevel::debug,
        "measured placement: {:.3f} ms, {:.3f} ms with all groups, {:.3f} ms in float, chance "
        "{:.1f} %",
        best, times[0], times[1], 100 * last.chance);
    return {best, times[0], times[1], gain};
  }

  void keep(double with_all, double in_float) {
    if (settled_.trial)
      settled_.trial->milliseconds = with_all, settled_.trial->float_milliseconds = in_float;
    note(LogLevel::info,
         fmt::format(
             "placement measured: all groups stay: {:.3g} ms, the float model takes {:.3g} ms",
             with_all, in_float));
  }

  // The corrections were measured with all groups in 8 bits; they may suit no longer.
  bool is_as_accurate(Tried& tried) {
    const Tried& before = *settled_.tried;
    tried = bench_->tried(best_->model, before.compiled.precision);
    if (!best_->plan.biases.empty() && seconds_since(begin_) < seconds_) correct_again(tried);
    const auto fell = [](double from, double to) {
      return std::isfinite(from) && !(to > from - kWorse);
    };
    if (!fell(before.sqnr_db, tried.sqnr_db) && !fell(before.mean_db, tried.mean_db)) return true;
    log(LogLevel::info,
        "placement measured: {:.1f} dB with fewer quantizers, {:.1f} dB with all; they stay",
        tried.sqnr_db, before.sqnr_db);
    return false;
  }

  void correct_again(Tried& tried) {
    Plan plan = best_->plan;
    correct_biases(planned_.base.impl(), statistics_, options_, run_, plan);
    plan.notes = best_->plan.notes;
    Tried again = bench_->tried(written(plan), settled_.tried->compiled.precision);
    if (!(again.sqnr_db > tried.sqnr_db && again.mean_db > tried.mean_db)) return;
    tried = std::move(again);
    best_->plan = std::move(plan);
  }

  void leave_all(double with_all, double in_float) {
    std::vector<int> every(groups_.size());
    std::iota(every.begin(), every.end(), 0);
    Plan plan = without(every);
    plan.scales.clear();
    plan.constants.clear();
    plan.biases.clear();
    for (size_t i = start_.left_float.size(); i < plan.left_float.size(); ++i)
      plan.left_float[i].reason =
          fmt::format("{}: the model takes {:.3g} ms in float, {:.3g} ms in 8 bits", kDoNotPay,
                      in_float, with_all);
    Tried tried = bench_->tried(written(plan), settled_.tried->compiled.precision);
    take(std::move(plan), tried);
    note(LogLevel::warning,
         fmt::format(
             "integers do not pay on this machine: the model takes {:.3g} ms in float, {:.3g} ms "
             "in 8 bits. All of it stays "
             "in float; with placement 'rules' it is quantized nevertheless, for another machine",
             in_float, with_all));
  }

  void take(Plan plan, Tried& tried) {
    taken_ = true;
    settled_.plan = std::move(plan);
    TrialRun trial = bench_->run(tried, 0.05 * seconds_);
    trial.unseen = settled_.trial->unseen;
    trial.float_share = float_share();
    log(LogLevel::info, "trial run: {}", trial.summary());
    settled_.trial = std::move(trial);
    forget_missed_floor();
  }

  void forget_missed_floor() {
    if (settled_.missed.empty() || settled_.trial->sqnr_f32_db < quality_floor(options_)) return;
    std::erase(settled_.plan.notes, settled_.missed);
    settled_.missed.clear();
  }

  // Of the multiplications that the plan had taken into integers before anything went back.
  double float_share() const {
    const Indexed<NodeId, double> work = search::multiplications(graph());
    const auto of = [&](const Plan& plan) {
      double sum = 0;
      for (const QuantizerGroup& group : search::quantizer_groups(graph(), plan))
        for (NodeId node : group.layers) sum += work[node];
      return sum;
    };
    const double all = of(planned_.plan);
    return all > 0 ? 1 - of(settled_.plan) / all : 0;
  }

  void note(LogLevel level, std::string text) {
    log(level, "{}", text);
    settled_.plan.notes.push_back(std::move(text));
  }

  Plan without(const std::vector<int>& left) const {
    Plan plan = search::without_groups(graph(), start_, groups_, left, false);
    drop_smoothing_of_floats(plan);
    return plan;
  }

  // Runs of groups that leave together tell their times together.
  void give_reasons() {
    Plan& plan = best_->plan;
    const auto& left = best_->left;
    for (size_t first = 0, last = 0; first < left.size(); first = last) {
      GroupTimes run;
      for (last = first;
           last < left.size() && left[last] == left[first] + static_cast<int>(last - first);
           ++last) {
        run.in_float += times_[static_cast<size_t>(left[last])].in_float;
        run.in_integers += times_[static_cast<size_t>(left[last])].in_integers;
      }
      std::set<NodeId> layers;
      for (size_t i = first; i < last; ++i)
        layers.insert(groups_[static_cast<size_t>(left[i])].layers.begin(),
                      groups_[static_cast<size_t>(left[i])].layers.end());
      const std::string with =
          last - first > 1 ? fmt::format(" for {} groups together", last - first) : "";
      for (size_t i = start_.left_float.size(); i < plan.left_float.size(); ++i)
        if (layers.contains(plan.left_float[i].node))
          plan.left_float[i].reason = fmt::format("{}: {:.2g} ms in float, {:.2g} ms in 8 bits{}",
                                                  kDoNotPay, run.in_float, run.in_integers, with);
    }
  }

  const Planned& planned_;
  const records::StatisticsData& statistics_;
  const QuantizeOptions& options_;
  const RunOptions& run_;
  const double seconds_;
  Settled& settled_;
  Journal& journal_;
  const Plan start_;
  const std::vector<QuantizerGroup> groups_;
  std::shared_ptr<TrialBench> bench_;
  std::vector<Sample> timed_;
  std::vector<GroupTimes> times_;  // by group, in the best model where it was seen there
  double conversion_ = 0;          // milliseconds
  double in_layers_ = 0;           // milliseconds of the best model
  AttemptPtr all_, best_;
  bool taken_ = false;  // another plan than that at the start
  int64_t attempts_ = 0;
  double longest_ = 0;  // seconds of an attempt
  Clock::time_point begin_;
};

}  // namespace

void place_by_time(const Planned& planned, const records::StatisticsData& statistics,
                   const QuantizeOptions& options, const RunOptions& run, double seconds,
                   Settled& settled, Journal& journal) {
  try {
    Placing(planned, statistics, options, run, seconds, settled, journal).run();
  } catch (const Unsupported& error) {
    settled.plan.notes.push_back(fmt::format("placement measured has no effect: {}", error.what()));
    log(LogLevel::warning, "{}", settled.plan.notes.back());
  } catch (const ModelError& error) {
    settled.plan.notes.push_back(fmt::format("placement measured was given up: {}", error.what()));
    log(LogLevel::warning, "{}", settled.plan.notes.back());
  }
}

}  // namespace eightbit
