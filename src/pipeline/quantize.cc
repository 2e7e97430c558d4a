// The pipeline from a float model to a quantized one, step by step.
#include <eightbit/eightbit.h>
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "algorithms/bias_correction.h"
#include "algorithms/channel_alignment.h"
#include "algorithms/fast_bias_correction.h"
#include "algorithms/min_max.h"
#include "algorithms/smooth_quant.h"
#include "algorithms/weight_rounding.h"
#include "backends/network.h"
#include "base/error.h"
#include "base/log.h"
#include "graph/transformer.h"
#include "kernels/float_products.h"
#include "kernels/kernel_fit.h"
#include "kernels/unfused.h"
#include "pipeline/measure.h"
#include "pipeline/measured_placement.h"
#include "pipeline/planned.h"
#include "pipeline/quality_floor.h"
#include "pipeline/quantized_already.h"
#include "pipeline/recipe_content.h"
#include "pipeline/run_facts.h"
#include "pipeline/steps.h"
#include "pipeline/trial_run.h"
#include "pipeline/tuner.h"
#include "pipeline/why_not_faster.h"
#include "placement/placement.h"
#include "quant/plan_json.h"
#include "search/best_model.h"

namespace eightbit {
namespace {

// Recipe nncf corrects from the means of the records, unless it is asked to take its time.
bool corrects_in_closed_form(const QuantizeOptions& options) {
  return options.recipe == Recipe::nncf && options.fast_bias_correction;
}

// True where bias correction runs the network.
bool corrects_by_running(const QuantizeOptions& options) {
  return !options.advanced_parameters.disable_bias_correction && !corrects_in_closed_form(options);
}

bool rounds_adaptively(const QuantizeOptions& options) {
  if (options.weight_rounding) return options.weight_rounding == WeightRounding::adaptive;
  // biases keep the means
  return corrects_by_running(options) && options.recipe == Recipe::eightbit && !options.mode;
}

// Samples that are run again: a few; more when asked to take its time.
int64_t correction_samples(const QuantizeOptions& options) {
  if (!corrects_by_running(options)) return 0;
  return options.fast_bias_correction ? algorithms::kCorrectionSamples
                                      : algorithms::kCarefulCorrectionSamples;
}
int64_t rounding_samples(const QuantizeOptions& options) {
  if (!rounds_adaptively(options)) return 0;
  return algorithms::rounds_thoroughly(options) ? algorithms::kCarefulRoundingSamples
                                                : algorithms::kRoundingSamples;
}
int64_t samples_wanted(const QuantizeOptions& options) {
  return std::max(correction_samples(options), rounding_samples(options));
}
int64_t samples_to_keep(const QuantizeOptions& options) {
  return options.trial_run ? std::max(2 * samples_wanted(options), kTrialSamples)
                           : samples_wanted(options);
}

// Of those that are kept, as many as a correction asks for and the trial run leaves.
std::vector<int64_t> samples_for(const records::StatisticsData& statistics,
                                 const QuantizeOptions& options, int64_t wanted) {
  if (!options.trial_run) return statistics.kept_samples.spread(wanted);
  return spread_over(split_samples(statistics.kept_samples, samples_wanted(options)).correction,
                     wanted);
}

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

void request(const Graph& graph, const Plan& plan, const QuantizeOptions& options,
             records::TapRequest& taps) {
  if (algorithms::smooth_quant_applies(options))
    algorithms::smooth_quant_request(graph, plan, options, taps);
  if (!options.advanced_parameters.disable_channel_alignment)
    algorithms::channel_alignment_request(graph, plan, taps);
  algorithms::min_max_request(graph, plan, options, taps);
  if (!options.advanced_parameters.disable_bias_correction && corrects_in_closed_form(options))
    algorithms::fast_bias_correction_request(graph, plan, taps);
  if (rounds_adaptively(options)) algorithms::weight_rounding_request(graph, plan, options, taps);
}

// Layers whose means bias correction compares.
std::vector<records::Point> layers_for(const Graph& graph, const Plan& plan,
                                       const QuantizeOptions& options) {
  if (!corrects_by_running(options)) return {};
  return algorithms::layer_points(graph, algorithms::bias_probes(graph, plan));
}

// The model that everything after it starts from. Its graph is the same but for the constants.
Model aligned(const Model& model, const Plan& network) {
  if (network.constants.empty()) return model;
  const Graph& graph = model.impl().graph();
  Model out(model.impl().apply(network, {}));
  EIGHTBIT_CHECK(
      std::ranges::equal(graph.nodes, out.impl().graph().nodes, {}, &Node::name, &Node::name),
      "channel alignment changed more than constants");
  return out;
}

// Quantizers that turned out the same become one: products that read one value share its
// quantization.
void share_equal_quantizers(Plan& plan) {
  std::vector<Quantizer> kept;
  const auto scale_of = [&](const Quantizer& q) { return scale_at(plan, q.uses.front()); };
  for (Quantizer& q : plan.quantizers) {
    const auto twin = std::ranges::find_if(kept, [&](const Quantizer& k) {
      return !q.weight && !k.weight && k.value == q.value && k.spec == q.spec && k.low == q.low &&
             k.high == q.high && k.scale == q.scale && k.levels == q.levels && k.group == q.group &&
             scale_of(k) == scale_of(q);
    });
    if (twin == kept.end()) {
      kept.push_back(std::move(q));
      continue;
    }
    twin->uses.insert(twin->uses.end(), q.uses.begin(), q.uses.end());
    std::ranges::sort(twin->uses);
  }
  plan.quantizers = std::move(kept);
}

// Layers in bodies that no sample came to, and those of tensors without elements, stay in float:
// their inputs have no range.
void drop_unseen(const Graph& graph, const records::StatisticsData& statistics, Plan& plan) {
  std::set<NodeId> unseen;
  std::erase_if(plan.quantizers, [&](const Quantizer& q) {
    const int point = q.weight ? kNone : statistics.point_of(q.value);
    if (point == kNone || statistics.fold(point).count > 0) return false;
    for (const Use& use : q.uses) unseen.insert(use.node);
    return true;
  });
  for (Quantizer& q : plan.quantizers)
    if (q.weight) std::erase_if(q.uses, [&](const Use& use) { return unseen.contains(use.node); });
  std::erase_if(plan.quantizers, [](const Quantizer& q) { return q.uses.empty(); });
  for (NodeId node : unseen)
    plan.left_float.push_back({node,
                               "in a branch that no sample took, or a loop that none ran, or "
                               "without elements in all samples"});
  if (unseen.empty()) return;
  plan.notes.push_back(
      fmt::format("{} nodes stay in float: no sample took their branch of an If, ran their loop, "
                  "or had elements there",
                  unseen.size()));
  log(LogLevel::warning, "{}", plan.notes.back());
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

// Where the statistics keep no samples, weights stay on their nearest levels.
void round_weights(const backends::Network& model, const records::StatisticsData& statistics,
                   const QuantizeOptions& options, const RunOptions& run, Plan& plan) {
  const auto samples = samples_for(statistics, options, rounding_samples(options));
  if (samples.empty() && !options.weight_rounding) return;
  if (samples.empty())
    fail<InvalidArgument>(
        "quantize",
        "weight_rounding adaptive needs samples, and these statistics hold none. Calibrate "
        "again, or choose nearest.");
  const algorithms::WeightRounding rounding(model.graph(), statistics, options, plan,
                                            static_cast<int64_t>(samples.size()));
  if (rounding.taps().empty()) return;
  run_kept(model, statistics, samples, rounding.taps(), "weight rounding", run);
  plan.notes.push_back(fmt::format("weight rounding: {} layers, from {} samples",
                                   rounding.apply(plan), samples.size()));
}

// The last steps of every run.
Model written(const Model& base, std::shared_ptr<const RecipeContent> recipe, const Plan& plan,
              Steps& steps) {
  Model quantized = steps("write", [&] { return write(base, *recipe, plan); });
  fill(steps.report(), base.impl().graph(), std::move(recipe), plan);
  steps.finish();
  return quantized;
}

[[noreturn]] void fail_strictly(const Settled& settled, Model quantized) {
  AccuracyResult result;
  result.model = std::move(quantized);
  result.quantizers = result.all_quantizers = static_cast<int64_t>(settled.plan.quantizers.size());
  result.notes = settled.plan.notes;
  result.stopped_by = "min_sqnr_db";
  throw AccuracyNotReached("[quantize] " + settled.missed, std::move(result));
}

void explain(const Planned& planned, const records::StatisticsData& statistics,
             const QuantizeOptions& options, Settled& settled) {
  const Model quantized =
      write(planned.base, *recipe_of(planned, settled.plan, options), settled.plan);
  explain_speed(quantized.impl(),
                statistics.kept_samples.load(statistics.kept_samples.numbers().front()),
                options.placement, *settled.trial);
}

// From placement and statistics to the model.
Model finish(const Model& model, const records::StatisticsData& statistics, Plan plan,
             const QuantizeOptions& options, const RunOptions& run, Steps& steps) {
  const Planned planned = complete(model, statistics, std::move(plan), options, run, steps);
  steps.report().samples = statistics.samples();
  Settled settled;
  settled.plan = planned.plan;
  if (options.trial_run)
    settled = steps("trial run", [&] {
      return settle(planned, statistics, options, run, steps.seconds_of("calibrate"));
    });
  if (options.trial_run && options.placement == PlacementMode::measured)
    steps("measured placement", [&] {
      place_by_time(planned, statistics, options, run, steps.seconds_of("calibrate"), settled);
    });
  if (settled.trial && !settled.plan.quantizers.empty() && is_not_faster(*settled.trial))
    steps("times of layers", [&] { explain(planned, statistics, options, settled); });
  steps.report().trial = settled.trial;
  Model quantized = written(planned.base, recipe_of(planned, settled.plan, options, settled.trial),
                            settled.plan, steps);
  if (!settled.missed.empty() && options.strict) fail_strictly(settled, std::move(quantized));
  return quantized;
}

// Recipe nncf, and FP8, for which there are no integer kernels, put quantizers where they go for
// any runtime.
Kernels kernels_for(const backends::Network& model, const QuantizeOptions& options) {
  return options.recipe == Recipe::nncf || options.mode ? Kernels{} : model.kernels();
}

bool is_cpu(TargetDevice target) {
  return target == TargetDevice::any || target == TargetDevice::cpu ||
         target == TargetDevice::cpu_spr;
}

// Tells which options will do nothing. `statistics`: null where data is to be measured.
Plan place_and_check(const backends::Network& model, QuantizeOptions& options,
                     const records::StatisticsData* statistics = nullptr) {
  const bool asked = options.model_type.has_value();
  options = with_model_type(model, options);
  Plan plan = place(model, options);
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

}  // namespace

QuantizeOptions with_model_type(const backends::Network& model, QuantizeOptions options) {
  const bool free = !options.model_type && options.recipe == Recipe::eightbit;
  if (free && !model.placement() && is_transformer(model.graph()))
    options.model_type = ModelType::transformer;
  return options;
}

Plan place(const backends::Network& model, const QuantizeOptions& options) {
  const Graph& graph = model.graph();
  std::optional<Plan> own = model.placement();
  const Kernels kernels = kernels_for(model, options);
  Plan plan = own ? *std::move(own) : placement::place(graph, with_free_scheme(options), kernels);
  if (is_cpu(options.target_device)) leave_products_in_float(graph, kernels, plan);
  prepare_for_kernels(graph, kernels, plan);
  plan.compress_weights = options.advanced_parameters.compress_weights;
  if (algorithms::smooth_quant_applies(options))
    algorithms::smooth_quant_prepare(graph, options, plan);
  return plan;
}

Plan place(const Model& model, QuantizeOptions& options, Steps& steps,
           const records::StatisticsData* statistics) {
  validate(options);
  steps("read", [&] { model.impl().graph(); });
  return steps("place", [&] { return place_and_check(model.impl(), options, statistics); });
}

records::StatisticsData measure_for(const Model& model, std::span<const Candidate> candidates,
                                    const Dataset& dataset, const RunOptions& run, int64_t keep) {
  const Graph& graph = model.impl().graph();
  const Candidate& first = candidates.front();
  records::TapRequest taps(graph);
  MeasureOptions measured{
      first.options.subset_size, {}, keep, {}, counts_whole_batches(first.options)};
  for (const Candidate& candidate : candidates) {
    request(graph, candidate.plan, candidate.options, taps);
    measured.keep = std::max(measured.keep, samples_to_keep(candidate.options));
  }
  measured.facts["options"] = to_json(first.options);
  return measure(model.impl(), taps.points(), layers_for(graph, first.plan, first.options), dataset,
                 measured, run);
}

records::StatisticsData measure_for(const Model& model, const Plan& plan, const Dataset& dataset,
                                    const QuantizeOptions& options, const RunOptions& run,
                                    int64_t keep) {
  const Candidate only{"", options, plan};
  return measure_for(model, std::span(&only, 1), dataset, run, keep);
}

void correct_biases(const backends::Network& model, const records::StatisticsData& statistics,
                    const QuantizeOptions& options, const RunOptions& run, Plan& plan) {
  if (options.advanced_parameters.disable_bias_correction) return;
  const auto samples = samples_for(statistics, options, correction_samples(options));
  std::optional<std::vector<BiasShift>> measured;
  plan.biases.clear();  // shifts are those of the network without any
  if (!corrects_in_closed_form(options)) try {
      measured =
          measure_bias_shifts(model, statistics, plan, samples, !options.fast_bias_correction, run);
    } catch (const ModelError& error) {  // the trial run will find out which layers
      plan.notes.push_back(fmt::format("bias correction is left out: {}", error.what()));
      log(LogLevel::warning, "{}", plan.notes.back());
      return;
    }
  plan.biases = measured ? std::move(*measured)
                         : algorithms::fast_bias_shifts(model.graph(), statistics, options, plan);
  plan.notes.push_back(fmt::format("bias correction: {} layers, {}", plan.biases.size(),
                                   measured ? fmt::format("from {} samples", samples.size())
                                            : "from the means of their inputs"));
}

Planned complete(const Model& model, const records::StatisticsData& statistics, Plan plan,
                 const QuantizeOptions& options, const RunOptions& run, Steps& steps) {
  drop_unseen(model.impl().graph(), statistics, plan);
  if (algorithms::smooth_quant_applies(options))
    steps("smooth quant",
          [&] { algorithms::smooth_quant(model.impl().graph(), statistics, options, plan); });
  Planned planned{model, model, {}, {}, samples_wanted(options)};
  if (!options.advanced_parameters.disable_channel_alignment)
    planned.base = steps("channel alignment", [&] {
      planned.alignment = algorithms::channel_alignment(model.impl().graph(), statistics, plan);
      return aligned(model, planned.alignment);
    });
  const backends::Network& backend = planned.base.impl();
  steps("min-max", [&] {
    algorithms::min_max(backend.graph(), statistics, options, plan);
    fit_to_kernels(backend.graph(), kernels_for(backend, options), plan);
    share_equal_quantizers(plan);
  });
  if (rounds_adaptively(options))
    steps("weight rounding", [&] { round_weights(backend, statistics, options, run, plan); });
  steps("bias correction", [&] { correct_biases(backend, statistics, options, run, plan); });
  warn_if_empty(plan);
  planned.plan = std::move(plan);
  return planned;
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

namespace {

// True where nobody asked for it, too. Throws what BestModel does.
bool keeps_best_model(const Model& model, const QuantizeOptions& options, const RunOptions& run) {
  if (run.best_model.empty()) return true;
  if (!options.trial_run || model.impl().file_extension().empty()) return false;
  BestModel(run.best_model, model);
  return true;
}

void tell_best_model_unused(Plan& plan) {
  report_without_effect(
      {{"best_model", "nothing is tried before the call returns, or the model is no file"}},
      plan.notes);
}

}  // namespace

Model quantize(const Model& model, const Dataset& dataset, const QuantizeOptions& asked,
               const RunOptions& run) {
  Steps steps(run);
  const bool kept = keeps_best_model(model, asked, run);
  QuantizeOptions options = asked;
  Plan plan = place(model, options, steps);
  if (!kept) tell_best_model_unused(plan);
  const auto statistics =
      steps("calibrate", [&] { return measure_for(model, plan, dataset, options, run); });
  return finish(model, statistics, std::move(plan), options, run, steps);
}

Model quantize(const Model& model, const Statistics& statistics, const QuantizeOptions& asked,
               const RunOptions& run) {
  Steps steps(run);
  QuantizeOptions options = asked;
  if (statistics.model_fingerprint() != model.impl().fingerprint())
    fail<InvalidArgument>(
        "quantize",
        "these statistics belong to another model ({}, this one is {}). Calibrate this model.",
        statistics.model_fingerprint(), model.impl().fingerprint());
  const bool kept = keeps_best_model(model, asked, run);
  Plan plan = place(model, options, steps, &statistics.data());
  if (!kept) tell_best_model_unused(plan);
  if (!run.checkpoint.empty())
    report_without_effect({{"checkpoint", "the statistics are given, so nothing is measured"}},
                          plan.notes);
  return finish(model, statistics.data(), std::move(plan), options, run, steps);
}

Model quantize(const Model& model, const QuantizationRecipe& recipe, const RunOptions& run) {
  Steps steps(run);
  const RecipeContent& content = recipe.content();
  const backends::Network& backend = model.impl();
  if (content.fingerprint != backend.fingerprint() || content.backend != backend.backend())
    fail<InvalidArgument>("recipe",
                          "this recipe belongs to another model ({} of {}, this one is {} of {}). "
                          "Give the float model that "
                          "it was made from, or quantize this one.",
                          content.fingerprint, content.backend, backend.fingerprint(),
                          backend.backend());
  const Graph& graph = steps("read", [&]() -> const Graph& { return backend.graph(); });
  const Plan plan = steps("place", [&] { return plan_for(content, graph); });
  const Model base = aligned(model, alignment_for(content, graph));
  warn_if_empty(plan);
  return written(base, std::make_shared<const RecipeContent>(content), plan, steps);
}

TuneResult tune(const Model& model, const Dataset& dataset, const QuantizeOptions& asked,
                const RunOptions& run) {
  Steps steps(run);
  QuantizeOptions options = asked;
  place(model, options, steps);  // mistakes first
  Tuner tuner(model, options);
  const auto statistics = steps("calibrate", [&] { return tuner.measure(dataset, run); });
  Tuned tuned = steps("tune", [&] { return tuner.tune(statistics, run); });
  steps.report().samples = statistics.samples();
  const Plan& plan = tuned.planned.plan;
  Model quantized =
      written(tuned.planned.base, recipe_of(tuned.planned, plan, tuned.best.options), plan, steps);
  return {std::move(quantized), tuned.best.options, std::move(tuned.trials)};
}

namespace {

PlannedQuantizer planned(const Graph& graph, const Quantizer& q) {
  PlannedQuantizer out{.value = q.value,
                       .name = graph.value(q.value).name,
                       .weight = q.weight,
                       .bits = q.spec.bits,
                       .symmetric = q.spec.mode == QuantizationScheme::symmetric,
                       .narrow_range = q.spec.narrow_range,
                       .is_signed = q.spec.signedness,
                       .channel_axes = q.channel_axes,
                       .group = q.group};
  for (const Use& use : q.uses) out.uses.push_back({use.node, use.port, graph.node(use.node).name});
  return out;
}

}  // namespace

PlanPreview plan(const Model& model, const QuantizeOptions& asked) {
  validate(asked);
  QuantizeOptions options = asked;
  const Graph& graph = model.impl().graph();
  const Plan plan = place_and_check(model.impl(), options);
  PlanPreview preview;
  const auto runtimes = runtimes_for(model.impl().backend());
  for (const Runtime* runtime : runtimes)
    std::ranges::move(unfused_pairs(graph, plan, *runtime), std::back_inserter(preview.unfused));
  preview.text = to_text(plan, graph, false) + to_text(preview.unfused, runtimes);
  auto json = write_plan(plan, graph, Tensors::left_out);
  json["unfused"] = to_json(preview.unfused);
  preview.json = to_text(json);
  for (const Quantizer& q : plan.quantizers) {
    preview.quantizers.push_back(planned(graph, q));
    ++(q.weight ? preview.weight_quantizers : preview.activation_quantizers);
  }
  return preview;
}

std::string_view version() { return "0.1.0"; }

}  // namespace eightbit
