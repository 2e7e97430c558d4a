#include "pipeline/planned.h"

#include <eightbit/eightbit.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "algorithms/algorithm.h"
#include "algorithms/bias_correction.h"
#include "algorithms/left_out_layers.h"
#include "base/error.h"
#include "base/log.h"
#include "graph/transformer.h"
#include "kernels/float_products.h"
#include "kernels/kernel_fit.h"
#include "pipeline/algorithm_run.h"
#include "pipeline/measure.h"
#include "pipeline/quantized_already.h"
#include "pipeline/run_facts.h"
#include "pipeline/trial/measured_placement.h"
#include "pipeline/trial/trial_run.h"
#include "placement/placement.h"
#include "quant/plan_json.h"

namespace eightbit {
namespace {

// Where the scheme is free, placement offers asymmetric quantizers; min-max then picks by error.
QuantizeOptions with_free_scheme(QuantizeOptions options) {
  if (!options.preset && !options.mode && options.recipe == Recipe::eightbit)
    options.preset = Preset::mixed;
  return options;
}

// As NNCF does, unless it is told the size of a batch.
bool counts_whole_batches(const QuantizeOptions& options) {
  return options.recipe == Recipe::nncf &&
         !options.advanced_parameters.batchwise_statistics.value_or(false);
}

int64_t samples_to_keep(const QuantizeOptions& options) {
  const int64_t wanted = algorithms::samples_wanted(options);
  return options.trial_run ? kept_with_trial(wanted) : wanted;
}

constexpr double kShare = 0.02;           // of the time, that writing may take
constexpr double kBytesASecond = 50e6;    // of a journal, with all that belongs to it
constexpr double kMostSeconds = 15;       // that may be lost
constexpr double kBytesOfTensorByte = 4;  // of numbers as text

double bytes_of(const Plan& plan) {
  double bytes = 0;
  for (const ConstantReplacement& c : plan.constants)
    bytes += static_cast<double>(c.tensor.byte_size());
  return kBytesOfTensorByte * bytes;
}

// The plan after each algorithm, in the journal: what took long is not done again. A plan with new
// weights is large. It is kept where writing it takes little of the time that has passed since the
// last one was, or where that is long in any case.
class DoneSteps {
 public:
  // All that is given must outlive it. `placed`: the plan that the first algorithm starts from.
  DoneSteps(const Graph& graph, const QuantizeOptions& options, const Plan& placed,
            Journal& journal);

  // True where an earlier run has got further than this: then that is what `plan` and `run` hold
  // before the first algorithm that it has not done.
  bool take(std::string_view algorithm, AlgorithmRun& run, Plan& plan);
  void add(std::string_view algorithm, const AlgorithmRun& run, const Plan& plan);

 private:
  using Clock = std::chrono::steady_clock;
  std::string key(std::string_view algorithm) const;

  const Graph& graph_;
  Journal& journal_;
  std::string start_;
  // the last algorithm that an earlier run has kept; empty: none
  std::string furthest_;
  Clock::time_point saved_ = Clock::now();
};

DoneSteps::DoneSteps(const Graph& graph, const QuantizeOptions& options, const Plan& placed,
                     Journal& journal)
    : graph_(graph), journal_(journal) {
  if (!journal_.kept()) return;
  start_ = digest(to_json(options) + write_plan(placed, graph, Tensors::left_out).dump());
  for (const algorithms::Algorithm* algorithm : algorithms::list())
    if (journal_.has(key(algorithm->name))) furthest_ = algorithm->name;
}

std::string DoneSteps::key(std::string_view algorithm) const {
  return std::string(algorithm) + " " + start_;
}

bool DoneSteps::take(std::string_view algorithm, AlgorithmRun& run, Plan& plan) {
  if (furthest_.empty()) return false;
  if (furthest_ != algorithm) return true;
  const auto found = journal_.find(key(algorithm));
  Plan change = read_plan(found->at("change"), graph_);
  if (!change.constants.empty()) run.change_network(std::move(change));
  plan = read_plan(found->at("plan"), graph_);
  log(LogLevel::info, "resumed after {}", algorithm);
  furthest_.clear();
  saved_ = Clock::now();
  return true;
}

void DoneSteps::add(std::string_view algorithm, const AlgorithmRun& run, const Plan& plan) {
  if (!journal_.kept()) return;
  // a plan without ranges is no recipe, and nothing in front of these takes long
  if (!std::ranges::all_of(plan.quantizers, &Quantizer::has_range)) return;
  const double seconds = std::chrono::duration<double>(Clock::now() - saved_).count();
  const double cost = (bytes_of(plan) + bytes_of(run.change())) / kBytesASecond;
  if (cost > kShare * seconds && seconds < kMostSeconds) return;
  journal_.add(key(algorithm), {{"change", write_plan(run.change(), graph_, Tensors::included)},
                                {"plan", write_plan(plan, graph_, Tensors::included)}});
  saved_ = Clock::now();
}

}  // namespace

QuantizeOptions with_model_type(const backends::Network& model, QuantizeOptions options) {
  const bool free = !options.model_type && options.recipe == Recipe::eightbit;
  if (free && !model.placement() && is_transformer(model.graph()))
    options.model_type = ModelType::transformer;
  return options;
}

namespace {

// Scales in front of convolutions are for runtimes that take them for nothing, unless somebody
// asks.
QuantizeOptions with_smoothing(const backends::Network& model, QuantizeOptions options) {
  std::optional<double>& alpha = options.advanced_parameters.smooth_quant_alphas.convolution;
  if (!alpha && !kernels_for(model.kernels(), options).quantizers_scale_channels) alpha = -1.0;
  return options;
}

}  // namespace

Plan place(const backends::Network& model, const QuantizeOptions& options) {
  const Graph& graph = model.graph();
  std::optional<Plan> own = model.placement();
  const Kernels kernels = kernels_for(model.kernels(), options);
  Plan plan = own ? *std::move(own) : placement::place(graph, with_free_scheme(options), kernels);
  if (is_cpu(options.target_device)) leave_products_in_float(graph, kernels, plan);
  prepare_for_kernels(graph, kernels, plan);
  plan.compress_weights = options.advanced_parameters.compress_weights;
  algorithms::prepare(graph, options, plan);
  return plan;
}

Plan place_and_check(const backends::Network& model, QuantizeOptions& options,
                     const records::StatisticsData* statistics) {
  const bool asked = options.model_type.has_value();
  options = with_smoothing(model, with_model_type(model, options));
  Plan plan = place(model, options);
  if (is_gna(options.target_device)) {
    plan.notes.push_back(
        fmt::format("target_device {}: no current runtime has its plug-in. The model holds 16-bit "
                    "quantizers, and "
                    "a CPU computes it in floats",
                    to_string(options.target_device)));
    log(LogLevel::warning, "{}", plan.notes.back());
  }
  if (std::string warning = quantized_already(model.graph()); !warning.empty()) {
    log(LogLevel::warning, "{}", warning);
    plan.notes.push_back(std::move(warning));
  }
  if (!asked && options.model_type)
    plan.notes.push_back(
        fmt::format("model_type: {}, as the model has attention", to_string(*options.model_type)));
  report_without_effect(without_effect(options), plan.notes);
  report_without_effect(
      without_effect(options, run_facts(model.graph(), plan, options, statistics)), plan.notes);
  return plan;
}

Plan place(const Model& model, QuantizeOptions& options, Steps& steps,
           const records::StatisticsData* statistics) {
  validate(options);
  steps("read", [&] { model.impl().graph(); });
  return steps("place", [&] { return place_and_check(model.impl(), options, statistics); });
}

records::StatisticsData measure_for(const Model& model, std::span<const Candidate> candidates,
                                    const Dataset& dataset, const RunOptions& run, int64_t keep,
                                    OnSpeed on_speed) {
  const Graph& graph = model.impl().graph();
  const QuantizeOptions& first = candidates.front().options;
  algorithms::Request wanted(graph);
  MeasureOptions measured{first.subset_size,  {}, keep, {}, counts_whole_batches(first),
                          std::move(on_speed)};
  for (const Candidate& candidate : candidates) {
    algorithms::request(graph, candidate.plan, candidate.options, wanted);
    measured.keep = std::max(measured.keep, samples_to_keep(candidate.options));
  }
  measured.facts["options"] = to_json(first);
  return measure(model.impl(), wanted.taps.points(), std::move(wanted.layers), dataset, measured,
                 run);
}

records::StatisticsData measure_for(const Model& model, const Plan& plan, const Dataset& dataset,
                                    const QuantizeOptions& options, const RunOptions& run,
                                    int64_t keep, OnSpeed on_speed) {
  const Candidate only{"", options, plan};
  return measure_for(model, std::span(&only, 1), dataset, run, keep, std::move(on_speed));
}

void check_model(const Model& model, const Statistics& statistics) {
  if (statistics.model_fingerprint() != model.impl().fingerprint())
    fail<InvalidArgument>(
        "quantize",
        "these statistics belong to another model ({}, this one is {}). Calibrate this model.",
        statistics.model_fingerprint(), model.impl().fingerprint());
}

void open_journal(std::string_view what, const Model& model, const QuantizeOptions& options,
                  const RunOptions& run, Steps& steps) {
  steps.journal() = Journal(journal_path(run.checkpoint),
                            {{"what", what},
                             {"eightbit", version()},
                             {"backend", model.impl().backend()},
                             {"model", model.impl().fingerprint()},
                             {"options", nlohmann::ordered_json::parse(to_json(options))}});
}

void belongs_to(const records::StatisticsData& statistics, Journal& journal) {
  if (journal.kept()) journal.require("statistics", fmt::format("{:016x}", statistics.hash()));
}

void correct_biases(const backends::Network& model, const records::StatisticsData& statistics,
                    const QuantizeOptions& options, const RunOptions& run, Plan& plan) {
  AlgorithmRun on_model(model, statistics, options, run);
  algorithms::correct_biases(on_model, plan);
}

Planned complete(const Model& model, const records::StatisticsData& statistics, Plan plan,
                 const QuantizeOptions& options, const RunOptions& run, Steps& steps,
                 const std::function<void(const Planned& so_far)>& before_judged) {
  algorithms::leave_unseen_in_float(statistics, plan);
  if (options.recipe == Recipe::eightbit)
    algorithms::leave_faint_inputs_in_float(model.impl().graph(), statistics, plan);
  AlgorithmRun on_model(model.impl(), statistics, options, run);
  DoneSteps done(model.impl().graph(), options, plan, steps.journal());
  const auto so_far = [&](Plan with) {
    return Planned{model, on_model.changed().valid() ? on_model.changed() : model,
                   on_model.change(), std::move(with), algorithms::samples_wanted(options)};
  };
  for (const algorithms::Algorithm* algorithm : algorithms::list())
    if (algorithm->applies(options))
      steps(algorithm->name, [&] {
        if (done.take(algorithm->name, on_model, plan)) return;
        if (algorithm->judged && before_judged) before_judged(so_far(plan));
        algorithm->apply(on_model, plan);
        done.add(algorithm->name, on_model, plan);
      });
  warn_if_empty(plan);
  return so_far(std::move(plan));
}

void warn_if_empty(const Plan& plan) {
  if (!plan.quantizers.empty()) return;
  if (std::ranges::any_of(plan.left_float, [](const FloatReason& left) {
        return left.reason.starts_with(kDoNotPay);
      }))
    return;
  log(LogLevel::warning,
      "nothing was quantized: no op of this model can run in 8 bits with these options. See "
      "`eightbit plan`.");
}

std::shared_ptr<const RecipeContent> recipe_of(const Planned& planned, const Plan& plan,
                                               const QuantizeOptions& options,
                                               const std::optional<TrialRun>& trial) {
  auto recipe = std::make_shared<RecipeContent>();
  recipe->version = version();
  recipe->backend = planned.model.impl().backend();
  recipe->fingerprint = planned.model.impl().fingerprint();
  recipe->options = options;
  recipe->model = planned.model;
  recipe->alignment = planned.alignment;
  recipe->plan = plan;
  if (trial) recipe->trial = nlohmann::ordered_json::parse(trial->to_json(false)).dump();
  return recipe;
}

Model write(const Model& base, const RecipeContent& recipe, const Plan& plan) {
  return Model(base.impl().apply(plan, metadata_of(recipe)));
}

void fill(Report& report, const Graph& graph, std::shared_ptr<const RecipeContent> recipe,
          const Plan& plan) {
  for (const Quantizer& q : plan.quantizers)
    ++(q.weight ? report.weight_quantizers : report.activation_quantizers);
  report.corrected_biases = static_cast<int64_t>(plan.biases.size());
  report.notes = plan.notes;
  report.plan_text = to_text(plan, graph, true);
  report.plan_json = to_json(plan, graph);
  report.recipe = QuantizationRecipe(std::move(recipe));
}

}  // namespace eightbit
