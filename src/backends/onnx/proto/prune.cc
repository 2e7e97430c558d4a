#include "backends/onnx/proto/prune.h"

#include <algorithm>
#include <string>
#include <unordered_set>

#include "backends/onnx/proto/attributes.h"

namespace eightbit::onnx {

void prune(Content& content) {
  GraphProto& graph = *content.model.mutable_graph();
  std::unordered_set<std::string> needed;
  for (const auto& output : graph.output()) needed.insert(output.name());
  for (auto node = graph.mutable_node()->rbegin(); node != graph.mutable_node()->rend(); ++node) {
    if (std::ranges::none_of(node->output(),
                             [&](const auto& name) { return needed.contains(name); })) {
      node->clear_op_type();
      continue;
    }
    needed.insert(node->input().begin(), node->input().end());
    for (const auto* body : bodies_of(*node))
      for (auto& name : outer_tensors(*body)) needed.insert(std::move(name));
  }
  auto& nodes = *graph.mutable_node();
  nodes.erase(std::remove_if(nodes.begin(), nodes.end(),
                             [](const auto& node) { return node.op_type().empty(); }),
              nodes.end());
  auto& initializers = *graph.mutable_initializer();
  const auto unread = [&](const auto& initializer) { return !needed.contains(initializer.name()); };
  initializers.erase(std::remove_if(initializers.begin(), initializers.end(), unread),
                     initializers.end());
  std::erase_if(content.weights,
                [&](const auto& weight) { return !needed.contains(weight.first); });
}

}  // namespace eightbit::onnx
