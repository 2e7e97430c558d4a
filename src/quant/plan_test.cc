#include "quant/plan.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "graph/text.h"

namespace eightbit {
namespace {

constexpr auto kSym = QuantizationScheme::symmetric;
constexpr auto kAsym = QuantizationScheme::asymmetric;

TEST(Scheme, Text) {
  EXPECT_EQ(to_text(QuantizerSpec{}), "8b sym pt");
  EXPECT_EQ(to_text(QuantizerSpec{8, kSym, true, true, true, {}}), "8b sym pc signed narrow");
  EXPECT_EQ(to_text(QuantizerSpec{4, kAsym, false, false, false, {}}), "4b asym pt unsigned");
  EXPECT_EQ(to_text(QuantizerSpec{8, kSym, {}, true, false, FP8Type::f8e5m2}), "f8e5m2 pc");
}

struct Sample {
  Graph graph = parse_graph(
      "in = Parameter() : f32[1,3,8,8]\n"
      "conv = Convolution(in, const f32[4,3,3,3]) : f32[1,4,8,8]\n"
      "a = Add(conv, const bias f32[1,4,1,1]) : f32[1,4,8,8]\n"
      "out = Result(a)\n");
  Plan plan;

  Sample() {
    plan.quantizers = {
        {0, {{1, 0}}, {}, false, {}, 2, {-1.27f}, {1.27f}, 256, {}},
        {1, {{1, 1}}, {8, kSym, true, true, true, {}}, true, {0}, kNone, {-1, -2}, {1, 2}, 255, {}},
        {2,
         {{2, 0}},
         {8, kSym, {}, false, false, FP8Type::f8e4m3},
         false,
         {},
         kNone,
         {},
         {},
         0,
         {3.5f}}};
    plan.scales = {{0, {{1, 0}}, {1, 2, 3}, 1}};
    plan.constants = {{3,
                       {},
                       Tensor::from_floats(std::vector<float>{1, 2, 3, 4}, {1, 4, 1, 1}),
                       ReplacementReason::channel_alignment}};
    plan.biases = {{1, 1, {1, 2, 3, 4}}};
    plan.left_float = {{2, "model type transformer"}};
    plan.notes = {"3 samples only"};
  }
};

TEST(Plan, Text) {
  const Sample s;
  EXPECT_EQ(to_text(s.plan, s.graph),
            "quantize in -> conv:0 | 8b sym pt | group 2 | [-1.27, 1.27] 256\n"
            "quantize weight conv.1 -> conv:1 | 8b sym pc signed narrow axes 0 | [-1, 1] (first of "
            "2) 255\n"
            "quantize conv -> a:0 | f8e4m3 pt | scale 3.5\n"
            "scale in -> conv:0 axis 1 (3 channels)\n"
            "replace bias -> all | channel_alignment\n"
            "shift bias conv axis 1 (4 channels)\n"
            "float a | model type transformer\n"
            "note 3 samples only\n");
}

TEST(Plan, TextWithoutRanges) {
  const Sample s;
  EXPECT_EQ(to_text(s.plan, s.graph, false).substr(0, 48),
            "quantize in -> conv:0 | 8b sym pt | group 2\nquan");
}

TEST(Plan, Json) {
  const Sample s;
  const auto json = nlohmann::json::parse(to_json(s.plan, s.graph));
  EXPECT_EQ(json["quantizers"].size(), 3u);
  EXPECT_EQ(json["quantizers"][0]["value"], "in");
  EXPECT_EQ(json["quantizers"][0]["uses"], nlohmann::json({"conv:0"}));
  EXPECT_EQ(json["quantizers"][0]["group"], 2);
  EXPECT_FLOAT_EQ(json["quantizers"][0]["high"][0].get<float>(), 1.27f);
  EXPECT_EQ(json["quantizers"][1]["spec"]["signedness_to_force"], true);
  EXPECT_EQ(json["quantizers"][1]["channel_axes"], nlohmann::json({0}));
  EXPECT_EQ(json["quantizers"][2]["spec"]["fp8"], "f8e4m3");
  EXPECT_FALSE(json["quantizers"][2].contains("low"));
  EXPECT_EQ(json["scales"][0]["factor"].size(), 3u);
  EXPECT_EQ(json["constants"][0]["reason"], "channel_alignment");
  EXPECT_EQ(json["biases"][0]["node"], "conv");
  EXPECT_EQ(json["left_float"][0]["reason"], "model type transformer");
  EXPECT_EQ(json["notes"][0], "3 samples only");
}

TEST(Plan, EmptyPlanIsValidJson) {
  const auto json = nlohmann::json::parse(to_json(Plan{}, Graph{}));
  EXPECT_TRUE(json["quantizers"].is_array());
  EXPECT_EQ(to_text(Plan{}, Graph{}), "");
}

}  // namespace
}  // namespace eightbit
