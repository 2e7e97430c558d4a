// The pipeline from a float model to a quantized one, step by step.
#include <eightbit/eightbit.h>
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <future>

#include "backends/network.h"
#include "base/error.h"
#include "kernels/unfused.h"
#include "pipeline/algorithm_run.h"
#include "pipeline/memory_need.h"
#include "pipeline/planned.h"
#include "pipeline/recipe_content.h"
#include "pipeline/run_facts.h"
#include "pipeline/steps.h"
#include "pipeline/trial/compile_ahead.h"
#include "pipeline/trial/measured_placement.h"
#include "pipeline/trial/quality_floor.h"
#include "pipeline/trial/trial_run.h"
#include "pipeline/trial/why_not_faster.h"
#include "pipeline/tuner.h"
#include "quant/plan_json.h"
#include "search/best_model.h"

namespace eightbit {
namespace {

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
  std::future<Compiled> uncorrected;
  const Planned planned = complete(
      model, statistics, std::move(plan), options, run, steps,
      [&](const Planned& so_far) { uncorrected = compile_uncorrected(so_far, options, run); });
  steps.report().samples = statistics.samples();
  Settled settled;
  settled.plan = planned.plan;
  if (options.trial_run)
    settled = steps("trial run", [&] {
      return settle(planned, statistics, options, run, steps.seconds_of("calibrate"),
                    steps.journal(), std::move(uncorrected));
    });
  if (options.trial_run && options.placement == PlacementMode::measured)
    steps("measured placement", [&] {
      place_by_time(planned, statistics, options, run, steps.seconds_of("calibrate"), settled,
                    steps.journal());
    });
  if (settled.trial && !settled.plan.quantizers.empty() && is_not_faster(*settled.trial) &&
      !is_gna(options.target_device))
    steps("times of layers", [&] { explain(planned, statistics, options, settled); });
  steps.report().trial = settled.trial;
  Model quantized = written(planned.base, recipe_of(planned, settled.plan, options, settled.trial),
                            settled.plan, steps);
  if (!settled.missed.empty() && options.strict) fail_strictly(settled, std::move(quantized));
  return quantized;
}

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
               const RunOptions& how) {
  Steps steps(how);
  const bool kept = keeps_best_model(model, asked, how);
  QuantizeOptions options = asked;
  Plan plan = place(model, options, steps);
  const RunOptions run = within_memory("quantize", Work::quantization, model.impl(), plan, options,
                                       how, steps.report().expected);
  if (!kept) tell_best_model_unused(plan);
  const auto statistics = steps("calibrate", [&] {
    return measure_for(model, plan, dataset, options, run, 0,
                       tell_time(Work::quantization, options, steps));
  });
  open_journal("quantize", model, options, run, steps);
  belongs_to(statistics, steps.journal());
  return finish(model, statistics, std::move(plan), options, run, steps);
}

Model quantize(const Model& model, const Statistics& statistics, const QuantizeOptions& asked,
               const RunOptions& how) {
  Steps steps(how);
  QuantizeOptions options = asked;
  check_model(model, statistics);
  const bool kept = keeps_best_model(model, asked, how);
  Plan plan = place(model, options, steps, &statistics.data());
  const RunOptions run = within_memory("quantize", Work::quantization, model.impl(), plan, options,
                                       how, steps.report().expected);
  if (!kept) tell_best_model_unused(plan);
  open_journal("quantize", model, options, run, steps);
  belongs_to(statistics.data(), steps.journal());
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
  const Model base = with_constants(model, alignment_for(content, graph));
  warn_if_empty(plan);
  return written(base, std::make_shared<const RecipeContent>(content), plan, steps);
}

namespace {

using MeasureForTuner = std::function<records::StatisticsData(Tuner& tuner, const RunOptions& run)>;

TuneResult tune_from(const Model& model, const QuantizeOptions& asked, const RunOptions& how,
                     const MeasureForTuner& measure) {
  Steps steps(how);
  QuantizeOptions options = asked;
  const Plan placed = place(model, options, steps);  // mistakes first
  const RunOptions run = within_memory("tune", Work::quantization, model.impl(), placed,
                                       without_trial(options), how, steps.report().expected);
  Tuner tuner(model, options);
  const auto statistics = steps("calibrate", [&] { return measure(tuner, run); });
  open_journal("tune", model, options, run, steps);
  belongs_to(statistics, steps.journal());
  Tuned tuned = steps("tune", [&] { return tuner.tune(statistics, run, steps.journal()); });
  steps.report().samples = statistics.samples();
  const Plan& plan = tuned.planned.plan;
  Model quantized =
      written(tuned.planned.base, recipe_of(tuned.planned, plan, tuned.best.options), plan, steps);
  return {std::move(quantized), tuned.best.options, std::move(tuned.trials)};
}

}  // namespace

TuneResult tune(const Model& model, const Dataset& dataset, const QuantizeOptions& options,
                const RunOptions& run) {
  return tune_from(model, options, run, [&](Tuner& tuner, const RunOptions& within) {
    return tuner.measure(dataset, within);
  });
}

TuneResult tune(const Model& model, const Statistics& statistics, const QuantizeOptions& options,
                const RunOptions& run) {
  check_model(model, statistics);
  return tune_from(model, options, run, [&](Tuner& tuner, const RunOptions&) {
    return tuner.with_judges_aside(statistics.data().copy());
  });
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

PlanPreview preview_of(const Model& model, const Plan& plan, const QuantizeOptions& options) {
  const Graph& graph = model.impl().graph();
  PlanPreview preview;
  preview.expected = expectation(Work::quantization, model.impl(), plan, options, {});
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

}  // namespace

PlanPreview plan(const Model& model, const QuantizeOptions& asked) {
  validate(asked);
  QuantizeOptions options = asked;
  return preview_of(model, place_and_check(model.impl(), options), options);
}

PlanPreview plan(const Model& model, const Dataset& dataset, const QuantizeOptions& asked,
                 const RunOptions& run) {
  struct SeenEnough {};
  const RunOptions once{run.threads, run.progress};
  Steps steps(once);
  QuantizeOptions options = asked;
  const Plan plan = place(model, options, steps);
  PlanPreview preview = preview_of(model, plan, options);
  const OnSpeed tell = tell_time(Work::quantization, options, steps);
  try {
    measure_for(model, plan, dataset, options, once, 0, [&](const PassSpeed& speed) {
      tell(speed);
      throw SeenEnough();
    });
  } catch (const SeenEnough&) {
    preview.expected.seconds = steps.report().expected.seconds;
  }
  return preview;
}

std::string_view version() { return "0.1.0"; }

}  // namespace eightbit
