#include "backends/onnx/proto/graph_index.h"

#include "backends/onnx/proto/attributes.h"

namespace eightbit::onnx {

GraphIndex::GraphIndex(const GraphProto& graph) : graph_(graph) {
  for (const auto& initializer : graph.initializer())
    initializers_[initializer.name()] = &initializer;
  for (int i = 0; i < graph.node_size(); ++i) {
    const NodeProto& node = graph.node(i);
    for (const auto& output : node.output())
      if (!output.empty()) producers_[output] = i;
    for (int port = 0; port < node.input_size(); ++port)
      if (!node.input(port).empty()) readers_[node.input(port)].push_back({i, port});
    for (const auto* body : bodies_of(node))
      for (auto& name : outer_tensors(*body)) inner_.insert(std::move(name));
  }
  for (int port = 0; port < graph.output_size(); ++port)
    readers_[graph.output(port).name()].push_back({kNone, port});
}

int GraphIndex::producer(std::string_view tensor) const {
  const auto it = producers_.find(tensor);
  return it == producers_.end() ? kNone : it->second;
}

const std::vector<InputRef>& GraphIndex::readers(std::string_view tensor) const {
  static const std::vector<InputRef> none;
  const auto it = readers_.find(tensor);
  return it == readers_.end() ? none : it->second;
}

const TensorProto* GraphIndex::initializer(std::string_view tensor) const {
  const auto it = initializers_.find(tensor);
  return it == initializers_.end() ? nullptr : it->second;
}

int GraphIndex::only_reader(std::string_view tensor) const {
  const auto& all = readers(tensor);
  if (all.empty() || read_by_bodies(tensor)) return kNone;
  for (const auto& reader : all)
    if (reader.node != all.front().node) return kNone;
  return all.front().node;
}

}  // namespace eightbit::onnx
