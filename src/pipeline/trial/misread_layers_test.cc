#include "pipeline/trial/misread_layers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "graph/text.h"
#include "placement/placement.h"

namespace eightbit {
namespace {

using search::Readings;
using testing::ElementsAre;

// Three layers, of which the second does half of the work.
class MisreadLayers : public testing::Test {
 protected:
  // `is_misread`: by name of the layer, where it is in 8 bits.
  std::optional<LayersInFloat> find(const std::function<bool(const std::string&)>& is_misread) {
    const auto read = [&](const Plan& plan) -> std::optional<Readings> {
      if (reads_++ == budget_) return std::nullopt;
      const auto wrong = [&](const Quantizer& q) {
        return q.weight && is_misread(graph_.node(q.uses.front().node).name);
      };
      return Readings{1e-4, std::ranges::any_of(plan.quantizers, wrong) ? 0.5 : 1e-4};
    };
    return find_misread_layers(graph_, plan_, {1e-4, 0.5}, "because", read);
  }

  const Graph graph_ = parse_graph(
      "in = Parameter() : f32[1,4,8,8]\n"
      "c1 = Convolution(in, const f32[4,4,1,1]) : f32[1,4,8,8]\n"
      "c2 = Convolution(c1, const f32[8,4,1,1]) : f32[1,8,8,8]\n"
      "c3 = Convolution(c2, const f32[2,8,1,1]) : f32[1,2,8,8]\n"
      "out = Result(c3)\n");
  const Plan plan_ = placement::place(graph_, {});
  int reads_ = 0, budget_ = 100;
};

TEST_F(MisreadLayers, GoToFloatWithTheReason) {
  const auto found = find([](const std::string& layer) { return layer == "c2"; });
  ASSERT_TRUE(found);
  EXPECT_THAT(found->names, ElementsAre("c2"));
  EXPECT_NEAR(found->share, 0.5, 1e-9);
  ASSERT_EQ(found->plan.left_float.size(), plan_.left_float.size() + 1);
  EXPECT_EQ(found->plan.left_float.back().reason, "because");
  EXPECT_EQ(graph_.node(found->plan.left_float.back().node).name, "c2");
  EXPECT_EQ(found->plan.quantizers.size() + 2, plan_.quantizers.size());
}

TEST_F(MisreadLayers, AreNotFoundWhereEveryReadingIsWrong) {
  budget_ = 2;
  EXPECT_FALSE(find([](const std::string&) { return true; }));
  EXPECT_LE(reads_, budget_ + 1);
}

}  // namespace
}  // namespace eightbit
