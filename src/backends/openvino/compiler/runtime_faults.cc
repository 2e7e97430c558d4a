#include "backends/openvino/compiler/runtime_faults.h"

#include <openvino/op/add.hpp>
#include <openvino/op/constant.hpp>
#include <openvino/op/convert.hpp>
#include <openvino/op/fake_quantize.hpp>
#include <openvino/op/gelu.hpp>
#include <openvino/op/matmul.hpp>
#include <openvino/op/multiply.hpp>
#include <openvino/op/reduce_max.hpp>
#include <openvino/op/reduce_min.hpp>
#include <openvino/op/relu.hpp>
#include <openvino/op/shuffle_channels.hpp>
#include <openvino/op/sigmoid.hpp>
#include <openvino/op/subtract.hpp>
#include <openvino/op/tanh.hpp>
#include <vector>

#include "backends/openvino/compiler/patterns.h"

namespace eightbit::openvino {
namespace {

using Output = ov::Output<ov::Node>;

const ov::op::v0::MatMul* product_with_weights(const ov::Node& node) {
  const auto* product = ov::as_type<const ov::op::v0::MatMul>(&node);
  if (!product || !varies(product->input_value(0)) || varies(product->input_value(1)))
    return nullptr;
  const auto rank = product->get_output_partial_shape(0).rank();
  return rank.is_static() && rank.get_length() == 2 ? product : nullptr;
}

const Output varying_input(const ov::Node& node) {
  return node.get_input_size() > 1 && !varies(node.input_value(0)) ? node.input_value(1)
                                                                   : node.input_value(0);
}

bool is_number(const Output& value) {
  const ov::PartialShape& shape = value.get_partial_shape();
  return !varies(value) && shape.is_static() && ov::shape_size(shape.to_shape()) == 1;
}

bool adds_by_channel(const ov::Node& node) {
  if (!ov::is_type<ov::op::v1::Add>(&node)) return false;
  const Output bias = node.input_value(varies(node.input_value(0)) ? 1 : 0);
  const ov::PartialShape& shape = bias.get_partial_shape();
  return !varies(bias) && shape.is_static() && shape.size() > 0 &&
         ov::shape_size(shape.to_shape()) > 1 &&
         ov::shape_size(shape.to_shape()) ==
             static_cast<size_t>(shape[shape.size() - 1].get_length());
}

bool is_one_number_for_all(const ov::Node& quantizer) {
  for (size_t port = 1; port < quantizer.get_input_size(); ++port)
    if (!is_number(quantizer.input_value(port))) return false;
  return true;
}

bool is_plain_activation(const ov::Node& node) {
  return ov::is_type<ov::op::v0::Relu>(&node) || ov::is_type<ov::op::v0::Sigmoid>(&node) ||
         ov::is_type<ov::op::v0::Tanh>(&node) || ov::is_type<ov::op::v7::Gelu>(&node);
}

// A bias by channel, an activation, a quantizer. `between`: from the later product upwards.
bool is_computed_rightly(const std::vector<const ov::Node*>& between) {
  return (between.size() == 2 || (between.size() == 3 && is_plain_activation(*between[1]))) &&
         adds_by_channel(*between.back()) && is_one_number_for_all(*between.front());
}

// OpenVINO 2026.4 makes one generated kernel of a chain of products with what lies between them
// element by element. Where one thread has up to 8 rows of it (all of them, or some of 4, 6 or 8),
// and there is more between than a bias by channel and an activation, it comes to values without
// any relation to the right ones.
bool ends_a_broken_chain(const ov::op::v0::MatMul& product) {
  const auto& shape = product.get_input_partial_shape(0);
  if (product.get_transpose_a() || shape.is_dynamic() || shape.size() != 2 ||
      shape[0].get_length() > 8)
    return false;
  Output at = product.input_value(0);
  bool quantized = false;
  std::vector<const ov::Node*> between;
  while (at.get_target_inputs().size() == 1 && computes_by_element(*at.get_node())) {
    quantized = quantized || ov::is_type<ov::op::v0::FakeQuantize>(at.get_node());
    between.push_back(at.get_node());
    at = varying_input(*at.get_node());
  }
  return quantized && at.get_target_inputs().size() == 1 && product_with_weights(*at.get_node()) &&
         !is_computed_rightly(between);
}

// An op that changes nothing, which neither the compiler removes nor a kernel takes in, and which
// hands integers on.
Output held_apart(const Output& value, const std::string& name) {
  const auto same = std::make_shared<ov::op::v0::ShuffleChannels>(
      value, value.get_partial_shape().size() > 1 ? 1 : 0, 1);
  same->set_friendly_name(name + "/apart");
  return same;
}

void break_chain(ov::op::v0::MatMul& product) {
  product.input(0).replace_source_output(
      held_apart(product.input_value(0), product.get_friendly_name()));
}

// The kernel of ReduceMin and ReduceMax takes in what follows. With a quantizer among it, OpenVINO
// 2026.4 begins from a wrong value: the output is 0 to 25 dB of signal to noise, often constant.
bool is_reduced_wrongly(const ov::Node& node) {
  if (!ov::is_type<ov::op::v1::ReduceMin>(&node) && !ov::is_type<ov::op::v1::ReduceMax>(&node))
    return false;
  const auto rank = node.get_output_partial_shape(0).rank();
  if (rank.is_dynamic() || rank.get_length() < 1) return false;
  const ov::Node* at = &node;
  while (at->output(0).get_target_inputs().size() == 1) {
    at = at->output(0).get_target_inputs().begin()->get_node();
    if (ov::is_type<ov::op::v0::FakeQuantize>(at)) return true;
    if (!computes_by_element(*at) && !keeps_elements(*at)) return false;
  }
  return false;
}

void end_reduction(ov::Node& node) {
  const auto readers = node.output(0).get_target_inputs();
  const Output same = held_apart(node.output(0), node.get_friendly_name());
  for (ov::Input<ov::Node> reader : readers) reader.replace_source_output(same);
}

// Convert of 8-bit integers or booleans, Subtract, Multiply are to OpenVINO 2026.4 how a quantized
// model goes back to floats, also where they make a bias for Softmax of a mask.
bool is_taken_for_dequantization(const ov::Node& node) {
  if (!ov::is_type<ov::op::v0::Convert>(&node) || !node.get_output_element_type(0).is_real() ||
      !varies(node.input_value(0)))
    return false;
  const ov::element::Type from = node.get_input_element_type(0);
  if (from != ov::element::u8 && from != ov::element::i8 && from != ov::element::boolean)
    return false;
  for (const auto& reader : node.output(0).get_target_inputs())
    if (ov::is_type<ov::op::v1::Subtract>(reader.get_node()) ||
        ov::is_type<ov::op::v1::Multiply>(reader.get_node()))
      return true;
  return false;
}

void convert_by_way_of_words(ov::Node& node) {
  const auto words = std::make_shared<ov::op::v0::Convert>(node.input_value(0), ov::element::i32);
  words->set_friendly_name(node.get_friendly_name() + "/apart");
  node.input(0).replace_source_output(words);
}

}  // namespace

void avoid_runtime_faults(ov::Model& model) {
  for (const auto& op : model.get_ordered_ops()) {
    if (const auto* product = product_with_weights(*op); product && ends_a_broken_chain(*product))
      break_chain(*ov::as_type_ptr<ov::op::v0::MatMul>(op));
    if (is_reduced_wrongly(*op)) end_reduction(*op);
    if (is_taken_for_dequantization(*op)) convert_by_way_of_words(*op);
  }
}

}  // namespace eightbit::openvino
