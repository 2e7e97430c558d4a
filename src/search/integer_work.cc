#include "search/integer_work.h"

#include <cmath>
#include <numeric>

namespace eightbit::search {
namespace {

double known_product(const Shape& shape, size_t from = 0) {
  double product = 1;
  for (size_t i = from; i < shape.size(); ++i)
    product *= shape[i] > 0 ? static_cast<double>(shape[i]) : 1.0;
  return product;
}

// Multiplications for each element of the output.
double per_output(const Graph& graph, const Node& node) {
  const Shape& weight = graph.value(node.inputs[1]).shape;
  switch (row(node.op).weight_layout) {
    case WeightLayout::output_first:
      return known_product(weight, 1);
    case WeightLayout::output_second:
      return weight.size() > 1
                 ? known_product(weight) / std::max<double>(1, static_cast<double>(weight[1]))
                 : 1;
    case WeightLayout::grouped:
    case WeightLayout::grouped_backprop:
      return known_product(weight, 2);
    default:
      return 1;
  }
}

double of_product(const Graph& graph, const Node& node) {
  const Shape& a = graph.value(node.inputs[0]).shape;
  const Shape& output = graph.value(node.outputs[0]).shape;
  if (a.empty()) return known_product(output);
  const int64_t inner =
      a[node.attributes.transpose_a && a.size() > 1 ? a.size() - 2 : a.size() - 1];
  return known_product(output) * (inner > 0 ? static_cast<double>(inner) : 1.0);
}

}  // namespace

Indexed<NodeId, double> multiplications(const Graph& graph) {
  Indexed<NodeId, double> out(graph.nodes.size());
  for (const Node& node : graph.nodes) {
    if (node.inputs.size() < 2 || node.outputs.empty() || node.inputs[0] == kNone ||
        node.inputs[1] == kNone)
      continue;
    const WeightLayout layout = row(node.op).weight_layout;
    double& work = out[node.id];
    if (layout == WeightLayout::matmul)
      work = of_product(graph, node);
    else if (layout != WeightLayout::none && layout != WeightLayout::embedding &&
             layout != WeightLayout::recurrent)
      work = known_product(graph.value(node.outputs[0]).shape) * per_output(graph, node);
  }
  return out;
}

std::vector<double> work_shares(const Graph& graph, const std::vector<QuantizerGroup>& groups) {
  const Indexed<NodeId, double> work = multiplications(graph);
  std::vector<double> shares;
  for (const QuantizerGroup& group : groups) {
    double sum = 0;
    for (NodeId node : group.layers) sum += work[node];
    shares.push_back(sum);
  }
  const double all = std::accumulate(shares.begin(), shares.end(), 0.0);
  if (all > 0)
    for (double& share : shares) share /= all;
  return shares;
}

}  // namespace eightbit::search
