#include <eightbit/compare.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "analysis/executed_layers.h"
#include "analysis/layer_pairs.h"
#include "analysis/zeros.h"
#include "backends/network.h"
#include "graph/roles.h"

namespace eightbit {
namespace {

bool is_float(std::string_view precision) {
  return precision.starts_with("f") || precision.starts_with("bf");
}

template <typename Map>
std::vector<std::pair<std::string, int64_t>> by_size(const Map& counts) {
  std::vector<std::pair<std::string, int64_t>> out(counts.begin(), counts.end());
  std::ranges::stable_sort(out, std::greater{}, [](const auto& p) { return p.second; });
  return out;
}

void count(const Graph& graph, std::map<std::string, int64_t>& ops, Inspection& out) {
  for (const Node& node : graph.nodes) {
    ++ops[node.type];
    out.quantizers += opens_quantizer(node.op);
    for (const auto& body : node.bodies) count(*body, ops, out);
  }
  for (const Value& value : graph.values)
    out.quantized_weights += value.is_constant() && value.constant->quantized;
}

// Ops whose computed inputs are all quantized.
void find_unfused(const Graph& graph, const ExecutedLayers& executed, Inspection& out) {
  const Indexed<ValueId, bool> carries = carries_quantized(graph);
  for (const Node& node : graph.nodes) {
    if (node.op == Op::result || node.op == Op::shape_of || !reads_quantized(graph, carries, node))
      continue;
    const std::vector<ValueId> computed = varying_inputs(graph, node);
    const bool all =
        !computed.empty() && std::ranges::all_of(computed, [&](ValueId id) { return carries[id]; });
    const auto* layer = all ? executed.find(node.name) : nullptr;
    if (layer != nullptr && is_float(layer->precision))
      out.unfused.push_back({node.name, node.type, layer->precision, layer->milliseconds});
  }
}

}  // namespace

Inspection inspect(const Model& model, const std::optional<Sample>& sample) {
  Inspection out;
  const backends::Network& backend = model.impl();
  std::map<std::string, int64_t> ops;
  count(backend.graph(), ops, out);
  out.op_counts = by_size(ops);
  out.weight_bytes = by_size(backend.weight_bytes());
  auto layers = backend.executed_precisions(sample ? *sample : zeros(backend.inputs()));
  for (const auto& layer : layers)
    out.layers.push_back({layer.name, layer.type, layer.precision, layer.milliseconds});
  find_unfused(backend.graph(), ExecutedLayers(std::move(layers)), out);
  return out;
}

std::string Inspection::to_json() const {
  nlohmann::ordered_json j;
  for (const auto& [type, n] : op_counts) j["op_counts"][type] = n;
  j["quantizers"] = quantizers;
  j["quantized_weights"] = quantized_weights;
  for (const auto& [type, bytes] : weight_bytes) j["weight_bytes"][type] = bytes;
  const auto list = [](const std::vector<LayerInfo>& all) {
    auto array = nlohmann::ordered_json::array();
    for (const LayerInfo& layer : all)
      array.push_back({{"name", layer.name},
                       {"type", layer.type},
                       {"precision", layer.precision},
                       {"milliseconds", layer.milliseconds}});
    return array;
  };
  j["layers"] = list(layers);
  j["unfused"] = list(unfused);
  return j.dump(2);
}

}  // namespace eightbit
