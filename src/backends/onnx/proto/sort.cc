#include "backends/onnx/proto/sort.h"

#include <algorithm>
#include <functional>
#include <queue>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "backends/onnx/proto/attributes.h"

namespace eightbit::onnx {
namespace {

std::vector<std::string> read_by(const NodeProto& node) {
  std::vector<std::string> names(node.input().begin(), node.input().end());
  for (const auto* body : bodies_of(node))
    for (auto& name : outer_tensors(*body)) names.push_back(std::move(name));
  return names;
}

// order[i]: the old place of the node that comes to i; shorter than the graph where there is a
// cycle.
std::vector<int> sorted_order(const GraphProto& graph) {
  const int count = graph.node_size();
  std::unordered_map<std::string_view, int> producer;
  for (int i = 0; i < count; ++i)
    for (const auto& output : graph.node(i).output())
      if (!output.empty()) producer.emplace(output, i);
  std::vector<std::vector<int>> readers(static_cast<size_t>(count));
  std::vector<int> missing(static_cast<size_t>(count), 0);
  for (int i = 0; i < count; ++i)
    for (const auto& name : read_by(graph.node(i)))
      if (const auto it = producer.find(name); it != producer.end()) {
        readers[static_cast<size_t>(it->second)].push_back(i);
        ++missing[static_cast<size_t>(i)];
      }
  std::priority_queue<int, std::vector<int>, std::greater<>> ready;
  for (int i = 0; i < count; ++i)
    if (missing[static_cast<size_t>(i)] == 0) ready.push(i);
  std::vector<int> order;
  while (!ready.empty()) {
    order.push_back(ready.top());
    ready.pop();
    for (int reader : readers[static_cast<size_t>(order.back())])
      if (--missing[static_cast<size_t>(reader)] == 0) ready.push(reader);
  }
  return order;
}

}  // namespace

const NodeProto* sort_nodes(GraphProto& graph) {
  const std::vector<int> order = sorted_order(graph);
  const auto count = static_cast<size_t>(graph.node_size());
  if (order.size() < count) {
    std::vector<bool> placed(count, false);
    for (int i : order) placed[static_cast<size_t>(i)] = true;
    return &graph.node(static_cast<int>(std::ranges::find(placed, false) - placed.begin()));
  }
  if (std::ranges::is_sorted(order)) return nullptr;
  google::protobuf::RepeatedPtrField<NodeProto> sorted;
  for (int i : order) sorted.Add()->Swap(graph.mutable_node(i));
  graph.mutable_node()->Swap(&sorted);
  return nullptr;
}

}  // namespace eightbit::onnx
