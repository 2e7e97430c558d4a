#include "search/integer_work.h"

#include <cmath>
#include <numeric>

#include "graph/roles.h"

namespace eightbit::search {
namespace {

double known_product(const Shape& shape, size_t from = 0) {
  double product = 1;
  for (size_t i = from; i < shape.size(); ++i)
    product *= shape[i] > 0 ? static_cast<double>(shape[i]) : 1.0;
  return product;
}

// Multiplications of a convolution, a transposed one or one with groups for each element of the
// output.
double per_output(const Graph& graph, const Node& node) {
  const Shape& weight = graph.value(node.inputs[1]).shape;
  if (has_groups(node.op)) return known_product(weight, 2);
  if (!is_transposed(node.op)) return known_product(weight, 1);
  return weight.size() > 1
             ? known_product(weight) / std::max<double>(1, static_cast<double>(weight[1]))
             : 1;
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
    double& work = out[node.id];
    if (is_product(node.op))
      work = of_product(graph, node);
    else if (takes_weight(node.op) && !looks_up(node.op) && !is_recurrent(node.op))
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
