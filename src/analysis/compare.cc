#include <eightbit/compare.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "analysis/as_they_are.h"
#include "analysis/compare_whole.h"
#include "analysis/layer_pairs.h"
#include "analysis/layers_alone.h"
#include "base/error.h"
#include "graph/roles.h"
#include "pipeline/feed.h"
#include "pipeline/measure.h"
#include "pipeline/steps.h"
#include "search/noise.h"

namespace eightbit {
namespace {

using backends::Comparison;
using backends::Network;

// Noise of single layers hardly depends on the sample: some of the first ones tell it.
constexpr int64_t kAloneSamples = 16;

struct Pairs {
  std::vector<Comparison> comparisons;
  std::vector<LayerDifference> rows;
  size_t outputs = 0;  // the first rows are outputs
};

// Result nodes in order.
std::vector<const Node*> results(const Graph& graph) {
  std::vector<const Node*> out;
  for (const Node& node : graph.nodes)
    if (node.op == Op::result && node.owner == kNone) out.push_back(&node);
  return out;
}

void pair_outputs(const Graph& reference, const Graph& quantized, Pairs& pairs) {
  const auto a = results(reference), b = results(quantized);
  if (a.size() != b.size())
    fail<InvalidArgument>(
        "compare",
        "one model has {} outputs, the other {}. Compare a model with its quantized form.",
        a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    const ValueId from = a[i]->inputs.at(0), to = b[i]->inputs.at(0);
    if (!comparable(reference.value(from), quantized.value(to))) continue;
    pairs.comparisons.push_back({from, to});
    pairs.rows.push_back({reference.value(from).name, "output"});
  }
  pairs.outputs = pairs.rows.size();
}

bool is_compared(const Node& node) {
  return node.outputs.size() == 1 && node.op != Op::parameter && node.op != Op::result &&
         !passes_on(node.op);
}

// The node that a runtime computes together with the one in front: a constant that is added, an
// activation.
NodeId fused_reader(const Graph& graph, const Node& node) {
  const Value& value = graph.value(node.outputs.at(0));
  if (value.uses.size() != 1) return kNone;
  const Node& reader = graph.node(value.uses[0].node);
  if (reader.outputs.size() != 1 || reader.owner != node.owner) return kNone;
  return bias_behind(graph, node.id) || has(reader.op, kActivation) ? reader.id : kNone;
}

// What the only quantizer that reads a value makes of it; else kNone.
ValueId behind_quantizer(const Graph& graph, ValueId id) {
  if (graph.value(id).uses.size() != 1) return kNone;
  const Node& quantizer = graph.node(graph.value(id).uses[0].node);
  if (quantizer.op == Op::fake_quantize) return quantizer.outputs[0];
  if (quantizer.op != Op::quantize_linear || graph.value(quantizer.outputs[0]).uses.empty())
    return kNone;
  const Node& back = graph.node(graph.value(quantizer.outputs[0]).uses[0].node);
  return back.op == Op::dequantize_linear ? back.outputs[0] : kNone;
}

// Where a layer is compared.
struct End {
  NodeId last = kNone;        // of the reference
  ValueId quantized = kNone;  // its output in the other model
};

// Of a convolution or product the last node that runtimes compute with it, as far as both models
// have it, or a quantizer does what an activation did that only clips; else the node.
End end_of_layer(const Graph& reference, const Graph& quantized, const Node& node) {
  End end{node.id, quantized.node(twin_of(node, quantized)).outputs[0]};
  while (takes_weight(node.op)) {
    const NodeId next = fused_reader(reference, reference.node(end.last));
    if (next == kNone) break;
    const NodeId twin = twin_of(reference.node(next), quantized);
    const Op op = reference.node(next).op;
    const bool clips = twin == kNone && only_clips(op);
    const ValueId to = twin != kNone ? quantized.node(twin).outputs[0]
                       : clips       ? behind_quantizer(quantized, end.quantized)
                                     : kNone;
    if (to == kNone ||
        !comparable(reference.value(reference.node(next).outputs[0]), quantized.value(to)))
      break;
    end = {next, to};
    if (clips) break;
  }
  return end;
}

// What is measured inside of what a runtime computes in one go would keep it from doing so: a layer
// is compared at its end.
Pairs pair_up(const Graph& reference, const Graph& quantized) {
  Pairs pairs;
  pair_outputs(reference, quantized, pairs);
  std::set<NodeId> inside;  // of a layer in front
  for (const Node& node : reference.nodes) {
    if (!is_compared(node) || inside.contains(node.id) || twin_of(node, quantized) == kNone)
      continue;
    const auto [last, to] = end_of_layer(reference, quantized, node);
    for (NodeId at = node.id; at != last; inside.insert(at))
      at = fused_reader(reference, reference.node(at));
    const ValueId from = reference.node(last).outputs[0];
    if (!comparable(reference.value(from), quantized.value(to)) ||
        reference.value(from).shape.empty())
      continue;
    pairs.comparisons.push_back({from, to});
    pairs.rows.push_back({node.name, node.type});
  }
  return pairs;
}

void measure_alone(const Network& reference, const Network& quantized,
                   const records::KeptSamples& samples, int threads,
                   std::vector<LayerDifference>& rows) {
  const Indexed<ValueId, bool> carries = carries_quantized(quantized.graph());
  std::vector<NodeId> layers;
  std::vector<LayerDifference*> measured;
  for (LayerDifference& row : rows) {
    const Node& node = reference.graph().node(reference.graph().find(row.name));
    const Node& twin = quantized.graph().node(twin_of(node, quantized.graph()));
    if (node.owner != kNone || !reads_quantized(quantized.graph(), carries, twin)) continue;
    layers.push_back(node.id);
    measured.push_back(&row);
  }
  if (layers.empty()) return;
  const auto noise =
      noise_alone(reference, quantized, carries, layers, Quantized::weights_and_activations,
                  threads, each_of(samples, samples.numbers()), [] {});
  for (size_t k = 0; k < noise.size(); ++k) measured[k]->alone_db = noise[k].sqnr_db();
}

nlohmann::ordered_json decibels(std::optional<double> value) {
  // JSON knows no infinity
  return value && std::isfinite(*value) ? nlohmann::ordered_json(*value) : nullptr;
}

nlohmann::ordered_json rows_to_json(const std::vector<LayerDifference>& rows) {
  auto out = nlohmann::ordered_json::array();
  for (const LayerDifference& row : rows) {
    nlohmann::ordered_json j = {{"name", row.name},
                                {"type", row.type},
                                {"sqnr_db", decibels(row.sqnr_db)},
                                {"cosine", row.cosine}};
    if (row.measured_db) j["measured_db"] = decibels(row.measured_db);
    if (row.alone_db) j["alone_db"] = decibels(row.alone_db);
    out.push_back(std::move(j));
  }
  return out;
}

}  // namespace

CompareResult compare_whole(const Network& reference, const Network& quantized, int threads,
                            const std::function<std::optional<Sample>()>& next,
                            const std::function<void()>& after_sample) {
  Pairs pairs = pair_up(reference.graph(), quantized.graph());
  backends::NetworkComparison compared;
  compared.other = &quantized;
  compared.comparisons = pairs.comparisons;
  compared.integer_arithmetic = true;
  CompareResult result;
  const auto noise = measure_noise(reference, std::move(compared), threads, next, [&] {
    ++result.samples;
    after_sample();
  });
  if (result.samples == 0)
    fail<DataError>("compare", "the dataset gave no samples. Check that it is not empty.");
  for (size_t i = 0; i < noise.size(); ++i) {
    LayerDifference& row = pairs.rows[i];
    row.sqnr_db = noise[i].sqnr_db();
    row.cosine = noise[i].cosine();
    (i < pairs.outputs      ? result.outputs
     : noise[i].samples > 0 ? result.layers
                            : result.unseen)
        .push_back(std::move(row));
  }
  std::ranges::stable_sort(result.layers, {}, &LayerDifference::sqnr_db);
  return result;
}

CompareResult compare(const Model& reference, const Model& quantized, const Dataset& dataset,
                      int64_t subset_size, const RunOptions& run) {
  if (subset_size < 1)
    fail<InvalidArgument>("compare", "subset_size is {}. It must be at least 1.", subset_size);
  Steps steps(run);
  const Network& a = reference.impl();
  const Network& b = quantized.impl();
  check_inputs(a, b);
  Feed feed(dataset.open(), a.inputs(), {subset_size, false, {}, {}, kAloneSamples, false, true});
  int64_t done = 0;
  AsTheyAre as_they_are(a, b);
  CompareResult result = steps("compare", [&] {
    const auto next = [&] {
      std::optional<Sample> sample = feed.next();
      if (sample) as_they_are.run(*sample);
      return sample;
    };
    CompareResult found = compare_whole(a, b, run.threads, next, [&] {
      if (run.progress) run.progress({"compare", ++done, feed.total()});
    });
    as_they_are.tell(found.outputs);
    return found;
  });
  steps("layers alone", [&] { measure_alone(a, b, feed.kept(), run.threads, result.layers); });
  steps.report().samples = result.samples;
  steps.finish();
  return result;
}

std::string CompareResult::to_json() const {
  nlohmann::ordered_json j = {
      {"samples", samples}, {"outputs", rows_to_json(outputs)}, {"layers", rows_to_json(layers)}};
  for (const LayerDifference& row : unseen) j["unseen"].push_back(row.name);
  return j.dump(2);
}

}  // namespace eightbit
