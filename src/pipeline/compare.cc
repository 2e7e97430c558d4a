#include <eightbit/compare.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include <nlohmann/json.hpp>

#include "backends/backend.h"
#include "base/error.h"
#include "pipeline/feed.h"
#include "pipeline/steps.h"

namespace eightbit {
namespace {

using backends::BackendModel;
using backends::Comparison;

struct Pairs {
  std::vector<Comparison> comparisons;
  std::vector<LayerDifference> rows;
  size_t outputs = 0;          // the first rows are outputs
};

// Result nodes in order.
std::vector<const Node*> results(const Graph& graph) {
  std::vector<const Node*> out;
  for (const Node& node : graph.nodes)
    if (node.op == Op::result && node.owner == kNone) out.push_back(&node);
  return out;
}

bool comparable(const Value& a, const Value& b) {
  return is_float(a.dtype) && is_float(b.dtype) && a.shape.size() == b.shape.size();
}

Pairs pair_up(const Graph& reference, const Graph& quantized) {
  Pairs pairs;
  const auto a = results(reference), b = results(quantized);
  if (a.size() != b.size())
    fail<InvalidArgument>("compare", "one model has {} outputs, the other {}. Compare a model with its quantized form.", a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    const ValueId from = a[i]->inputs.at(0), to = b[i]->inputs.at(0);
    if (!comparable(reference.value(from), quantized.value(to))) continue;
    pairs.comparisons.push_back({from, to});
    pairs.rows.push_back({reference.value(from).name, "output"});
  }
  pairs.outputs = pairs.rows.size();
  for (const Node& node : reference.nodes) {
    const Trait trait = row(node.op).trait;
    if (node.owner != kNone) continue;   // a branch that need not run
    if (node.outputs.size() != 1 || node.op == Op::parameter || node.op == Op::result || trait == Trait::agnostic || trait == Trait::concat) continue;
    const NodeId twin = quantized.find(node.name);
    if (twin == kNone || quantized.node(twin).type != node.type || quantized.node(twin).outputs.size() != 1) continue;
    const ValueId from = node.outputs[0], to = quantized.node(twin).outputs[0];
    if (!comparable(reference.value(from), quantized.value(to)) || reference.value(from).shape.empty()) continue;
    pairs.comparisons.push_back({from, to});
    pairs.rows.push_back({node.name, node.type});
  }
  return pairs;
}

void check_inputs(const BackendModel& a, const BackendModel& b) {
  const auto left = a.inputs(), right = b.inputs();
  if (left.size() != right.size())
    fail<InvalidArgument>("compare", "one model has {} inputs, the other {}. Compare a model with its quantized form.",
                          left.size(), right.size());
  for (size_t i = 0; i < left.size(); ++i)
    if (left[i].shape != right[i].shape || left[i].dtype != right[i].dtype)
      fail<InvalidArgument>("compare", "input '{}' is {}{} in one model and {}{} in the other. Compare a model with its "
                            "quantized form.", left[i].name, to_string(left[i].dtype), to_string(left[i].shape),
                            to_string(right[i].dtype), to_string(right[i].shape));
}

void finish(LayerDifference& row, std::span<const double> sums) {
  const double signal = sums[0], noise = sums[1], dot = sums[2], power = sums[3];
  row.sqnr_db = noise > 0 ? 10 * std::log10(signal / noise) : std::numeric_limits<double>::infinity();
  row.cosine = signal > 0 && power > 0 ? dot / std::sqrt(signal * power) : (signal == power ? 1.0 : 0.0);
}

nlohmann::ordered_json rows_to_json(const std::vector<LayerDifference>& rows) {
  auto out = nlohmann::ordered_json::array();
  for (const LayerDifference& row : rows) {
    nlohmann::ordered_json j = {{"name", row.name}, {"type", row.type}, {"sqnr_db", row.sqnr_db}, {"cosine", row.cosine}};
    if (std::isinf(row.sqnr_db)) j["sqnr_db"] = nullptr;   // equal: JSON knows no infinity
    out.push_back(std::move(j));
  }
  return out;
}

}  // namespace

CompareResult compare(const Model& reference, const Model& quantized, const Dataset& dataset, int64_t subset_size,
                      const RunOptions& run) {
  Steps steps(run);
  const BackendModel& a = reference.impl();
  const BackendModel& b = quantized.impl();
  check_inputs(a, b);
  Pairs pairs = pair_up(a.graph(), b.graph());
  backends::Program program;
  program.other = &b;
  program.comparisons = pairs.comparisons;
  program.threads = run.threads;
  program.integer_arithmetic = true;
  const auto executor = steps("compile", [&] { return a.compile(program); });

  CompareResult result;
  std::vector<double> sums(pairs.rows.size() * 4);
  Feed feed(dataset.open(), a.inputs(), {subset_size, {}, {}, 0});
  steps("compare", [&] {
    executor->run([&] { return feed.next(); }, [&](int64_t, std::span<const float> record) {
      for (size_t i = 0; i < sums.size(); ++i) sums[i] += record[i];
      ++result.samples;
      if (run.progress) run.progress({"compare", result.samples, feed.total()});
    });
  });
  if (result.samples == 0) fail<DataError>("compare", "the dataset gave no samples. Check that it is not empty.");
  for (size_t i = 0; i < pairs.rows.size(); ++i) finish(pairs.rows[i], {sums.data() + 4 * i, 4});
  result.outputs.assign(pairs.rows.begin(), pairs.rows.begin() + static_cast<int64_t>(pairs.outputs));
  result.layers.assign(pairs.rows.begin() + static_cast<int64_t>(pairs.outputs), pairs.rows.end());
  std::ranges::stable_sort(result.layers, {}, &LayerDifference::sqnr_db);
  steps.report().samples = result.samples;
  steps.finish();
  return result;
}

std::string CompareResult::to_json() const {
  nlohmann::ordered_json j = {{"samples", samples}, {"outputs", rows_to_json(outputs)}, {"layers", rows_to_json(layers)}};
  return j.dump(2);
}

}  // namespace eightbit
