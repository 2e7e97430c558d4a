#include "quant/plan_json.h"

#include <eightbit/error.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

#include "graph/text.h"
#include "quant/channels.h"
#include "quant/exact_json.h"

namespace eightbit {
namespace {

using Json = nlohmann::ordered_json;

constexpr auto kSym = QuantizationScheme::symmetric;

Tensor weights() {
  std::vector<float> values(6 * 4);
  for (size_t i = 0; i < values.size(); ++i) values[i] = std::sin(static_cast<float>(i)) * 0.3f;
  return Tensor::from_floats(values, {6, 4});
}

// A product whose input is scaled, with a weight that has been rounded to levels.
struct Network {
  Graph graph = parse_graph(
      "in = Parameter() : f32[1,4]\n"
      "fc = MatMul(in, const w f32[6,4]) : f32[1,6] {transpose_b}\n"
      "out = Result(fc)\n");
  Plan plan;

  Network() {
    graph.values[1].constant = std::make_shared<const Constant>(Constant{[] { return weights(); }});
    plan.quantizers = {
        {0, {{1, 0}}, {}, false, {}, 3, {-1.27f}, {1.27f}, 256, {}},
        {1, {{1, 1}}, {8, kSym, true, true, false, {}}, true, {0}, kNone, {}, {}, 256, {}}};
    const float step = 0.3f / 127;
    for (int c = 0; c < 6; ++c) {
      plan.quantizers[1].low.push_back(-128 * step);
      plan.quantizers[1].high.push_back(127 * step);
    }
    plan.scales = {{0, {{1, 0}}, {0.5f, 1.0f, 2.0f, 1.0f / 3}, 1}};
    plan.biases = {{1, 1, {1, 2, 3, 4, 5, 6e-30f}}};
    plan.left_float = {{2, "nothing to do"}};
    plan.notes = {"a \"note\""};
  }

  // Levels near the scaled weights, one of them a level off.
  void round_weights() {
    const float step = 0.3f / 127;
    std::vector<float> values = to_floats(weights());
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = std::clamp(std::nearbyint(values[i] / plan.scales[0].factor[i % 4] / step),
                             -127.0f, 127.0f) *
                  step;
    values[5] += step;
    values[5] = std::nearbyint(values[5] / step) * step;
    plan.constants = {
        {1, {{1, 1}}, Tensor::from_floats(values, {6, 4}), ReplacementReason::weight_rounding}};
  }
};

void expect_same(const Plan& a, const Plan& b) {
  ASSERT_EQ(a.quantizers.size(), b.quantizers.size());
  for (size_t i = 0; i < a.quantizers.size(); ++i) {
    const Quantizer &p = a.quantizers[i], &q = b.quantizers[i];
    EXPECT_TRUE(p.value == q.value && p.uses == q.uses && p.spec == q.spec &&
                p.weight == q.weight && p.group == q.group && p.channel_axes == q.channel_axes &&
                p.low == q.low && p.high == q.high && p.levels == q.levels && p.scale == q.scale);
  }
  ASSERT_EQ(a.scales.size(), b.scales.size());
  for (size_t i = 0; i < a.scales.size(); ++i)
    EXPECT_TRUE(a.scales[i].value == b.scales[i].value && a.scales[i].uses == b.scales[i].uses &&
                a.scales[i].factor == b.scales[i].factor && a.scales[i].axis == b.scales[i].axis);
  ASSERT_EQ(a.constants.size(), b.constants.size());
  for (size_t i = 0; i < a.constants.size(); ++i) {
    const Tensor &p = a.constants[i].tensor, &q = b.constants[i].tensor;
    EXPECT_EQ(a.constants[i].reason, b.constants[i].reason);
    EXPECT_EQ(p.shape, q.shape);
    EXPECT_EQ(std::memcmp(p.data, q.data, p.byte_size()), 0);
  }
  ASSERT_EQ(a.biases.size(), b.biases.size());
  for (size_t i = 0; i < a.biases.size(); ++i) EXPECT_EQ(a.biases[i].shift, b.biases[i].shift);
  EXPECT_EQ(a.left_float.size(), b.left_float.size());
  EXPECT_EQ(a.notes, b.notes);
  EXPECT_EQ(a.compress_weights, b.compress_weights);
}

Json as_file(const Network& n) {
  return Json::parse(write_plan(n.plan, n.graph, Tensors::included).dump());
}

TEST(ExactJson, EveryFloatComesBack) {
  std::mt19937 random(5);
  for (int i = 0; i < 200000; ++i) {
    const uint32_t bits = random();
    float value;
    std::memcpy(&value, &bits, 4);
    if (!std::isfinite(value)) continue;
    ASSERT_EQ(Json::parse(Json(as_json_number(value)).dump()).get<float>(), value);
  }
  EXPECT_EQ(Json(as_json_number(0.1f)).dump(), "0.1");
}

TEST(PlanJson, ComesBackTheSame) {
  const Network n;
  expect_same(read_plan(as_file(n), n.graph), n.plan);
}

TEST(PlanJson, RoundedWeightsAreToldByTheirDistanceFromTheNearestLevel) {
  Network n;
  n.round_weights();
  const Json json = as_file(n);
  EXPECT_TRUE(json["constants"][0]["content"].contains("moved"));
  expect_same(read_plan(json, n.graph), n.plan);
}

TEST(PlanJson, ScaledWeightsAreToldByTheirFactor) {
  Network n;
  const std::vector<float> factor{0.7f, 1.3f, 2.1f, 0.01f};
  n.plan.constants = {
      {1, {{1, 1}}, scaled_by(weights(), 1, factor), ReplacementReason::smooth_quant, factor, 1}};
  const Json json = as_file(n);
  EXPECT_TRUE(json["constants"][0]["content"].contains("factor"));
  expect_same(read_plan(json, n.graph), n.plan);
}

TEST(PlanJson, AnyOtherConstantIsToldByItsBytes) {
  Network n;
  std::vector<float> values(24, 0.125f);
  values[3] = -0.0f;
  n.plan.constants = {
      {1, {{1, 1}}, Tensor::from_floats(values, {6, 4}), ReplacementReason::weight_rounding}};
  const Json json = as_file(n);
  EXPECT_TRUE(json["constants"][0]["content"].contains("bytes"));
  expect_same(read_plan(json, n.graph), n.plan);
}

struct Edit {
  const char* pointer;
  Json value;
  const char* saying;
};

TEST(PlanJson, MistakesAreNamed) {
  Network n;
  n.round_weights();
  const Json good = as_file(n);
  const std::vector<Edit> edits = {
      {"/quantizers/0/uses/0", "gone:0", "recipe] quantizers[0].uses[0] names 'gone:0'"},
      {"/quantizers/0/uses/0", "fc:9", "names 'fc:9'"},
      {"/quantizers/0/uses/0", "fc", "names 'fc'"},
      {"/quantizers/0/uses", Json::array(), "quantizers[0].uses is empty"},
      {"/quantizers/0/uses", {"fc:0", "fc:1"}, "another value"},
      {"/quantizers/1/uses/0", "fc:0", "which another quantizer has"},
      {"/quantizers/0/weight", true, "quantizers[0].weight is true"},
      {"/quantizers/0/levels", 1, "levels is 1. It takes a whole number from 2 to 65536"},
      {"/quantizers/0/low/0", "x", "low is \"x\". It takes a finite number"},
      {"/quantizers/0/low/0", 1e300, "a finite number"},
      {"/quantizers/0/low/0", 5, "must not be below"},
      {"/quantizers/1/low", {1, 2}, "low has 2"},
      {"/quantizers/1/channel_axes/0", 2,
       "channel_axes[0] is 2. It takes a whole number from 0 to 1"},
      {"/quantizers/0/spec/mode", "odd", "is 'odd'. Allowed are 'asymmetric' and 'symmetric'"},
      {"/quantizers/0/colour", 1, "unknown key 'colour'"},
      {"/scales/0/factor", {1, 2}, "factor has 2 numbers. 'in' has 4 channels"},
      {"/biases/0/node", "gone", "biases[0].node names 'gone'"},
      {"/biases/0/shift", Json::array(), "has 0 numbers. 'fc' has 6 channels"},
      {"/constants/0/shape/0", 7, "shape is [7,4]. 'w' has [6,4]"},
      {"/constants/0/reason", "whim", "reason is 'whim'. Allowed are smooth_quant"},
      {"/constants/0/dtype", "i8", "'w' takes f32"},
      {"/constants/0/content/moved", "AAAA", "content does not fit 'w'"},
      {"/constants/0/content/step", {1}, "content does not fit 'w'"},
      {"/notes", 3, "notes is 3. It takes a list"},
  };
  for (const Edit& edit : edits) {
    Json bad = good;
    bad[Json::json_pointer(edit.pointer)] = edit.value;
    try {
      read_plan(bad, n.graph);
      ADD_FAILURE() << edit.pointer;
    } catch (const InvalidArgument& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr(edit.saying)) << edit.pointer;
    }
  }
}

}  // namespace
}  // namespace eightbit
