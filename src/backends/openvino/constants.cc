#include "backends/openvino/constants.h"

#include <array>
#include <openvino/op/constant.hpp>
#include <openvino/op/convert.hpp>
#include <openvino/op/util/multi_subgraph_base.hpp>
#include <string_view>
#include <unordered_map>

#include "backends/openvino/types.h"
#include "base/error.h"

namespace eightbit::openvino {
namespace {

// Ops whose result is not a function of their inputs, and ends of the model.
constexpr std::array<std::string_view, 6> kNeverConstant = {
    "Parameter", "Result", "Assign", "ReadValue", "RandomUniform", "Multinomial"};

bool is_known_shape(const ov::Node& node) {
  return std::string_view(node.get_type_info().name) == "ShapeOf" &&
         node.get_input_partial_shape(0).is_static();
}

// The inputs that decide the value of a constant node.
ov::OutputVector operands(const ov::Node& node) {
  return is_known_shape(node) ? ov::OutputVector{} : node.input_values();
}

ov::Tensor shape_tensor(const ov::Node& shape_of) {
  const ov::Shape shape = shape_of.get_input_shape(0);
  ov::Tensor tensor(shape_of.get_output_element_type(0), {shape.size()});
  if (tensor.get_element_type() == ov::element::i32)
    std::copy(shape.begin(), shape.end(), tensor.data<int32_t>());
  else
    std::copy(shape.begin(), shape.end(), tensor.data<int64_t>());
  return tensor;
}

size_t elements(const ov::PartialShape& shape) {
  return shape.is_static() ? ov::shape_size(shape.to_shape()) : 0;
}

size_t largest_input(const ov::Node& node) {
  size_t best = 0;
  for (size_t port = 1; port < node.get_input_size(); ++port)
    if (elements(node.get_input_partial_shape(port)) > elements(node.get_input_partial_shape(best)))
      best = port;
  return best;
}

using Evaluated = std::unordered_map<const ov::Node*, ov::TensorVector>;

ov::TensorVector inputs_of(const ov::Node& node, const Evaluated& done) {
  ov::TensorVector inputs;
  for (const auto& input : operands(node))
    inputs.push_back(done.at(input.get_node())[input.get_index()]);
  return inputs;
}

// The way for element types that an op's own evaluation lacks: OpenVINO's folding converts around
// it.
ov::TensorVector fold(const ov::Node& node, const ov::TensorVector& inputs) {
  ov::OutputVector constants, folded(node.get_output_size());
  for (const auto& input : inputs)
    constants.push_back(std::make_shared<ov::op::v0::Constant>(input));
  ov::TensorVector outputs;
  if (node.clone_with_new_inputs(constants)->constant_fold(folded, constants))
    for (const auto& output : folded)
      if (const auto constant = ov::as_type_ptr<ov::op::v0::Constant>(output.get_node_shared_ptr()))
        outputs.push_back(constant->get_tensor_view());
  return outputs;
}

ov::TensorVector evaluate(const ov::Node& node, const ov::TensorVector& inputs) {
  ov::TensorVector outputs;
  for (const auto& output : node.outputs()) {
    const auto& shape = output.get_partial_shape();
    outputs.emplace_back(output.get_element_type(),
                         shape.is_static() ? shape.to_shape() : ov::Shape{0});
  }
  if (node.evaluate(outputs, inputs)) return outputs;
  outputs = fold(node, inputs);
  if (outputs.size() != node.get_output_size())
    fail<ModelError>(
        "openvino", "node '{}' of type {} has constant inputs only, but OpenVINO cannot compute it",
        node.get_friendly_name(), node.get_type_name());
  return outputs;
}

// Depth first with a stack of our own: chains can be long.
void evaluate_all(const ov::Node* root, Evaluated& done) {
  std::vector<const ov::Node*> stack{root};
  while (!stack.empty()) {
    const ov::Node* node = stack.back();
    const size_t depth = stack.size();
    if (!done.contains(node))
      for (const auto& input : operands(*node))
        if (!done.contains(input.get_node())) stack.push_back(input.get_node());
    if (stack.size() > depth) continue;
    stack.pop_back();
    if (done.contains(node)) continue;
    if (const auto* constant = ov::as_type<const ov::op::v0::Constant>(node))
      done[node] = {constant->get_tensor_view()};
    else if (is_known_shape(*node))
      done[node] = {shape_tensor(*node)};
    else
      done[node] = evaluate(*node, inputs_of(*node, done));
  }
}

bool is_quantization(const ov::Node& node) {
  const std::string_view type = node.get_type_info().name;
  return type == "FakeQuantize" || type == "FakeConvert";
}

bool is_small_type(const ov::element::Type& type) {
  return type.bitwidth() <= 8 && type != ov::element::boolean;
}

}  // namespace

bool is_leaf_constant(const ov::Node& node) {
  return ov::is_type<ov::op::v0::Constant>(&node) || is_known_shape(node);
}

bool is_foldable(const ov::Node& node) {
  const std::string_view type = node.get_type_info().name;
  if (std::ranges::find(kNeverConstant, type) != kNeverConstant.end()) return false;
  if (dynamic_cast<const ov::op::util::MultiSubGraphOp*>(&node)) return false;
  return node.get_input_size() > 0 && node.has_evaluate();
}

std::shared_ptr<ov::Node> stored_constant(const ov::Output<ov::Node>& output) {
  std::shared_ptr<ov::Node> node = output.get_node_shared_ptr();
  while (!is_leaf_constant(*node)) node = node->get_input_node_shared_ptr(largest_input(*node));
  return node;
}

Tensor evaluate_constant(const ov::Output<ov::Node>& output) {
  if (const auto constant = ov::as_type_ptr<ov::op::v0::Constant>(output.get_node_shared_ptr()))
    return share(constant);
  Evaluated done;
  evaluate_all(output.get_node(), done);
  return share(done.at(output.get_node())[output.get_index()]);
}

Constant make_constant(const ov::Output<ov::Node>& output) {
  Constant constant;
  constant.load = [output] { return evaluate_constant(output); };
  const ov::Node* node = output.get_node();
  while (!is_leaf_constant(*node)) {
    constant.quantized |= is_quantization(*node);
    node = node->get_input_node_ptr(largest_input(*node));
  }
  const auto& stored = node->get_output_element_type(0);
  if (!output.get_element_type().is_real() || stored == output.get_element_type()) return constant;
  constant.quantized |= is_small_type(stored);
  constant.compressed = stored == ov::element::f16 || stored == ov::element::bf16;
  return constant;
}

}  // namespace eightbit::openvino
