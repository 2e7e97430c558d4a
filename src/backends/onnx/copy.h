// A copy of a model to be rewritten, with the way from the graph's ids to the copy's tensors.
#pragma once

#include <string>
#include <vector>

#include "backends/onnx/proto.h"
#include "backends/onnx/reader.h"

namespace eightbit::onnx {

struct Copy {
  Content content;
  // By ValueId: the name of the value itself, in front of any quantizer or scale. A bias that was added as a new node
  // counts as part of the value. The node that yields it and its readers can be found by this name.
  std::vector<std::string> values;
};

// Adds a node at the end; sort_nodes() brings the nodes into order once all are there.
NodeProto& add_node(Content& content, const std::string& type, const std::string& name,
                    const std::vector<std::string>& inputs, const std::vector<std::string>& outputs);
// Adds an initializer that shares the bytes of `tensor`, under `name` or, where that is taken, under a name like it.
std::string add_initializer(Content& content, const std::string& name, const Tensor& tensor);
// Lets the node that yields `tensor` yield the returned name instead, so that a new node can yield `tensor`: all
// readers, bodies and graph outputs then read the new node.
std::string yield_instead(Content& content, const std::string& tensor, const std::string& suffix);
// Topological order; nodes keep their order where they can.
void sort_nodes(GraphProto& graph);

}  // namespace eightbit::onnx
