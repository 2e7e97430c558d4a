#include "backends/openvino/compiler/padded_convolutions.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <openvino/op/add.hpp>
#include <openvino/op/concat.hpp>
#include <openvino/op/constant.hpp>
#include <openvino/op/convolution.hpp>
#include <openvino/op/elu.hpp>
#include <openvino/op/fake_quantize.hpp>
#include <openvino/op/gelu.hpp>
#include <openvino/op/interpolate.hpp>
#include <openvino/op/max_pool.hpp>
#include <openvino/op/mish.hpp>
#include <openvino/op/multiply.hpp>
#include <openvino/op/sigmoid.hpp>
#include <openvino/op/split.hpp>
#include <openvino/op/swish.hpp>
#include <openvino/op/tanh.hpp>
#include <openvino/op/variadic_split.hpp>
#include <vector>

#include "backends/openvino/compiler/patterns.h"

namespace eightbit::openvino {
namespace {

using Output = ov::Output<ov::Node>;
using FakeQuantize = ov::op::v0::FakeQuantize;

constexpr int64_t kWidest = 64, kTile = 16;  // of maps
constexpr double kOwnRange = 1 + 1e-5;       // OpenVINO takes ranges that differ by less for one

bool hands_on_integers(const ov::Node& node) {
  return ov::is_type<ov::op::v1::MaxPool>(&node) || ov::is_type<ov::op::v8::MaxPool>(&node) ||
         ov::is_type<ov::op::v14::MaxPool>(&node) || ov::is_type<ov::op::v1::Split>(&node) ||
         ov::is_type<ov::op::v1::VariadicSplit>(&node) ||
         ov::is_type<ov::op::v4::Interpolate>(&node) ||
         ov::is_type<ov::op::v11::Interpolate>(&node);
}

bool carries_zero_point(const Output& value) {
  const ov::Node& node = *value.get_node();
  if (const auto* quantizer = ov::as_type<const FakeQuantize>(&node))
    return has_zero_point(*quantizer);
  if (ov::is_type<ov::op::v0::Concat>(&node))
    return std::ranges::any_of(node.input_values(), carries_zero_point);
  return hands_on_integers(node) && carries_zero_point(node.input_value(0));
}

// The op that reads the value, or that two readers are as one: x * sigmoid(x).
std::shared_ptr<ov::Node> only_reader(const Output& value) {
  std::vector<std::shared_ptr<ov::Node>> readers;
  for (const auto& reader : value.get_target_inputs())
    readers.push_back(reader.get_node()->shared_from_this());
  if (readers.size() == 1) return readers.front();
  if (readers.size() != 2) return nullptr;
  if (ov::is_type<ov::op::v0::Sigmoid>(readers.back())) std::swap(readers.front(), readers.back());
  const bool gates = ov::is_type<ov::op::v0::Sigmoid>(readers.front()) &&
                     ov::is_type<ov::op::v1::Multiply>(readers.back());
  return gates && only_reader(readers.front()->output(0)) == readers.back() ? readers.back()
                                                                            : nullptr;
}

bool is_gate(const ov::Node& node) {
  return ov::is_type<ov::op::v1::Multiply>(&node) &&
         std::ranges::any_of(node.input_values(), [](const Output& factor) {
           return ov::is_type<ov::op::v0::Sigmoid>(factor.get_node());
         });
}

bool takes_powers_of_e(const ov::Node& node) {
  return ov::is_type<ov::op::v4::Swish>(&node) || is_gate(node) ||
         ov::is_type<ov::op::v0::Gelu>(&node) || ov::is_type<ov::op::v7::Gelu>(&node) ||
         ov::is_type<ov::op::v4::Mish>(&node) || ov::is_type<ov::op::v0::Elu>(&node) ||
         ov::is_type<ov::op::v0::Sigmoid>(&node) || ov::is_type<ov::op::v0::Tanh>(&node);
}

// What the kernel ends in: the quantizer behind what is computed element by element, powers of e
// among it.
std::shared_ptr<FakeQuantize> quantizer_behind(ov::Node& convolution) {
  bool powers = false;
  for (auto at = only_reader(convolution.output(0)); at; at = only_reader(at->output(0))) {
    if (auto quantizer = ov::as_type_ptr<FakeQuantize>(at)) return powers ? quantizer : nullptr;
    if (!computes_by_element(*at)) return nullptr;
    powers = powers || takes_powers_of_e(*at);
  }
  return nullptr;
}

bool is_three_by_three(const ov::op::v1::Convolution& node) {
  const ov::PartialShape& shape = node.get_input_partial_shape(1);
  return shape.is_static() && shape.size() == 4 && shape[2] == 3 && shape[3] == 3;
}

// A width that is not known is taken for one: few are multiples of 16.
bool has_small_odd_maps(const ov::op::v1::Convolution& node) {
  const ov::PartialShape& shape = node.get_output_partial_shape(0);
  if (shape.rank().is_dynamic() || shape.size() != 4 || shape[1].is_dynamic()) return false;
  return shape[3].is_dynamic() ||
         (shape[3].get_length() <= kWidest && shape[3].get_length() % kTile != 0);
}

void give_ranges_by_channel(FakeQuantize& quantizer, size_t channels) {
  const double low = *number_of(quantizer.input_value(1)),
               high = *number_of(quantizer.input_value(2));
  const size_t port = std::fabs(low) > std::fabs(high) ? 1 : 2;
  for (const size_t end : {1, 2}) {
    std::vector<double> values(channels, end == 1 ? low : high);
    if (end == port) values.front() *= kOwnRange;
    set_end(quantizer, end, {1, channels, 1, 1}, values);
  }
}

}  // namespace

void prefer_faster_padded_kernels(ov::Model& model) {
  for (const auto& op : model.get_ordered_ops()) {
    auto* node = ov::as_type<ov::op::v1::Convolution>(op.get());
    if (!node || !is_padded(*node) || !is_three_by_three(*node) || !has_small_odd_maps(*node) ||
        !carries_zero_point(node->input_value(0)))
      continue;
    const auto quantizer = quantizer_behind(*node);
    if (!quantizer || !number_of(quantizer->input_value(1)) ||
        !number_of(quantizer->input_value(2)))
      continue;
    const auto channels = node->get_output_partial_shape(0)[1].get_length();
    if (channels > 1) give_ranges_by_channel(*quantizer, static_cast<size_t>(channels));
  }
}

}  // namespace eightbit::openvino
