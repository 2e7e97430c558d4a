#include <eightbit/compare.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "backends/backend.h"
#include "base/error.h"
#include "graph/roles.h"
#include "pipeline/executed_layers.h"
#include "pipeline/layer_pairs.h"

namespace eightbit {
namespace {

// Zeros for every input; 1 for a dimension that is not known.
Sample zeros(const std::vector<PortInfo>& inputs) {
  Sample sample;
  for (const PortInfo& input : inputs) {
    Shape shape = input.shape;
    for (int64_t& d : shape) d = d < 0 ? 1 : d;
    sample.inputs.push_back({input.name, Tensor::allocate(input.dtype, std::move(shape))});
  }
  return sample;
}

bool is_float(std::string_view precision) {
  return precision.starts_with("f") || precision.starts_with("bf");
}

template <typename Map>
std::vector<std::pair<std::string, int64_t>> by_size(const Map& counts) {
  std::vector<std::pair<std::string, int64_t>> out(counts.begin(), counts.end());
  std::ranges::stable_sort(out, std::greater{}, [](const auto& p) { return p.second; });
  return out;
}

double median(std::vector<double> values, double p = 0.5) {
  std::ranges::sort(values);
  return values.empty()
             ? 0.0
             : values[std::min(values.size() - 1,
                               static_cast<size_t>(p * static_cast<double>(values.size())))];
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
  const backends::BackendModel& backend = model.impl();
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

std::vector<BenchmarkRow> benchmark(std::span<const Model> models,
                                    const std::optional<Sample>& sample,
                                    const BenchmarkOptions& options, const RunOptions& run) {
  if (options.rounds < 1 || options.seconds <= 0)
    fail<InvalidArgument>("benchmark", "{} rounds of {} s. Both must be positive.", options.rounds,
                          options.seconds);
  std::vector<std::vector<double>> latencies(models.size()), throughputs(models.size());
  const double slice = options.seconds / options.rounds;
  for (int round = 0; round < options.rounds; ++round)
    for (size_t m = 0; m < models.size(); ++m) {
      const backends::BackendModel& backend = models[m].impl();
      const Sample input = sample ? *sample : zeros(backend.inputs());
      for (double s : backend.latencies(input, slice)) latencies[m].push_back(1e3 * s);
      throughputs[m].push_back(backend.throughput(input, slice));
      if (run.progress)
        run.progress({"benchmark", static_cast<int64_t>(round * models.size() + m + 1),
                      static_cast<int64_t>(options.rounds * models.size())});
    }
  std::vector<BenchmarkRow> rows;
  for (size_t m = 0; m < models.size(); ++m)
    rows.push_back({median(latencies[m]), median(latencies[m], 0.9), median(throughputs[m])});
  return rows;
}

}  // namespace eightbit
