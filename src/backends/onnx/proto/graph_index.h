// Who yields and who reads each tensor of a GraphProto.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "backends/onnx/proto/proto.h"
#include "graph/graph.h"

namespace eightbit::onnx {

// Input `port` of node `node` of a GraphProto; or, with node kNone, the graph output `port`.
struct InputRef {
  int node = kNone;
  int port = 0;
  auto operator<=>(const InputRef&) const = default;
};

// Valid until the graph changes.
class GraphIndex {
 public:
  explicit GraphIndex(const GraphProto& graph);

  const GraphProto& graph() const { return graph_; }
  const NodeProto& node(int index) const { return graph_.node(index); }
  // kNone for inputs and initializers
  int producer(std::string_view tensor) const;
  // nodes, then graph outputs
  const std::vector<InputRef>& readers(std::string_view tensor) const;
  const TensorProto* initializer(std::string_view tensor) const;
  bool read_by_bodies(std::string_view tensor) const {
    return inner_.contains(std::string(tensor));
  }
  // The one node that reads the tensor; kNone where there are more, or bodies or outputs read it.
  int only_reader(std::string_view tensor) const;

 private:
  const GraphProto& graph_;
  std::unordered_map<std::string_view, int> producers_;
  std::unordered_map<std::string_view, std::vector<InputRef>> readers_;
  std::unordered_map<std::string_view, const TensorProto*> initializers_;
  std::unordered_set<std::string> inner_;
};

}  // namespace eightbit::onnx
