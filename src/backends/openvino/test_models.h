// Small OpenVINO models for this folder's tests.
#pragma once

#include <eightbit/dataset.h>
#include <eightbit/error.h>

#include <cmath>
#include <memory>
#include <openvino/opsets/opset13.hpp>
#include <string>
#include <vector>

#include "backends/openvino/model.h"

namespace eightbit::openvino::test {

namespace op = ov::opset13;
using NodePtr = std::shared_ptr<ov::Node>;

// Values in (-1, 1) that look random and are the same everywhere.
inline std::vector<float> noise(size_t count, uint32_t seed = 1) {
  std::vector<float> values(count);
  uint32_t state = seed * 2654435761u + 12345u;
  for (float& value : values) {
    state = state * 1664525u + 1013904223u;
    value = static_cast<float>(state >> 8) / static_cast<float>(1u << 23) - 1.0f;
  }
  return values;
}

template <typename T>
std::shared_ptr<T> named(std::shared_ptr<T> node, const std::string& name) {
  node->set_friendly_name(name);
  return node;
}

inline std::shared_ptr<op::Parameter> parameter(const std::string& name,
                                                const ov::PartialShape& shape,
                                                ov::element::Type type = ov::element::f32) {
  auto node = named(std::make_shared<op::Parameter>(type, shape), name);
  node->get_output_tensor(0).set_names({name});
  return node;
}

inline std::shared_ptr<op::Constant> constant(const std::string& name, const ov::Shape& shape,
                                              const std::vector<float>& values,
                                              ov::element::Type type = ov::element::f32) {
  return named(std::make_shared<op::Constant>(type, shape, values), name);
}

inline std::shared_ptr<op::Constant> weights(const std::string& name, const ov::Shape& shape,
                                             uint32_t seed = 1,
                                             ov::element::Type type = ov::element::f32) {
  return constant(name, shape, noise(ov::shape_size(shape), seed), type);
}

inline std::shared_ptr<op::Constant> integers(const std::vector<int64_t>& values) {
  return std::make_shared<op::Constant>(ov::element::i64, ov::Shape{values.size()}, values);
}

inline NodePtr convolution(const std::string& name, const ov::Output<ov::Node>& data,
                           const ov::Output<ov::Node>& w) {
  const ov::CoordinateDiff pad{1, 1};
  const ov::Strides one{1, 1};
  return named(std::make_shared<op::Convolution>(data, w, one, pad, pad, one), name);
}

inline std::shared_ptr<ov::Model> model_of(const ov::OutputVector& outputs,
                                           const ov::ParameterVector& inputs) {
  ov::ResultVector results;
  for (const auto& output : outputs) {
    const std::string name = output.get_node()->get_friendly_name();
    output.get_tensor().add_names({name + "_out"});
    results.push_back(named(std::make_shared<op::Result>(output), name + "/result"));
  }
  return std::make_shared<ov::Model>(results, inputs, "test");
}

// input [1,3,8,8] -> conv (4 channels) -> bias -> relu -> result
inline std::shared_ptr<ov::Model> conv_model(ov::element::Type stored = ov::element::f32) {
  const auto input = parameter("input", {1, 3, 8, 8});
  NodePtr w = weights("w", {4, 3, 3, 3}, 7, stored);
  if (stored != ov::element::f32)
    w = named(std::make_shared<op::Convert>(w, ov::element::f32), "w/convert");
  const auto conv = convolution("conv", input, w);
  const auto bias =
      named(std::make_shared<op::Add>(conv, constant("b", {1, 4, 1, 1}, {1, 2, 3, 4})), "bias");
  return model_of({named(std::make_shared<op::Relu>(bias), "relu")}, {input});
}

inline std::shared_ptr<const OpenVinoModel> read(const std::shared_ptr<ov::Model>& model) {
  return std::make_shared<const OpenVinoModel>(model);
}

inline Sample sample_of(const OpenVinoModel& model, uint32_t seed = 3) {
  Sample sample;
  for (const auto& port : model.inputs()) {
    Shape shape = port.shape;
    for (int64_t& extent : shape) extent = extent < 0 ? 1 : extent;
    const auto values = noise(static_cast<size_t>(element_count(shape)), seed);
    sample.inputs.push_back({port.name, Tensor::from_floats(values, shape)});
  }
  return sample;
}

inline std::vector<std::vector<float>> run(const OpenVinoModel& model, const Sample& sample) {
  bool given = false;
  const auto results = model.infer([&]() -> std::optional<Sample> {
    if (given) return std::nullopt;
    given = true;
    return sample;
  });
  std::vector<std::vector<float>> outputs;
  for (const auto& tensor : results.at(0)) outputs.push_back(to_floats(tensor));
  return outputs;
}

inline float largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return INFINITY;
  float largest = 0;
  for (size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

inline NodePtr find(const ov::Model& model, const std::string& name) {
  for (const auto& node : model.get_ordered_ops())
    if (node->get_friendly_name() == name) return node;
  return nullptr;
}

// A weight quantizer over all uses of the constant that feeds `port` of `node`, symmetric, one
// range a channel.
inline Quantizer weight_quantizer(const Graph& graph, const std::string& node, int32_t port,
                                  std::vector<int64_t> axes, size_t channels, int levels = 255) {
  Quantizer quantizer;
  quantizer.value = graph.node(graph.find(node)).inputs[static_cast<size_t>(port)];
  quantizer.uses = graph.value(quantizer.value).uses;
  quantizer.weight = true;
  quantizer.channel_axes = std::move(axes);
  quantizer.levels = levels;
  for (size_t i = 0; i < channels; ++i) {
    const float high = 0.9f + 0.01f * static_cast<float>(i % 16);
    quantizer.high.push_back(high);
    quantizer.low.push_back(
        levels % 2 ? -high : -high * static_cast<float>(levels) / static_cast<float>(levels - 2));
  }
  return quantizer;
}

// An activation quantizer in front of input `port` of `node`, per tensor.
inline Quantizer input_quantizer(const Graph& graph, const std::string& node, int32_t port,
                                 float low, float high) {
  Quantizer quantizer;
  const NodeId id = graph.find(node);
  quantizer.value = graph.node(id).inputs[static_cast<size_t>(port)];
  quantizer.uses = {{id, port}};
  quantizer.low = {low};
  quantizer.high = {high};
  quantizer.levels = 256;
  return quantizer;
}

}  // namespace eightbit::openvino::test
