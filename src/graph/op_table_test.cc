#include "graph/op_table.h"

#include <eightbit/error.h>
#include <gtest/gtest.h>

#include <set>

namespace eightbit {
namespace {

using Axes = std::vector<int64_t>;

TEST(OpTable, NamesAreUniqueAndLeadBack) {
  std::set<std::string_view> names;
  for (const OpRow& r : op_table()) {
    EXPECT_TRUE(names.insert(r.name).second) << r.name;
    EXPECT_EQ(op_from_name(r.name), r.op);
    EXPECT_EQ(row(r.op).name, r.name);
  }
}

TEST(OpTable, UnknownNameIsAnErrorWithTheNearest) {
  try {
    op_from_name("max_pol");
    FAIL();
  } catch (const InvalidArgument& error) {
    EXPECT_NE(std::string(error.what()).find("max_pool"), std::string::npos) << error.what();
  }
}

TEST(OpTable, WeightsHavePortsAndALayout) {
  for (const OpRow& r : op_table())
    EXPECT_EQ(r.weight_ports > 0, r.weight_layout != WeightLayout::none) << r.name;
}

TEST(OpTable, ActivationsThatGateThemselvesHaveNoBoundAbove) {
  std::vector<Op> gated;
  for (const OpRow& r : op_table())
    if (has(r.op, kSelfGated)) gated.push_back(r.op);
  EXPECT_EQ(gated, (std::vector<Op>{Op::gelu, Op::swish, Op::hswish, Op::mish}));
}

TEST(OpTable, DataPorts) {
  EXPECT_TRUE(carries_data(Op::interpolate, 0));
  EXPECT_FALSE(carries_data(Op::interpolate, 2));  // scales
  EXPECT_FALSE(carries_data(Op::convolution, 2));  // bias
  EXPECT_TRUE(carries_data(Op::concat, 100));
  EXPECT_FALSE(carries_data(Op::reshape, 100));
  for (const OpRow& r : op_table()) {
    const bool moves_one = r.trait == Trait::agnostic && r.op != Op::scatter_update;
    EXPECT_TRUE(!moves_one || r.data_ports == kFirstPort) << r.name;
  }
}

TEST(OpTable, ChannelAxes) {
  EXPECT_EQ(weight_channel_axes(Op::convolution, 4, 1, false, false), (Axes{0}));
  EXPECT_EQ(weight_channel_axes(Op::convolution_backprop, 4, 1, false, false), (Axes{1}));
  EXPECT_EQ(weight_channel_axes(Op::group_convolution, 5, 1, false, false), (Axes{0, 1}));
  EXPECT_EQ(weight_channel_axes(Op::depthwise_convolution, 5, 1, false, false), (Axes{0, 1}));
  EXPECT_EQ(weight_channel_axes(Op::group_convolution_backprop, 5, 1, false, false), (Axes{0, 2}));
  EXPECT_EQ(weight_channel_axes(Op::lstm_sequence, 3, 4, false, false), (Axes{1}));
  EXPECT_EQ(weight_channel_axes(Op::embedding, 2, 0, false, false), (Axes{0}));
  EXPECT_EQ(weight_channel_axes(Op::add, 4, 1, false, false), Axes{});
}

TEST(OpTable, MatMulKeepsBatchAxesAndTheOutputAxis) {
  EXPECT_EQ(weight_channel_axes(Op::mat_mul, 2, 1, false, false), (Axes{1}));  // [K, N]
  EXPECT_EQ(weight_channel_axes(Op::mat_mul, 2, 1, false, true), (Axes{0}));   // [N, K]
  EXPECT_EQ(weight_channel_axes(Op::mat_mul, 2, 0, false, false), (Axes{0}));  // [M, K]
  EXPECT_EQ(weight_channel_axes(Op::mat_mul, 2, 0, true, false), (Axes{1}));   // [K, M]
  EXPECT_EQ(weight_channel_axes(Op::mat_mul, 2, 1, true, false),
            (Axes{1}));  // the other port's flag
  EXPECT_EQ(weight_channel_axes(Op::mat_mul, 4, 1, false, true), (Axes{0, 1, 2}));
  EXPECT_EQ(weight_channel_axes(Op::mat_mul, 1, 1, false, true), Axes{});
}

}  // namespace
}  // namespace eightbit
