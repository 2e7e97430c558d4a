// A copy of a model to be rewritten, with the way from the graph's ids to the copy's tensors.
#pragma once

#include <string>
#include <unordered_set>
#include <vector>

#include "backends/onnx/proto/proto.h"
#include "graph/indexed.h"

namespace eightbit::onnx {

class Copy {
 public:
  Copy(Content original, Indexed<ValueId, std::string> tensors);

  Content content;
  // The name of the value itself, in front of any quantizer or scale. A bias that was
  // added as a new node counts as part of the value. The node that yields it and its readers can be
  // found by this name.
  Indexed<ValueId, std::string> values;

  // Nodes of the original keep their indices; new ones come behind them. sort_nodes() (sort.h)
  // brings them into order once all are there. The name of a node and of an initializer is changed
  // where it is taken.
  NodeProto& add_node(const std::string& type, const std::string& name,
                      const std::vector<std::string>& inputs,
                      const std::vector<std::string>& outputs);
  // Shares the bytes of `tensor`; returns the name it got.
  std::string add_initializer(const std::string& name, const Tensor& tensor);
  // Lets the node that yields `tensor` yield the returned name instead, so that a new node can
  // yield `tensor`: all readers, bodies and model outputs then read the new node.
  std::string yield_instead(const std::string& tensor, const std::string& suffix);
  // `name`, or one like it that nothing in the model has.
  std::string new_name(const std::string& name);

 private:
  void take_names(const GraphProto& body);
  std::unordered_set<std::string> names_;
};

}  // namespace eightbit::onnx
