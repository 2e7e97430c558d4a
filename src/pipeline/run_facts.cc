#include "pipeline/run_facts.h"

#include <algorithm>

#include "algorithms/channel_alignment.h"
#include "algorithms/smooth_quant.h"
#include "base/log.h"
#include "placement/placement.h"
#include "records/tap_request.h"

namespace eightbit {
namespace {

// Whether the options with one of them at its default would place the same quantizers.
template <typename Change>
bool changes_plan(const Graph& graph, QuantizeOptions options, Change change) {
  const std::string with = to_text(placement::place(graph, options), graph, false);
  change(options.advanced_parameters);
  return with != to_text(placement::place(graph, options), graph, false);
}

bool any_smoothed(const Graph& graph, const Plan& plan, QuantizeOptions options,
                  bool convolutions) {
  AdvancedSmoothQuantParameters& alphas = options.advanced_parameters.smooth_quant_alphas;
  (convolutions ? alphas.matmul : alphas.convolution) = -1.0;
  records::TapRequest taps(graph);
  algorithms::smooth_quant_request(graph, plan, options, taps);
  return !taps.points().empty();
}

bool any_pair(const Graph& graph, const Plan& plan) {
  records::TapRequest taps(graph);
  algorithms::channel_alignment_request(graph, plan, taps);
  return !taps.points().empty();
}

bool overflows(const Graph& graph, const Quantizer& q) {
  return q.weight && q.spec.bits == 8 && std::ranges::any_of(q.uses, [&](Use use) {
           return has(graph.node(use.node).op, kOverflowSet);
         });
}

}  // namespace

RunFacts run_facts(const Graph& graph, const Plan& plan, const QuantizeOptions& options,
                   const records::StatisticsData* statistics) {
  const AdvancedParameters& advanced = options.advanced_parameters;
  const AdvancedParameters defaults;
  RunFacts facts;
  facts.weights = std::ranges::any_of(plan.quantizers, &Quantizer::weight);
  facts.activations = !std::ranges::all_of(plan.quantizers, &Quantizer::weight);
  facts.overflowing_weights =
      std::ranges::any_of(plan.quantizers, [&](const Quantizer& q) { return overflows(graph, q); });
  if (advanced.quantize_outputs)
    facts.outputs =
        changes_plan(graph, options, [](AdvancedParameters& a) { a.quantize_outputs = false; });
  if (advanced.quantizer_propagation_rule != defaults.quantizer_propagation_rule)
    facts.branches = changes_plan(graph, options, [&](AdvancedParameters& a) {
      a.quantizer_propagation_rule = defaults.quantizer_propagation_rule;
    });
  if (!advanced.disable_channel_alignment) facts.convolution_pairs = any_pair(graph, plan);
  if (algorithms::smooth_quant_applies(options)) {
    facts.smooth_convolutions = any_smoothed(graph, plan, options, true);
    facts.smooth_products = any_smoothed(graph, plan, options, false);
  }
  if (statistics != nullptr) {
    facts.measured = statistics->samples();
    facts.sample_inputs = !statistics->kept_samples.empty();
  }
  return facts;
}

void report_without_effect(const std::vector<NoEffect>& found, std::vector<std::string>& notes) {
  for (const NoEffect& option : found) {
    log(LogLevel::warning, "{}", option.text());
    notes.push_back(option.text());
  }
}

}  // namespace eightbit
