#include "pipeline/trial/silent_outputs.h"

#include <gtest/gtest.h>

#include <limits>

#include "graph/text.h"

namespace eightbit {
namespace {

using Maps = std::vector<std::vector<float>>;

// Maps of eight scores, one a sample.
class SilentOutputs : public testing::Test {
 protected:
  std::optional<SilentSamples> silent(const std::string& op, const Maps& in_float,
                                      const Maps& quantized) const {
    const Graph graph = parse_graph(
        "in = Parameter() : f32[1,8]\n"
        "s = " +
        op +
        "(in) : f32[1,8]\n"
        "r = Reshape(s, const i64[2]) : f32[1,1,8]\n"
        "out = Result(r)\n");
    const std::vector<search::OutputPart> parts = {{0}};
    Tried tried;
    for (size_t sample = 0; sample < in_float.size(); ++sample) {
      const Tensor output = Tensor::from_floats(quantized[sample], {1, 1, 8});
      tried.outputs.push_back({output});
      tried.noise.emplace_back().emplace_back().add(
          Tensor::from_floats(in_float[sample], {1, 1, 8}), output, parts[0]);
    }
    return silent_samples(graph, tried, parts);
  }

  const std::vector<float> nothing_ = {0.01f, 0.02f, 0, 0, 0, 0, 0, 0.01f};
  const std::vector<float> find_ = {0.01f, 0.9f, 0, 0, 0, 0, 0, 0.01f};
};

TEST_F(SilentOutputs, AreToldWhereNothingIsFound) {
  const Maps maps(3, nothing_);
  const auto found = silent("Sigmoid", maps, maps);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->count, 3);
  EXPECT_FLOAT_EQ(static_cast<float>(found->largest), 0.02f);
}

TEST_F(SilentOutputs, AreToldWhereHardlyAnythingIsFound) {
  Maps maps(10, nothing_);
  maps[4] = find_;
  const auto found = silent("Sigmoid", maps, maps);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->count, 9);
  EXPECT_FLOAT_EQ(static_cast<float>(found->largest), 0.02f);
  maps[7] = find_;
  EXPECT_FALSE(silent("Sigmoid", maps, maps));
}

TEST_F(SilentOutputs, AreNoneWhereEitherModelFindsSomething) {
  EXPECT_FALSE(silent("Sigmoid", {find_}, {find_}));
  EXPECT_FALSE(silent("Sigmoid", {find_}, {nothing_}));  // lost by 8 bits
  EXPECT_FALSE(silent("Sigmoid", {nothing_}, {find_}));
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_FALSE(silent("Sigmoid", {nothing_}, {std::vector<float>(8, nan)}));
  EXPECT_FALSE(silent("Sigmoid", {}, {}));
}

TEST_F(SilentOutputs, AreScores) { EXPECT_FALSE(silent("Tanh", {nothing_}, {nothing_})); }

}  // namespace
}  // namespace eightbit
