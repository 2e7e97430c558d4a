#include "algorithms/left_out_layers.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "algorithms/test_network.h"

namespace eightbit::algorithms {
namespace {

// input -> Transpose -> first -> second, all quantized; samples that reach from -reach to reach.
class Network {
 public:
  Network() {
    const ValueId input = add_input(graph_, {1, 64});
    const NodeId turn = graph_.add_node("turn", "Transpose", Op::transpose, {input});
    moved_ = graph_.add_output(turn, DType::f32, {1, 64});
    inner_ = layer("first", moved_);
    layer("second", inner_);
  }

  Plan plan() const {
    Plan plan;
    for (const char* name : {"first", "second"}) {
      const NodeId node = graph_.find(name);
      const auto& inputs = graph_.node(node).inputs;
      plan.quantizers.push_back(quantizer_of(inputs[0], {node, 0}, {}, false));
      plan.quantizers.push_back(quantizer_of(inputs[1], {node, 1}, {}, true));
    }
    return plan;
  }

  // The layers that stay quantized.
  std::vector<std::string> left(const std::vector<float>& reaches, Plan plan) const {
    records::TapRequest taps(graph_);
    for (ValueId value : {moved_, inner_}) taps.want(value, kMinMax);
    std::vector<Left> samples;
    for (float reach : reaches) samples.push_back({{-reach}, {reach}});
    leave_faint_inputs_in_float(graph_, statistics_of(taps, samples), plan);
    std::vector<std::string> names;
    for (const Quantizer& q : plan.quantizers)
      for (const Use& use : q.uses)
        if (q.weight) names.push_back(graph_.node(use.node).name);
    EXPECT_EQ(plan.left_float.size(), 2 - names.size());
    EXPECT_EQ(plan.notes.size(), 2 - names.size());
    EXPECT_EQ(std::ranges::count_if(plan.quantizers, &Quantizer::weight),
              std::ranges::count(plan.quantizers, false, &Quantizer::weight));
    return names;
  }

 private:
  ValueId layer(const std::string& name, ValueId input) {
    const ValueId w = add_weight(graph_, name + ".w", std::vector<float>(64 * 64, 1), {64, 64});
    return add_layer(graph_, name, Op::mat_mul, input, w, {1, 64});
  }

  Graph graph_;
  ValueId moved_ = kNone, inner_ = kNone;
};

std::vector<float> loud(size_t loud, size_t faint, float reach) {
  std::vector<float> reaches(loud, 1.0f);
  reaches.insert(reaches.end(), faint, reach);
  return reaches;
}

const std::vector<std::string> kBoth = {"first", "second"}, kInner = {"second"};

TEST(LeftOutLayers, ReadersOfAnInputWhoseFaintSamplesFillFewLevelsStayInFloat) {
  const Network network;
  EXPECT_EQ(network.left(loud(38, 3, 0.12f), network.plan()), kInner);
  EXPECT_EQ(network.left(loud(38, 3, 0.13f), network.plan()), kBoth);
  EXPECT_EQ(network.left(loud(60, 2, 0.001f), network.plan()), kBoth);  // too few of them
  EXPECT_EQ(network.left(loud(10, 5, 0.001f), network.plan()), kBoth);  // too few samples
  Plan sixteen = network.plan();
  for (Quantizer& q : sixteen.quantizers) q.spec.bits = 16;
  EXPECT_EQ(network.left(loud(38, 3, 0.001f), sixteen), kBoth);
}

}  // namespace
}  // namespace eightbit::algorithms
