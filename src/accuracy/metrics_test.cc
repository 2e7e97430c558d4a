#include "accuracy/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "accuracy/suffering.h"

namespace eightbit::accuracy {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pointwise;

Tensor row(std::vector<float> values) {
  return Tensor::from_floats(values, {1, static_cast<int64_t>(values.size())});
}

Outputs outputs(const std::vector<std::vector<float>>& rows) {
  Outputs out;
  for (const auto& values : rows) out.push_back({row(values)});
  return out;
}

Truth classes(std::vector<int64_t> labels) { return {std::move(labels), {}, {}}; }

template <typename Call>
std::string message_of(const Call& call) {
  try {
    call();
  } catch (const InvalidArgument& error) {
    return error.what();
  }
  return "no InvalidArgument";
}

TEST(Metrics, Top1AndTop5CountLabelsAmongTheBest) {
  const auto scores = outputs({{1, 5, 2, 3, 4, 0, -1}, {9, 1, 2, 3, 4, 5, 6}});
  EXPECT_THAT(item_values(Metric::top1, scores, classes({1, 1}), {}), ElementsAre(1, 0));
  EXPECT_THAT(item_values(Metric::top5, scores, classes({0, 3}), {}), ElementsAre(1, 1));
  EXPECT_THAT(item_values(Metric::top5, scores, classes({5, 1}), {}), ElementsAre(0, 0));
}

TEST(Metrics, EqualScoresGoToTheFirstClass) {
  const auto scores = outputs({{3, 3, 1}});
  EXPECT_THAT(item_values(Metric::top1, scores, classes({0}), {}), ElementsAre(1));
  EXPECT_THAT(item_values(Metric::top1, scores, classes({1}), {}), ElementsAre(0));
  EXPECT_THAT(truth_from(Metric::top1, scores).classes, ElementsAre(0));
}

TEST(Metrics, ABatchIsItsItems) {
  const Outputs batch = {{Tensor::from_floats(std::vector<float>{1, 2, 2, 1}, {2, 2})}};
  EXPECT_THAT(item_values(Metric::top1, batch, classes({1, 1}), {}), ElementsAre(1, 0));
}

TEST(Metrics, LabelsMustFit) {
  const auto scores = outputs({{1, 2}, {2, 1}});
  EXPECT_THAT(message_of([&] { item_values(Metric::top1, scores, classes({1}), {}); }),
              HasSubstr("1 labels for 2 samples"));
  EXPECT_THAT(message_of([&] { item_values(Metric::top1, scores, classes({1, 2}), {}); }),
              HasSubstr("a label is 2"));
}

TEST(Metrics, DistancesAreFromTheFloatModel) {
  const auto reference = outputs({{3, 4}, {1, 0}});
  const auto values = item_values(Metric::mse, outputs({{3, 2}, {1, 0}}), {}, reference);
  EXPECT_THAT(values, ElementsAre(-2, 0));
  EXPECT_THAT(item_values(Metric::cosine, outputs({{6, 8}, {0, 1}}), {}, reference),
              Pointwise(DoubleNear(1e-9), {1, 0}));
  EXPECT_THAT(message_of([&] { item_values(Metric::mse, outputs({{1}, {1}}), {}, reference); }),
              HasSubstr("differ in shape"));
}

TEST(Metrics, ReadsGreedily) {
  // Classes: blank, a, b. "a a blank a b b" is "aab".
  const Tensor scores = Tensor::from_floats(
      std::vector<float>{0, 1, 0, 0, 1, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 1}, {1, 6, 3});
  EXPECT_EQ(read_greedily(scores, {"a", "b"}), "aab");
  EXPECT_EQ(read_greedily(scores, {"a"}), "aa");
  EXPECT_EQ(read_greedily(scores, {}), "1/1/2/");
}

TEST(Metrics, TextsCountWithoutSpaces) {
  const Outputs read = {{Tensor::from_floats(std::vector<float>{0, 1, 0, 0, 0, 1}, {1, 2, 3})}};
  EXPECT_THAT(item_values(Metric::exact_text, read, {{}, {"a b"}, {"a", "b"}}, {}), ElementsAre(1));
  EXPECT_THAT(item_values(Metric::exact_text, read, {{}, {"ab b"}, {"a", "b"}}, {}),
              ElementsAre(0));
  EXPECT_THAT(item_values(Metric::exact_text, read, truth_from(Metric::exact_text, read), {}),
              ElementsAre(1));
}

TEST(Suffering, WorstItemsByTheirValues) {
  const Evaluation before{0, {1, 1, 0, 1}, {}}, after{0, {1, 0, 1, 0}, {}};
  EXPECT_THAT(worst_items(before, after, 2), ElementsAre(1, 3));
  EXPECT_THAT(worst_items(before, after, 9), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(worst_items(before, {0, {1}, {}}, 2), IsEmpty());
  EXPECT_THAT(worst_items({}, {}, 2), IsEmpty());
}

TEST(Suffering, WorstItemsByTheErrorOfTheirOutputs) {
  const Evaluation before{0, {}, outputs({{10, 0}, {1, 0}, {5, 5}})},
      after{0, {}, outputs({{10, 1}, {1, 1}, {5, 5}})};
  EXPECT_THAT(worst_items(before, after, 1), ElementsAre(1));
}

TEST(Suffering, DropsAreOfTheMetricOrShares) {
  EXPECT_DOUBLE_EQ(drop_of(0.8, 0.6, DropType::absolute), 0.2);
  EXPECT_DOUBLE_EQ(drop_of(0.8, 0.6, DropType::relative), 0.25);
  EXPECT_DOUBLE_EQ(drop_of(-2, -3, DropType::relative), 0.5);
  EXPECT_LT(drop_of(0.8, 0.9, DropType::relative), 0);
}

}  // namespace
}  // namespace eightbit::accuracy
