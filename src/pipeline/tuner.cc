#include "pipeline/tuner.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <tuple>

#include "algorithms/algorithm.h"
#include "base/error.h"
#include "base/log.h"
#include "config/effects.h"
#include "pipeline/measure.h"
#include "pipeline/spread_work.h"
#include "pipeline/steps.h"
#include "search/noise.h"

namespace eightbit {
namespace {

// samples to judge by: so many, or a quarter of those that are kept
constexpr int64_t kJudges = 24, kShare = 4;
constexpr double kClearlyBetter = 0.05;  // dB

std::vector<backends::Comparison> outputs_of(const Graph& graph) {
  std::vector<backends::Comparison> outputs;
  for (const Node& node : graph.nodes)
    if (node.op == Op::result && node.owner == kNone &&
        is_float(graph.value(node.inputs.at(0)).dtype))
      outputs.push_back({node.inputs[0], kNone});
  return outputs;
}

std::string key_of(const QuantizeOptions& options) { return "tune " + to_json(options); }

RangeEstimatorParameters estimator(AggregatorType low, AggregatorType high) {
  return {{.statistics_type = StatisticsType::min, .aggregator_type = low},
          {.statistics_type = StatisticsType::max, .aggregator_type = high}};
}

}  // namespace

Tuner::Tuner(const Model& model, const QuantizeOptions& options) : model_(model), asked_(options) {
  refuse_trial_options(options, "tune");
}

std::vector<Tuner::Kind> Tuner::kinds(const QuantizeOptions& asked) {
  const AdvancedParameters& advanced = asked.advanced_parameters;
  std::vector<Kind> out;
  if (asked.model_type == ModelType::transformer && !advanced.smooth_quant_alphas.matmul) {
    Kind& kind = out.emplace_back();
    for (double alpha : {0.5, 0.65, 0.8})
      kind.push_back({fmt::format("smooth_quant_alphas.matmul={}", alpha), [=](QuantizeOptions& o) {
                        o.advanced_parameters.smooth_quant_alphas.matmul = alpha;
                      }});
  }
  if (!asked.preset && !asked.mode)
    out.push_back(
        {{"preset=performance", [](QuantizeOptions& o) { o.preset = Preset::performance; }},
         {"preset=mixed", [](QuantizeOptions& o) { o.preset = Preset::mixed; }}});
  if (advanced.activations_range_estimator_params.empty()) {
    const auto choice = [](const char* name, RangeEstimatorParameters params) {
      return std::pair<std::string, Change>(
          fmt::format("activations_range_estimator_params={}", name), [=](QuantizeOptions& o) {
            o.advanced_parameters.activations_range_estimator_params = params;
          });
    };
    out.push_back(
        {choice("mean of extremes", estimator(AggregatorType::mean, AggregatorType::mean)),
         choice("extremes", estimator(AggregatorType::min, AggregatorType::max))});
  }
  if (advanced.disable_channel_alignment)
    out.push_back({{"disable_channel_alignment=false", [](QuantizeOptions& o) {
                      o.advanced_parameters.disable_channel_alignment = false;
                    }}});
  if (!asked.weight_rounding && !asked.mode)
    out.push_back({{"weight_rounding=adaptive",
                    [](QuantizeOptions& o) { o.weight_rounding = WeightRounding::adaptive; }}});
  if (asked.fast_bias_correction && !advanced.disable_bias_correction)
    out.push_back({{"fast_bias_correction=false",
                    [](QuantizeOptions& o) { o.fast_bias_correction = false; }}});
  return out;
}

Candidate Tuner::candidate(const std::string& what, const QuantizeOptions& options) const {
  return {what, options, place(model_.impl(), options)};
}

std::vector<Candidate> Tuner::all() const {
  std::vector<Candidate> out = {candidate("as asked", asked_)};
  for (const Kind& kind : kinds(asked_))
    for (const auto& [what, change] : kind) {
      QuantizeOptions options = asked_;
      change(options);
      out.push_back(candidate(what, options));
    }
  return out;
}

records::StatisticsData Tuner::measure(const Dataset& dataset, const RunOptions& run,
                                       int64_t keep) {
  return with_judges_aside(
      measure_for(model_, all(), dataset, run, std::max(keep, kInputsForAnyOptions)));
}

records::StatisticsData Tuner::with_judges_aside(records::StatisticsData data) {
  const auto kept = static_cast<int64_t>(data.kept_samples.size());
  if (kept < 2)
    fail<DataError>(
        "tune", "the dataset gave one sample. Give at least two: one is set aside, to judge by.");
  const auto judges = data.kept_samples.spread(std::clamp(kept / kShare, int64_t{1}, kJudges));
  records::KeptSamples rest;
  for (int64_t number : data.kept_samples.numbers())
    (std::ranges::binary_search(judges, number) ? judges_ : rest)
        .add(number, data.kept_samples.load(number));
  data.kept_samples = std::move(rest);
  return data;
}

double Tuner::sqnr_db(const Planned& planned, const RunOptions& run) const {
  const backends::Network& base = planned.base.impl();
  backends::PlanComparison compared{&planned.plan, outputs_of(base.graph())};
  const auto noise = measure_noise(base, std::move(compared), run.threads,
                                   each_of(judges_, judges_.numbers()), [] {});
  double sum = 0;
  for (const Noise& output : noise) sum += std::min(output.sqnr_db(), 100.0);
  return noise.empty() ? 0 : sum / static_cast<double>(noise.size());
}

double Tuner::judged(const QuantizeOptions& options, const records::StatisticsData& statistics,
                     const RunOptions& run) const {
  Steps unused(run);
  return sqnr_db(complete(model_, statistics, place(model_.impl(), options), options, run, unused),
                 run);
}

// The samples to judge by are kept samples again: workers set them aside as it was done here.
std::vector<double> Tuner::spread(const std::vector<Candidate>& candidates,
                                  const records::StatisticsData& statistics,
                                  const RunOptions& run) const {
  records::StatisticsData whole = statistics.copy();
  whole.kept_samples.add(judges_);
  std::vector<QuantizeOptions> options;
  for (const Candidate& candidate : candidates) options.push_back(candidate.options);
  return spread_candidates(model_, asked_, whole, options, run);
}

Tuned Tuner::tune(const records::StatisticsData& statistics, const RunOptions& run,
                  Journal& journal) const {
  const std::vector<Kind> kinds = Tuner::kinds(asked_);
  int64_t total = 1;
  for (const Kind& kind : kinds) total += static_cast<int64_t>(kind.size());
  RunOptions quiet = run;
  Tuned out{candidate("as asked", asked_), {model_, model_, {}, {}, 0}, {}};
  quiet.progress = [&](const Progress&) {  // lets the caller stop within a candidate
    if (run.progress) run.progress({"tune", static_cast<int64_t>(out.trials.size()), total});
  };
  const auto completed = [&](const Candidate& candidate) {
    Steps unused(quiet);
    return complete(model_, statistics, candidate.plan, candidate.options, quiet, unused);
  };
  // Of what an earlier run has tried, only the best one is made again.
  const auto tried = [&](const Candidate& candidate) {
    std::optional<Planned> planned;
    const auto found = journal.remembered(key_of(candidate.options), [&] {
      const auto begin = std::chrono::steady_clock::now();
      planned = completed(candidate);
      const double db = sqnr_db(*planned, quiet);
      const double seconds =
          std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
      return Journal::Json{{"sqnr_db", exact(db)}, {"seconds", seconds}};
    });
    const double db = exact(found.at("sqnr_db"));
    out.trials.push_back({candidate.what, db, found.at("seconds")});
    log(LogLevel::info, "tune: {}: {:.2f} dB", candidate.what, db);
    return std::pair(std::move(planned), db);
  };
  // Where others work, all of a kind at once; what they found is looked up as in a journal.
  const auto spread_out = [&](const std::vector<Candidate>& candidates) {
    if (!run.spread) return;
    std::vector<Candidate> open;
    for (const Candidate& candidate : candidates)
      if (!journal.has(key_of(candidate.options))) open.push_back(candidate);
    const std::vector<double> decibels =
        open.empty() ? std::vector<double>() : spread(open, statistics, quiet);
    for (size_t i = 0; i < open.size(); ++i)
      journal.add(key_of(open[i].options), {{"sqnr_db", exact(decibels[i])}, {"seconds", 0.0}});
  };
  double best = 0;
  std::optional<Planned> best_planned;
  std::tie(best_planned, best) = tried(out.best);
  for (const Kind& kind : kinds) {
    const QuantizeOptions from = out.best.options;
    std::vector<Candidate> candidates;
    for (const auto& [what, change] : kind) {
      QuantizeOptions options = from;
      change(options);
      candidates.push_back(candidate(what, options));
    }
    spread_out(candidates);
    for (Candidate& next : candidates) {
      auto [planned, db] = tried(next);
      if (db < best + kClearlyBetter) continue;
      best = db;
      out.best = std::move(next);
      best_planned = std::move(planned);
    }
  }
  out.planned = best_planned ? *std::move(best_planned) : completed(out.best);
  out.planned.plan.notes.push_back(
      fmt::format("tuned: {} trials, {:.2f} dB as asked, {:.2f} dB at best", out.trials.size(),
                  out.trials.front().sqnr_db, best));
  return out;
}

}  // namespace eightbit
