// Small graphs with real weights, and statistics of them, for the tests of algorithms.
#pragma once

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "quant/plan.h"
#include "records/statistics_data.h"
#include "records/tap_request.h"

namespace eightbit::algorithms {

class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  float real(float low, float high) {
    return std::uniform_real_distribution<float>(low, high)(engine_);
  }
  int64_t whole(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(engine_);
  }
  std::vector<float> normal(int64_t count, float scale) {
    std::normal_distribution<float> normal(0, scale);
    std::vector<float> values(static_cast<size_t>(count));
    for (float& value : values) value = normal(engine_);
    return values;
  }

 private:
  std::mt19937 engine_;
};

inline ValueId add_weight(Graph& graph, std::string name, const std::vector<float>& values,
                          Shape shape) {
  Constant constant;
  constant.load = [tensor = Tensor::from_floats(values, shape)] { return tensor; };
  return graph.add_constant(std::move(name), DType::f32, std::move(shape), std::move(constant));
}

inline ValueId add_input(Graph& graph, const Shape& shape) {
  return graph.add_output(graph.add_node("input", "Parameter", Op::parameter, {}), DType::f32,
                          shape);
}

// One layer that reads `input` and `weight`; its output.
inline ValueId add_layer(Graph& graph, const std::string& name, Op op, ValueId input,
                         ValueId weight, const Shape& output, Attributes attributes = {}) {
  const NodeId node = graph.add_node(name, name, op, {input, weight}, std::move(attributes));
  return graph.add_output(node, DType::f32, output);
}

inline ValueId add_bias(Graph& graph, const std::string& name, ValueId input,
                        const std::vector<float>& bias) {
  const Shape shape = graph.value(input).shape;
  Shape channels(shape.size(), 1);
  channels[1] = static_cast<int64_t>(bias.size());
  const ValueId constant = add_weight(graph, name + ".bias", bias, channels);
  return graph.add_output(graph.add_node(name, "Add", Op::add, {input, constant}), DType::f32,
                          shape);
}

inline Quantizer quantizer_of(ValueId value, Use use, QuantizerSpec spec, bool weight,
                              std::vector<int64_t> axes = {}) {
  Quantizer q;
  q.value = value;
  q.uses = {use};
  q.spec = spec;
  q.weight = weight;
  q.channel_axes = std::move(axes);
  return q;
}

// What a sample leaves behind at a point: by channel.
struct Left {
  std::vector<float> min, max, mean = {}, mean_square = {};
};

inline records::StatisticsData statistics_of(const records::TapRequest& taps,
                                             const std::vector<Left>& samples) {
  records::StatisticsData data("model", "data", taps.points());
  for (size_t k = 0; k < samples.size(); ++k) {
    std::vector<float> record;
    for (const Tap& tap : data.taps()) {
      const Left& left = samples[k];
      const auto append = [&](uint32_t wanted, const std::vector<float>& values) {
        if (tap.statistics & wanted) record.insert(record.end(), values.begin(), values.end());
      };
      append(kMinMax, left.min);
      append(kMinMax, left.max);
      append(kMean, left.mean);
      append(kMeanSquare, left.mean_square);
      record.push_back(1);
    }
    data.add(static_cast<int64_t>(k), record);
  }
  return data;
}

}  // namespace eightbit::algorithms
