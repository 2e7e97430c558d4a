#include "backends/openvino/runtime_faults.h"

#include <openvino/op/constant.hpp>
#include <openvino/op/fake_quantize.hpp>
#include <openvino/op/matmul.hpp>
#include <openvino/op/shuffle_channels.hpp>
#include <openvino/op/util/binary_elementwise_arithmetic.hpp>
#include <openvino/op/util/unary_elementwise_arithmetic.hpp>

namespace eightbit::openvino {
namespace {

using Output = ov::Output<ov::Node>;

bool varies(const Output& value) {
  if (ov::is_type<ov::op::v0::Constant>(value.get_node())) return false;
  const auto& node = *value.get_node();
  for (const auto& input : node.inputs())
    if (varies(input.get_source_output())) return true;
  return node.get_input_size() == 0;
}

const ov::op::v0::MatMul* product_with_weights(const ov::Node& node) {
  const auto* product = ov::as_type<const ov::op::v0::MatMul>(&node);
  if (!product || !varies(product->input_value(0)) || varies(product->input_value(1))) return nullptr;
  const auto rank = product->get_output_partial_shape(0).rank();
  return rank.is_static() && rank.get_length() == 2 ? product : nullptr;
}

bool computes_by_element(const ov::Node& node) {
  return ov::is_type<ov::op::v0::FakeQuantize>(&node) || dynamic_cast<const ov::op::util::UnaryElementwiseArithmetic*>(&node) ||
         dynamic_cast<const ov::op::util::BinaryElementwiseArithmetic*>(&node);
}

const Output varying_input(const ov::Node& node) {
  return node.get_input_size() > 1 && !varies(node.input_value(0)) ? node.input_value(1) : node.input_value(0);
}

// OpenVINO 2026.4 makes one generated kernel of a chain of products with what lies between them element by element, and with
// 4, 6 or 8 rows and quantizers it comes to values without any relation to the right ones.
bool ends_a_broken_chain(const ov::op::v0::MatMul& product) {
  const auto& shape = product.get_input_partial_shape(0);
  if (product.get_transpose_a() || shape.is_dynamic() || shape.size() != 2 || shape[0].get_length() < 2 || shape[0].get_length() > 8) return false;
  Output at = product.input_value(0);
  bool quantized = false;
  while (at.get_target_inputs().size() == 1 && computes_by_element(*at.get_node())) {
    quantized = quantized || ov::is_type<ov::op::v0::FakeQuantize>(at.get_node());
    at = varying_input(*at.get_node());
  }
  return quantized && at.get_target_inputs().size() == 1 && product_with_weights(*at.get_node());
}

// An op that changes nothing, which neither the compiler removes nor that kernel takes in, and which hands integers on.
void break_chain(ov::op::v0::MatMul& product) {
  const auto same = std::make_shared<ov::op::v0::ShuffleChannels>(product.input_value(0), 1, 1);
  same->set_friendly_name(product.get_friendly_name() + "/apart");
  product.input(0).replace_source_output(same);
}

}  // namespace

void avoid_runtime_faults(ov::Model& model) {
  for (const auto& op : model.get_ordered_ops())
    if (const auto* product = product_with_weights(*op); product && ends_a_broken_chain(*product))
      break_chain(*ov::as_type_ptr<ov::op::v0::MatMul>(op));
}

}  // namespace eightbit::openvino
