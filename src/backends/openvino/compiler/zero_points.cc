#include "backends/openvino/compiler/zero_points.h"

#include <algorithm>
#include <memory>
#include <openvino/op/add.hpp>
#include <openvino/op/convolution.hpp>
#include <openvino/op/fake_quantize.hpp>
#include <openvino/op/matmul.hpp>
#include <optional>
#include <string>
#include <vector>

#include "backends/openvino/compiler/patterns.h"
#include "backends/openvino/constants.h"
#include "backends/openvino/copy.h"

namespace eightbit::openvino {
namespace {

using Output = ov::Output<ov::Node>;
using FakeQuantize = ov::op::v0::FakeQuantize;

constexpr int64_t kFewRows = 8;  // OpenVINO makes chains of such products (runtime_faults.cc)

struct Layer {
  std::shared_ptr<ov::Node> node;
  size_t channel_axis;  // of the output
  bool channels_first;  // in the weights; else last
};

std::optional<Layer> as_convolution(const std::shared_ptr<ov::Node>& node) {
  const auto* convolution = ov::as_type<const ov::op::v1::Convolution>(node.get());
  if (!convolution || is_padded(*convolution)) return std::nullopt;
  return Layer{node, 1, true};
}

std::optional<Layer> as_product(const std::shared_ptr<ov::Node>& node) {
  const auto* product = ov::as_type<const ov::op::v0::MatMul>(node.get());
  const ov::PartialShape &weights = node->get_input_partial_shape(1),
                         &out = node->get_output_partial_shape(0);
  if (!product || weights.size() != 2 || out.rank().is_dynamic() || out.size() < 2)
    return std::nullopt;
  if (out.size() == 2 && out[0].is_static() && out[0].get_length() <= kFewRows) return std::nullopt;
  return Layer{node, out.size() - 1, product->get_transpose_b()};
}

// What reads the value as the data of a layer whose weights are known.
std::optional<Layer> as_layer(const ov::Input<ov::Node>& reader) {
  const auto node = reader.get_node()->shared_from_this();
  if (reader.get_index() != 0 || node->get_input_size() != 2) return std::nullopt;
  const Output weights = node->input_value(1);
  if (varies(weights) || weights.get_partial_shape().is_dynamic() ||
      node->get_output_element_type(0) != ov::element::f32)
    return std::nullopt;
  auto layer = as_convolution(node);
  return layer ? layer : as_product(node);
}

// False where anything else reads it.
bool collect_layers(const Output& value, std::vector<Layer>& layers) {
  return std::ranges::all_of(value.get_target_inputs(), [&](const ov::Input<ov::Node>& reader) {
    if (keeps_elements(*reader.get_node()) && reader.get_index() == 0)
      return collect_layers(reader.get_node()->output(0), layers);
    const auto layer = as_layer(reader);
    if (layer) layers.push_back(*layer);
    return layer.has_value();
  });
}

// low * sum_k w[k], one a channel, in double.
std::vector<float> sums_of_weights(const Layer& layer, double low) {
  const Tensor tensor = evaluate_constant(layer.node->input_value(1));
  const std::vector<float> values = to_floats(tensor);
  const bool first = layer.channels_first;
  const auto channels = static_cast<size_t>(first ? tensor.shape.front() : tensor.shape.back());
  const size_t others = values.size() / std::max<size_t>(channels, 1);
  std::vector<double> sums(channels, 0.0);
  for (size_t i = 0; i < values.size(); ++i)
    sums[first ? i / others : i % channels] += static_cast<double>(values[i]);
  std::vector<float> out;
  for (double sum : sums) out.push_back(static_cast<float>(low * sum));
  return out;
}

void add_behind(const Layer& layer, double low) {
  const Output out = layer.node->output(0);
  const std::vector<float> sums = sums_of_weights(layer, low);
  ov::Shape shape(out.get_partial_shape().size(), 1);
  shape[layer.channel_axis] = sums.size();
  const auto readers = out.get_target_inputs();
  insert_between({readers.begin(), readers.end()}, [&](const Output& source) -> Output {
    const std::string name = layer.node->get_friendly_name() + std::string(kZeroPointSuffix);
    const auto constant = std::make_shared<ov::op::v0::Constant>(ov::element::f32, shape, sums);
    constant->set_friendly_name(name + "/sum");
    const auto sum = std::make_shared<ov::op::v1::Add>(source, constant);
    sum->set_friendly_name(name);
    return sum;
  });
}

void begin_at_zero(FakeQuantize& quantizer, double low, double high) {
  const ov::Shape shape = quantizer.get_input_shape(3);
  set_end(quantizer, 3, shape, {0.0});
  set_end(quantizer, 4, shape, {high - low});
}

}  // namespace

void fold_zero_points(ov::Model& model) {
  for (const auto& op : model.get_ordered_ops()) {
    auto* quantizer = ov::as_type<FakeQuantize>(op.get());
    if (!quantizer || !varies(quantizer->input_value(0)) || !has_zero_point(*quantizer)) continue;
    std::vector<Layer> layers;
    if (!collect_layers(quantizer->output(0), layers) || layers.empty()) continue;
    const double low = *number_of(quantizer->input_value(3)),
                 high = *number_of(quantizer->input_value(4));
    for (const Layer& layer : layers) add_behind(layer, low);
    begin_at_zero(*quantizer, low, high);
  }
}

}  // namespace eightbit::openvino
