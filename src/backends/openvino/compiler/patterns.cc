#include "backends/openvino/compiler/patterns.h"

#include <algorithm>
#include <cmath>
#include <openvino/op/clamp.hpp>
#include <openvino/op/constant.hpp>
#include <openvino/op/elu.hpp>
#include <openvino/op/prelu.hpp>
#include <openvino/op/reshape.hpp>
#include <openvino/op/squeeze.hpp>
#include <openvino/op/swish.hpp>
#include <openvino/op/transpose.hpp>
#include <openvino/op/unsqueeze.hpp>
#include <openvino/op/util/binary_elementwise_arithmetic.hpp>
#include <openvino/op/util/unary_elementwise_arithmetic.hpp>

namespace eightbit::openvino {

bool varies(const ov::Output<ov::Node>& value) {
  if (ov::is_type<ov::op::v0::Constant>(value.get_node())) return false;
  const auto& node = *value.get_node();
  for (const auto& input : node.inputs())
    if (varies(input.get_source_output())) return true;
  return node.get_input_size() == 0;
}

bool computes_by_element(const ov::Node& node) {
  return ov::is_type<ov::op::v0::FakeQuantize>(&node) || ov::is_type<ov::op::v0::Clamp>(&node) ||
         ov::is_type<ov::op::v0::Elu>(&node) || ov::is_type<ov::op::v0::PRelu>(&node) ||
         ov::is_type<ov::op::v4::Swish>(&node) ||
         dynamic_cast<const ov::op::util::UnaryElementwiseArithmetic*>(&node) ||
         dynamic_cast<const ov::op::util::BinaryElementwiseArithmetic*>(&node);
}

bool keeps_elements(const ov::Node& node) {
  return ov::is_type<ov::op::v1::Reshape>(&node) || ov::is_type<ov::op::v1::Transpose>(&node) ||
         ov::is_type<ov::op::v0::Squeeze>(&node) || ov::is_type<ov::op::v0::Unsqueeze>(&node);
}

std::optional<double> number_of(const ov::Output<ov::Node>& value) {
  const auto* constant = ov::as_type<const ov::op::v0::Constant>(value.get_node());
  if (!constant || ov::shape_size(constant->get_shape()) != 1) return std::nullopt;
  return constant->cast_vector<double>().front();
}

bool has_zero_point(const ov::op::v0::FakeQuantize& quantizer) {
  const auto low = number_of(quantizer.input_value(3)), high = number_of(quantizer.input_value(4));
  if (!low || !high || !(*high > *low) || quantizer.get_levels() > 256) return false;
  const auto steps = static_cast<double>(quantizer.get_levels() - 1);
  const double zero = std::round(-*low / (*high - *low) * steps);
  return zero > 0 && zero != std::floor((steps + 1) / 2);
}

void set_end(ov::op::v0::FakeQuantize& quantizer, size_t port, const ov::Shape& shape,
             const std::vector<double>& values) {
  static constexpr const char* kEnds[] = {"/input_low", "/input_high", "/output_low",
                                          "/output_high"};
  const auto constant =
      std::make_shared<ov::op::v0::Constant>(quantizer.get_input_element_type(port), shape, values);
  constant->set_friendly_name(quantizer.get_friendly_name() + kEnds[port - 1]);
  quantizer.input(port).replace_source_output(constant);
}

namespace {

constexpr size_t kFirstSpatialAxis = 2;

bool has_free_extents(const ov::PartialShape& shape) {
  return shape.rank().is_dynamic() ||
         std::any_of(shape.begin() + kFirstSpatialAxis, shape.end(),
                     [](const ov::Dimension& extent) { return extent.is_dynamic(); });
}

// A kernel of one position reads nothing beside it.
bool is_pointwise(const ov::PartialShape& weights) {
  return weights.rank().is_static() &&
         std::all_of(weights.begin() + kFirstSpatialAxis, weights.end(),
                     [](const ov::Dimension& extent) { return extent == 1; });
}

}  // namespace

bool is_padded(const ov::op::v1::Convolution& node) {
  const auto pads = [](const ov::CoordinateDiff& pad) {
    return std::ranges::any_of(pad, [](auto extent) { return extent != 0; });
  };
  const bool same = node.get_auto_pad() == ov::op::PadType::SAME_UPPER ||
                    node.get_auto_pad() == ov::op::PadType::SAME_LOWER;
  // Paddings that follow the input's extents are known with these.
  if (same && has_free_extents(node.get_input_partial_shape(0)))
    return !is_pointwise(node.get_input_partial_shape(1));
  return pads(node.get_pads_begin()) || pads(node.get_pads_end());
}

}  // namespace eightbit::openvino
