// Ops that models spell out in smaller ones. The graph shows each of them as the one op that it is,
// as runtimes fuse it: a quantizer never gets inside.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "backends/onnx/proto/graph_index.h"
#include "graph/op_table.h"

namespace eightbit::onnx {

struct Composite {
  Op op = Op::unknown;
  std::string type;        // as the op is called where it is one
  std::vector<int> nodes;  // the last one yields the output
  // by port: every place that reads it, all of them the same tensor
  std::vector<std::vector<InputRef>> inputs;
};

// The value of a constant with one element.
using ScalarOf = std::function<std::optional<float>(const std::string& tensor)>;

// Nodes between the first and the last are read by nobody else. No node is in two of them.
std::vector<Composite> find_composites(const GraphIndex& index, const ScalarOf& scalar_of);

}  // namespace eightbit::onnx
