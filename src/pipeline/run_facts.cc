#include "pipeline/run_facts.h"

#include <algorithm>

#include "algorithms/algorithm.h"
#include "base/log.h"
#include "placement/placement.h"

namespace eightbit {
namespace {

// Whether the options with one of them at its default would place the same quantizers.
template <typename Change>
bool changes_plan(const Graph& graph, QuantizeOptions options, Change change) {
  const std::string with = to_text(placement::place(graph, options), graph, false);
  change(options.advanced_parameters);
  return with != to_text(placement::place(graph, options), graph, false);
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
  algorithms::tell_facts(graph, plan, options, facts);
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
