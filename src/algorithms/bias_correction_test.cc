#include "algorithms/bias_correction.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "algorithms/test_network.h"

namespace eightbit::algorithms {
namespace {

using testing::ElementsAre;
using testing::FloatEq;
using testing::IsEmpty;

// Two convolutions, of 2 and 3 channels.
struct Network {
  Graph graph;
  ValueId first, second;

  Network() {
    Random random(1);
    const auto weight = [&](const char* name, Shape shape) {
      const auto values = random.normal(element_count(shape), 1);
      return add_weight(graph, name, values, std::move(shape));
    };
    const ValueId input = add_input(graph, {1, 4, 8, 8});
    first =
        add_layer(graph, "first", Op::convolution, input, weight("w1", {2, 4, 1, 1}), {1, 2, 8, 8});
    second = add_layer(graph, "second", Op::convolution, first, weight("w2", {3, 2, 1, 1}),
                       {1, 3, 8, 8});
  }

  NodeId node(ValueId value) const { return graph.value(value).producer; }

  // Means of both layers in two kept samples.
  records::StatisticsData statistics(const std::vector<BiasProbe>& measured) const {
    records::StatisticsData data("model", "data", {}, layer_points(graph, measured));
    for (int64_t number : {10, 4}) {
      data.kept_samples.add(number, {{{"x", Tensor::from_floats(std::vector<float>{0}, {1})}}, {}});
      std::vector<float> record;
      for (const BiasProbe& probe : measured) {
        for (int64_t c = 0; c < probe.channels; ++c)
          record.push_back(static_cast<float>(100 * probe.channels + 10 * c) +
                           static_cast<float>(number) / 10);
        record.push_back(1);  // finite
      }
      data.add_layers(number, record);
    }
    return data;
  }
};

TEST(BiasCorrection, ProbesStandBehindQuantizedLayers) {
  const Network net;
  EXPECT_EQ(all_layers(net.graph).size(), 2u);
  Plan plan;
  EXPECT_THAT(bias_probes(net.graph, plan), IsEmpty());
  plan.quantizers = {quantizer_of(net.first, {net.node(net.second), 0}, {}, false)};
  const auto probes = bias_probes(net.graph, plan);
  ASSERT_EQ(probes.size(), 1u);
  EXPECT_EQ(probes[0].node, net.node(net.second));
  EXPECT_EQ(probes[0].axis, 1);
  EXPECT_EQ(probes[0].channels, 3);
}

// Behind them logarithms see silence, which must stay 0.
TEST(BiasCorrection, LayersThatAreMeasuredInMagnitudeHaveNoProbe) {
  for (Op op : {Op::power, Op::abs, Op::reduce_l2, Op::relu}) {
    Network net;
    const ValueId turned =
        add_layer(net.graph, "turned", Op::transpose, net.second, kNone, {1, 8, 8, 3});
    add_layer(net.graph, "measured", op, turned, kNone, {1, 8, 8, 3});
    Plan plan;
    plan.quantizers = {quantizer_of(net.first, {net.node(net.second), 0}, {}, false)};
    EXPECT_EQ(bias_probes(net.graph, plan).size(), op == Op::relu ? 1u : 0u)
        << static_cast<int>(op);
  }
}

// The mean in front of a ReLU may be moved by what it cuts off.
TEST(BiasCorrection, InFrontOfAReluTheMeansBehindItAreCompared) {
  Network net;
  const ValueId sum = add_bias(net.graph, "sum", net.second, {0, 0, 0});
  const ValueId relu = add_layer(net.graph, "relu", Op::relu, sum, kNone, {1, 3, 8, 8});
  const auto probes = all_layers(net.graph);
  ASSERT_EQ(probes.size(), 2u);
  EXPECT_EQ(probes[0].relu, kNone);
  EXPECT_EQ(probes[0].node, net.node(net.first));
  EXPECT_EQ(probes[1].relu, relu);
  EXPECT_EQ(probes[1].node, net.node(sum));
  EXPECT_EQ(probes[1].corrected(), net.node(net.second));
  EXPECT_EQ(layer_points(net.graph, probes)[1].tap.value, relu);

  BiasCorrection correction({probes[1]});
  correction.add(std::vector<float>{1, 2, 3});
  const auto shifts = correction.shifts(false);
  ASSERT_EQ(shifts.size(), 1u);
  EXPECT_EQ(shifts[0].node, net.node(net.second));

  // Scaled channels are known behind it, shifted ones are not.
  const auto statistics = net.statistics(probes);
  Plan plan;
  plan.changes = {{net.second, 1, {0, 0, 0}, {2, 2, 2}}};
  const auto rows = [&] {
    return reference_means(net.graph, probes, statistics, statistics.kept_samples.numbers(), plan);
  };
  EXPECT_EQ(rows().size(), 2u);
  plan.changes[0].shift = {0, 1, 0};
  EXPECT_THAT(rows(), IsEmpty());
}

TEST(BiasCorrection, ReferenceMeansFollowTheOrderOfProbesAndSamples) {
  const Network net;
  const auto statistics = net.statistics(all_layers(net.graph));
  auto probes = all_layers(net.graph);
  EXPECT_THAT(reference_means(net.graph, probes, statistics, statistics.kept_samples.numbers(), {}),
              ElementsAre(ElementsAre(FloatEq(200.4f), FloatEq(210.4f), FloatEq(300.4f),
                                      FloatEq(310.4f), FloatEq(320.4f)),
                          ElementsAre(201, 211, 301, 311, 321)));
  probes.erase(probes.begin());  // statistics may hold more layers than are quantized
  EXPECT_THAT(
      reference_means(net.graph, probes, statistics, statistics.kept_samples.numbers(), {}).at(1),
      ElementsAre(301, 311, 321));
}

TEST(BiasCorrection, ReferenceMeansFollowChannelAlignment) {
  const Network net;
  const auto probes = all_layers(net.graph);
  Plan plan;
  plan.changes = {{net.first, 1, {1, 11}, {2, 4}}};
  EXPECT_THAT(reference_means(net.graph, probes, net.statistics(probes),
                              net.statistics(probes).kept_samples.numbers(), plan)
                  .at(1),
              ElementsAre(100, 50, 301, 311, 321));
}

TEST(BiasCorrection, NoReferenceWhereALayerWasNotMeasured) {
  const Network net;
  auto probes = all_layers(net.graph);
  const std::vector<BiasProbe> second = {probes[1]};
  EXPECT_THAT(reference_means(net.graph, probes, net.statistics(second),
                              net.statistics(second).kept_samples.numbers(), {}),
              IsEmpty());
}

TEST(BiasCorrection, ShiftsAreAveragesOverSamplesLessWhatIsChance) {
  BiasCorrection correction({{5, 1, 2}, {6, 2, 1}});
  correction.add(std::vector<float>{1, -2, 8});
  correction.add(std::vector<float>{3, -4, 8});
  const auto shifts = correction.shifts(false);
  ASSERT_EQ(shifts.size(), 2u);
  EXPECT_EQ(shifts[0].node, 5);
  // variance 2
  EXPECT_THAT(shifts[0].shift,
              ElementsAre(FloatEq(2 * (1 - 2.0f / (2 * 4))), FloatEq(-3 * (1 - 2.0f / (2 * 9)))));
  EXPECT_EQ(shifts[1].axis, 2);
  EXPECT_THAT(shifts[1].shift, ElementsAre(8));
}

// One sample of eight is all that moves the mean.
TEST(BiasCorrection, AShiftThatAFewSamplesMakeGoes) {
  BiasCorrection correction({{5, 1, 1}});
  for (int k = 0; k < 8; ++k) correction.add(std::vector<float>{k == 0 ? 4.0f : 0.0f});
  EXPECT_THAT(correction.shifts(false).at(0).shift, ElementsAre(0));
}

// Of the first layer the error is the same in every sample; of the second it changes its sign, so
// that the average over the other samples makes each one worse.
TEST(BiasCorrection, CheckedShiftsLeaveOutLayersThatAreNotHelped) {
  BiasCorrection correction({{5, 1, 2}, {6, 1, 1}});
  for (int k = 0; k < 6; ++k)
    correction.add(
        std::vector<float>{1 + 0.01f * static_cast<float>(k), -1, k % 2 == 0 ? 1.0f : -1.0f});
  EXPECT_EQ(correction.shifts(false).size(), 2u);
  const auto checked = correction.shifts(true);
  ASSERT_EQ(checked.size(), 1u);
  EXPECT_EQ(checked[0].node, 5);
}

TEST(BiasCorrection, WhereNoSampleDiffersNothingIsShifted) {
  BiasCorrection correction({{5, 1, 2}, {6, 1, 1}});
  correction.add(std::vector<float>{0, 0, 1});
  correction.add(std::vector<float>{0, 0, 3});
  const auto shifts = correction.shifts(false);
  ASSERT_EQ(shifts.size(), 1u);
  EXPECT_EQ(shifts[0].node, 6);
}

// Against leaving each sample out in turn.
TEST(BiasCorrection, TheCheckIsLeaveOneOut) {
  Random random(8);
  int helped = 0;
  for (int trial = 0; trial < 200; ++trial) {
    const int n = static_cast<int>(random.whole(2, 6));
    const float offset = random.real(0, 1);
    BiasCorrection correction({{1, 1, 3}});
    std::vector<std::vector<float>> samples;
    for (int k = 0; k < n; ++k) {
      samples.push_back(random.normal(3, 1));
      for (float& x : samples.back()) x += offset;
      correction.add(samples.back());
    }
    double before = 0, after = 0;
    for (int k = 0; k < n; ++k)
      for (size_t c = 0; c < 3; ++c) {
        double others = 0;
        for (int j = 0; j < n; ++j) others += j == k ? 0.0 : samples[static_cast<size_t>(j)][c];
        const double x = samples[static_cast<size_t>(k)][c];
        before += x * x;
        after += std::pow(x - others / (n - 1), 2);
      }
    EXPECT_EQ(correction.shifts(true).size(), after < before ? 1u : 0u) << trial;
    helped += after < before;
  }
  EXPECT_GT(helped, 20);
  EXPECT_LT(helped, 180);
}

TEST(BiasCorrection, NothingWithoutSamples) {
  EXPECT_THAT(BiasCorrection({{1, 1, 3}}).shifts(false), IsEmpty());
}

}  // namespace
}  // namespace eightbit::algorithms
