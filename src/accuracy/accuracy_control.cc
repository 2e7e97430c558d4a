#include <eightbit/accuracy_control.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <utility>
#include <variant>

#include "accuracy/suffering.h"
#include "base/error.h"
#include "base/log.h"
#include "config/effects.h"
#include "pipeline/memory_need.h"
#include "pipeline/planned.h"
#include "pipeline/spread_work.h"
#include "pipeline/steps.h"
#include "pipeline/tuner.h"
#include "search/best_model.h"
#include "search/quantizer_groups.h"
#include "search/ranking.h"
#include "search/reversal_search.h"

namespace eightbit {
namespace {

using Clock = std::chrono::steady_clock;
using nlohmann::ordered_json;

constexpr const char* kWhere = "accuracy control";
constexpr const char* kFloatKey = "validate float";  // of the journal

void check(const AccuracyControlOptions& control) {
  if (!(control.max_drop >= 0) || !std::isfinite(control.max_drop))
    fail<InvalidArgument>(kWhere,
                          "max_drop is {}. It is what the metric may lose: a number from 0 on.",
                          control.max_drop);
  if (control.max_num_iterations && *control.max_num_iterations < 0)
    fail<InvalidArgument>(kWhere, "max_num_iterations is {}. Allowed: numbers from 0 on.",
                          *control.max_num_iterations);
  if (!(control.max_minutes >= 0))
    fail<InvalidArgument>(kWhere, "max_minutes is {}. Allowed: numbers above 0, or 0 for no limit.",
                          control.max_minutes);
  if (control.ranking_subset_size < 1)
    fail<InvalidArgument>(kWhere, "ranking_subset_size is {}. Allowed: numbers from 1 on.",
                          control.ranking_subset_size);
}

// What decides which models are tried.
ordered_json json_of(const AccuracyControlOptions& control) {
  return {{"max_drop", control.max_drop},
          {"drop_type", to_string(control.drop_type)},
          {"max_num_iterations", control.max_num_iterations.value_or(-1)},
          {"ranking_subset_size", control.ranking_subset_size},
          {"restore_mode", to_string(control.restore_mode)},
          {"tune_hyperparams", control.tune_hyperparams}};
}

ordered_json json_of(const std::vector<GroupReport>& groups) {
  ordered_json out = ordered_json::array();
  for (const GroupReport& group : groups)
    out.push_back(
        {{"layers", group.layers}, {"quantizers", group.quantizers}, {"share", group.share}});
  return out;
}

ordered_json json_of(const std::vector<TrialReport>& trials) {
  ordered_json out = ordered_json::array();
  for (const TrialReport& trial : trials)
    out.push_back({{"what", trial.what},
                   {"metric", trial.metric},
                   {"drop", trial.drop},
                   {"quantizers", trial.quantizers},
                   {"seconds", trial.seconds}});
  return out;
}

using Calibration = std::variant<Dataset, Statistics>;

class AccuracyControl {
 public:
  // `calibration`: data, or statistics of it.
  AccuracyControl(const Model& model, const Calibration& calibration, const Dataset& validation,
                  const ValidationFunction& validate, const QuantizeOptions& options,
                  const AccuracyControlOptions& control, const RunOptions& run)
      : model_(model),
        calibration_(calibration),
        validation_(validation),
        validate_(validate),
        options_(options),
        control_(control),
        run_(run),
        steps_(run),
        best_file_(control.best_model, model) {
    result_.max_drop = control.max_drop;
    result_.drop_type = control.drop_type;
  }

  AccuracyResult run() {
    try {
      search();
    } catch (const Interrupted&) {
      if (best_file_.saved())
        log(LogLevel::warning, "stopped. The best model so far is '{}'",
            best_file_.path().string());
      best_file_.keep();
      throw;
    } catch (...) {
      best_file_.keep();
      throw;
    }
    return finish();
  }

 private:
  void search() {
    refuse_trial_options(options_, kWhere);
    Plan placed = place(model_, options_, steps_);
    run_ = within_memory(kWhere, Work::quantization, model_.impl(), placed, without_trial(options_),
                         run_, steps_.report().expected);
    open_journal(kWhere, model_, options_, run_, steps_);
    steps_.journal().require("control", json_of(control_));
    float_ =
        steps_("validate float", [&] { return validated(model_, "the float model", kFloatKey); });
    result_.float_metric = float_.metric;
    if (control_.drop_type == DropType::relative && float_.metric == 0)
      fail<InvalidArgument>(kWhere,
                            "the float model's metric is 0, so that no share of it can be lost. "
                            "Use drop_type absolute.");
    statistics_ = steps_("calibrate", [&] { return measured(placed); });
    belongs_to(statistics_, steps_.journal());
    planned_ = complete(model_, statistics_, std::move(placed), options_, run_, steps_);
    group();
    double drop = steps_("validate", [&] { return *tried({}, planned_.plan, "all quantized"); });
    tell_about_metric();
    if (drop > goal() && tuner_) drop = steps_("tune", [&] { return tuned(drop); });
    if (drop <= goal()) return stop("goal");
    if (groups_.empty()) return stop("every group tried");
    steps_("rank layers", [&] { rank(); });
    steps_("search", [&] { revert(drop); });
  }

  records::StatisticsData measured(const Plan& placed) {
    if (control_.tune_hyperparams) tuner_.emplace(model_, options_);
    if (const auto* given = std::get_if<Statistics>(&calibration_)) {
      records::StatisticsData data = given->data().copy();
      return tuner_ ? tuner_->with_judges_aside(std::move(data)) : std::move(data);
    }
    const auto& data = std::get<Dataset>(calibration_);
    const int64_t keep = control_.ranking_subset_size;
    return tuner_ ? tuner_->measure(data, run_, keep)
                  : measure_for(model_, placed, data, options_, run_, keep);
  }

  void group() {
    result_.all_quantizers = static_cast<int64_t>(planned_.plan.quantizers.size());
    groups_ = search::quantizer_groups(graph(), planned_.plan);
    shares_.assign(groups_.size(), 0);
    order_.resize(groups_.size());
    std::iota(order_.begin(), order_.end(), 0);
  }

  // Goes on with other options where they leave outputs nearer to the float model's and lose less
  // of the metric.
  double tuned(double drop) {
    Tuned found = tuner_->tune(statistics_, run_, steps_.journal());
    Planned planned = std::exchange(planned_, std::move(found.planned));
    const QuantizeOptions options = std::exchange(options_, found.best.options);
    const auto metric = tried({}, planned_.plan, "tuned");
    if (metric && *metric < drop) {
      group();
      describe();
      return *metric;
    }
    planned_ = std::move(planned);
    options_ = options;
    return drop;
  }

  const Graph& graph() const { return planned_.base.impl().graph(); }
  // 1 - 0.98 is a little more than 0.02: a drop that equals the goal meets it.
  double goal() const { return control_.max_drop + 1e-12 * std::fabs(float_.metric); }
  void stop(std::string_view why) {
    if (result_.stopped_by.empty()) result_.stopped_by = why;
  }

  // Or what a worker or an earlier run has found of the same model.
  Evaluation validated(const Model& model, std::string_view what, const std::string& key) {
    const auto early = ahead_.find(key);
    if (const auto found = steps_.journal().find(key); found && early == ahead_.end()) {
      log(LogLevel::info, "metric of {}: {:.6g}, as an earlier run found", what,
          found->at("metric").get<double>());
      return {found->at("metric"), found->at("per_item").get<std::vector<double>>(), {}};
    }
    Evaluation evaluation = early != ahead_.end() ? early->second : validate_(model);
    if (!std::isfinite(evaluation.metric))
      fail<InvalidArgument>(
          kWhere,
          "the metric of {} is {}. A validation must yield a number, higher for better models.",
          what, evaluation.metric);
    log(LogLevel::info, "metric of {}: {:.6g}", what, evaluation.metric);
    if (evaluation.outputs.empty() || ranked_) remember(key, evaluation);
    return evaluation;
  }

  // Outputs of items are wanted until layers are ranked, and then no more.
  void remember(const std::string& key, const Evaluation& evaluation) {
    if (!steps_.journal().kept()) return;
    steps_.journal().add(key, {{"metric", evaluation.metric}, {"per_item", evaluation.per_item}});
  }

  std::string key_of(const Plan& plan) const {
    return "validate " + digest(to_json(plan, graph()) + to_json(options_));
  }

  // What users get wrong, and what could be seen of it.
  void tell_about_metric() {
    const double drop = float_.metric - all_quantized_.metric;
    if (-drop > std::max(control_.max_drop, 0.05 * std::fabs(float_.metric)))
      note(
          "the quantized model's metric {:.6g} is above the float model's {:.6g}: if lower is "
          "better, return the "
          "negative",
          all_quantized_.metric, float_.metric);
  }

  template <typename... Args>
  void note(fmt::format_string<Args...> text, Args&&... args) {
    result_.notes.push_back(fmt::format(text, std::forward<Args>(args)...));
    log(LogLevel::warning, "{}", result_.notes.back());
  }

  // Samples that suffered most, where the validation tells; else some of the calibration.
  std::vector<Sample> ranking_samples() const {
    const auto items = accuracy::worst_items(float_, all_quantized_, control_.ranking_subset_size);
    if (!items.empty() && validation_.valid()) try {
        if (auto samples = samples_at(validation_, items); !samples.empty()) return samples;
      } catch (const DataError& error) {
        log(LogLevel::info, "layers are ranked on samples of the calibration: {}", error.what());
      }
    std::vector<Sample> samples;
    for (int64_t number : statistics_.kept_samples.spread(control_.ranking_subset_size))
      samples.push_back(statistics_.kept_samples.load(number));
    return samples;
  }

  void rank() {
    const auto found = steps_.journal().remembered("rank " + key_of(planned_.plan), [&] {
      const std::vector<Sample> samples = ranking_samples();
      const auto terms = run_.spread
                             ? spread_noise_terms(planned_, samples, run_)
                             : noise_terms(planned_.base.impl(), planned_.plan, samples, run_);
      return exact(noise_shares(graph(), planned_.plan, groups_, terms));
    });
    shares_ = exact_list(found);
    ranked_ = true;
    remember(kFloatKey, float_);
    remember(first_key_, all_quantized_);
    std::ranges::stable_sort(order_, std::greater<>(),
                             [&](int group) { return shares_[static_cast<size_t>(group)]; });
  }

  void revert(double drop) {
    std::vector<double> ranked;
    for (int group : order_) ranked.push_back(shares_[static_cast<size_t>(group)]);
    search::SearchLimits limits;
    limits.groups = static_cast<int>(groups_.size());
    limits.max_drop = goal();
    limits.first_guess = search::first_guess(ranked, drop, control_.max_drop);
    if (control_.max_minutes > 0) limits.put_back_trials = std::numeric_limits<int>::max();
    const search::Foresight foresight{
        control_.workers.count, control_.workers.count > 1
                                    ? [&](const auto& reversals) { validate_ahead(reversals); }
                                    : decltype(search::Foresight::prepare){}};
    search::find_reversal(
        limits,
        [&](const std::vector<int>& ranks) {
          const auto reverted = groups_at(ranks);
          return tried(reverted, without(reverted),
                       fmt::format("{} of {} groups in float", reverted.size(), groups_.size()));
        },
        foresight);
    correct_again();
    stop(best_met_ ? "goal" : "every group tried");
  }

  // The first of these is wanted, the others perhaps. Nothing where it is known.
  void validate_ahead(const std::vector<std::vector<int>>& reversals) {
    if (out_of_budget()) return;
    const double begin = seconds();
    std::vector<Model> models;
    std::vector<std::string> keys;
    for (const std::vector<int>& ranks : reversals) {
      const Plan plan = without(groups_at(ranks));
      std::string key = key_of(plan);
      const bool known = ahead_.contains(key) || steps_.journal().has(key);
      if (known && keys.empty()) return;
      if (known || (control_.max_num_iterations &&
                    iterations_ + std::ssize(keys) >= *control_.max_num_iterations))
        continue;
      models.push_back(write(planned_.base, *recipe_of(planned_, plan, options_), plan));
      keys.push_back(std::move(key));
    }
    const std::vector<Evaluation> found = control_.workers.validate(models);
    if (found.size() != models.size())
      fail<InvalidArgument>(kWhere,
                            "workers validated {} of {} models. One evaluation each is due.",
                            found.size(), models.size());
    for (size_t i = 0; i < found.size(); ++i) {
      if (std::isfinite(found[i].metric)) remember(keys[i], found[i]);
      ahead_.emplace(keys[i], found[i]);
    }
    longest_ = std::max(longest_, seconds() - begin);
  }

  std::vector<int> groups_at(const std::vector<int>& ranks) const {
    std::vector<int> groups;
    for (int rank : ranks) groups.push_back(order_[static_cast<size_t>(rank)]);
    std::ranges::sort(groups);
    return groups;
  }

  Plan without(const std::vector<int>& reverted) const {
    return without_groups(graph(), planned_.plan, groups_, reverted,
                          control_.restore_mode == RestoreMode::only_activations);
  }

  // The corrections were measured with all quantizers on. With some of them gone others may suit
  // better, or not.
  void correct_again() {
    Plan plan = without(best_groups_);
    if (best_groups_.empty() || plan.quantizers.empty() ||
        options_.advanced_parameters.disable_bias_correction || out_of_budget())
      return;
    correct_biases(planned_.base.impl(), statistics_, options_, run_, plan);
    tried(best_groups_, plan, "biases corrected again");
  }

  bool out_of_budget() {
    if (control_.max_num_iterations && iterations_ >= *control_.max_num_iterations)
      return stop("max_num_iterations"), true;
    if (control_.max_minutes > 0 && seconds() + longest_ > 60 * control_.max_minutes)
      return stop("max_minutes"), true;
    return false;
  }

  double seconds() const { return std::chrono::duration<double>(Clock::now() - begin_).count(); }

  // Writes and validates a model, and keeps it if it is the best. Its drop, or nothing when time or
  // iterations are over.
  std::optional<double> tried(const std::vector<int>& reverted, const Plan& plan,
                              const std::string& what) {
    const bool first = result_.trials.empty();
    if (!first && out_of_budget()) return std::nullopt;
    if (run_.progress) run_.progress({"validate", static_cast<int64_t>(result_.trials.size()), 0});
    const double begin = seconds();
    const Model model = write(planned_.base, *recipe_of(planned_, plan, options_), plan);
    const std::string key = key_of(plan);
    if (first) first_key_ = key;
    Evaluation evaluation =
        validated(model, first ? "the quantized model" : "a model with " + what, key);
    const double drop = accuracy::drop_of(float_.metric, evaluation.metric, control_.drop_type);
    const auto quantizers = static_cast<int64_t>(plan.quantizers.size());
    result_.trials.push_back({what, evaluation.metric, drop, quantizers, seconds() - begin});
    longest_ = std::max(longest_, seconds() - begin);
    if (first)
      all_quantized_ = std::move(evaluation);
    else
      ++iterations_;
    if (first || is_better(drop, quantizers)) take(model, plan, reverted, result_.trials.back());
    return drop;
  }

  bool is_better(double drop, int64_t quantizers) const {
    const bool met = drop <= goal();
    if (met != best_met_) return met;
    if (met && quantizers != result_.quantizers) return quantizers > result_.quantizers;
    return drop < result_.drop;
  }

  void take(const Model& model, const Plan& plan, const std::vector<int>& reverted,
            const TrialReport& trial) {
    best_met_ = trial.drop <= goal();
    best_groups_ = reverted;
    best_plan_ = plan;
    result_.model = model;
    result_.metric = trial.metric;
    result_.drop = trial.drop;
    result_.quantizers = trial.quantizers;
    describe();
    best_file_.save(model, result_.to_json());
  }

  // Groups of the best model and the rest, in the order of suspicion.
  void describe() {
    result_.reached = best_met_;
    result_.seconds = seconds();
    result_.reverted.clear();
    result_.suspects.clear();
    for (int group : order_) {
      const auto& members = groups_[static_cast<size_t>(group)];
      GroupReport report{
          {}, static_cast<int64_t>(members.quantizers.size()), shares_[static_cast<size_t>(group)]};
      for (NodeId node : members.layers) report.layers.push_back(graph().node(node).name);
      const bool reverted = std::ranges::find(best_groups_, group) != best_groups_.end();
      (reverted ? result_.reverted : result_.suspects).push_back(std::move(report));
    }
  }

  AccuracyResult finish() {
    describe();
    for (const std::string& text : result_.notes) best_plan_.notes.push_back(text);
    steps_.report().samples = statistics_.samples();
    fill(steps_.report(), graph(), recipe_of(planned_, best_plan_, options_), best_plan_);
    steps_.finish();
    best_file_.save(result_.model, result_.to_json());  // the last word on what was tried
    if (result_.reached) return std::move(result_);
    const std::string failure = result_.failure();
    if (control_.on_failure == OnFailure::raise)
      throw AccuracyNotReached(failure, std::move(result_));
    log(LogLevel::warning, "{}", failure);
    return std::move(result_);
  }

  const Model& model_;
  const Calibration& calibration_;
  const Dataset& validation_;
  const ValidationFunction& validate_;
  QuantizeOptions options_;
  std::optional<Tuner> tuner_;
  const AccuracyControlOptions& control_;
  RunOptions run_;
  const Clock::time_point begin_ = Clock::now();
  Steps steps_;
  BestModel best_file_;

  Evaluation float_, all_quantized_;
  records::StatisticsData statistics_;
  Planned planned_;
  std::vector<search::QuantizerGroup> groups_;
  std::string first_key_;  // of the journal, for the model with all quantizers
  bool ranked_ = false;
  // by the keys of the journal: what workers have validated, asked for or not
  std::map<std::string, Evaluation> ahead_;
  std::vector<double> shares_;    // by group
  std::vector<int> order_;        // groups, most suspicious first
  std::vector<int> best_groups_;  // in float in the best model
  Plan best_plan_;
  bool best_met_ = false;
  int64_t iterations_ = 0;
  double longest_ = 0;  // seconds of a trial
  AccuracyResult result_;
};

}  // namespace

std::string AccuracyResult::to_json() const {
  const ordered_json json = {{"reached", reached},
                             {"float_metric", float_metric},
                             {"metric", metric},
                             {"drop", drop},
                             {"max_drop", max_drop},
                             {"drop_type", to_string(drop_type)},
                             {"quantizers", quantizers},
                             {"all_quantizers", all_quantizers},
                             {"stopped_by", stopped_by},
                             {"seconds", seconds},
                             {"notes", notes},
                             {"trials", json_of(trials)},
                             {"reverted", json_of(reverted)},
                             {"suspects", json_of(suspects)}};
  return json.dump(2);
}

std::string AccuracyResult::failure() const {
  std::vector<std::string> layers;
  for (const GroupReport& group : suspects)
    if (layers.size() < 5 && !group.layers.empty()) layers.push_back(group.layers[0]);
  const std::string advice =
      layers.empty()
          ? "Allow a larger drop"
          : fmt::format("Allow more time or a larger drop; most suspicious of what is left: {}",
                        fmt::join(layers, ", "));
  return fmt::format(
      "[{}] the metric fell from {:.6g} to {:.6g}, a drop of {:.6g} ({}), and max_drop is {:.6g}. "
      "{} of {} quantizers "
      "are left in that model; stopped by: {}. {}.",
      kWhere, float_metric, metric, drop, to_string(drop_type), max_drop, quantizers,
      all_quantizers, stopped_by, advice);
}

namespace {

AccuracyResult controlled(const Model& model, const Calibration& calibration,
                          const Dataset& validation_data, const ValidationFunction& validate,
                          const QuantizeOptions& options, const AccuracyControlOptions& control,
                          const RunOptions& run) {
  check(control);
  if (!validate)
    fail<InvalidArgument>(
        kWhere, "there is no validation function. Pass one that yields a model's metric.");
  return AccuracyControl(model, calibration, validation_data, validate, options, control, run)
      .run();
}

}  // namespace

AccuracyResult quantize_with_accuracy_control(const Model& model, const Dataset& calibration_data,
                                              const Dataset& validation_data,
                                              const ValidationFunction& validate,
                                              const QuantizeOptions& options,
                                              const AccuracyControlOptions& control,
                                              const RunOptions& run) {
  return controlled(model, calibration_data, validation_data, validate, options, control, run);
}

AccuracyResult quantize_with_accuracy_control(const Model& model, const Statistics& statistics,
                                              const Dataset& validation_data,
                                              const ValidationFunction& validate,
                                              const QuantizeOptions& options,
                                              const AccuracyControlOptions& control,
                                              const RunOptions& run) {
  check_model(model, statistics);
  return controlled(model, statistics, validation_data, validate, options, control, run);
}

}  // namespace eightbit
