#include "records/statistics_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "records/unseen.h"

namespace eightbit::records {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// One value that every sample computes, one with two channels in a branch.
StatisticsData two_points() {
  Tap always{0, kNone, 1, kMinMax, false, {}}, sometimes{1, 1, 2, kMinMax, true, {}};
  return {"model", "data", {{"always", always}, {"sometimes", sometimes}}};
}

std::vector<float> taken(float x) { return {-x, x, 1, -x, -2 * x, x, 2 * x, 1}; }
std::vector<float> not_taken(float x) { return {-x, x, 1, 0, 0, 0, 0, kUnseen}; }

void expect_branch_of_samples_1_and_3(const StatisticsData& data) {
  EXPECT_EQ(data.samples(), 4);
  EXPECT_EQ(data.rows(0).size(), 4u);
  ASSERT_EQ(data.rows(1).size(), 2u);
  EXPECT_EQ(data.rows(1)[0].min, -2);
  EXPECT_EQ(data.rows(1)[1].max, 6);
  EXPECT_THAT(data.seen(1), ElementsAre(1, 3));
  EXPECT_THAT(data.kept_channels(1, 3), ElementsAre(-3, -6, 3, 6));
  EXPECT_EQ(data.fold(1).count, 2);
  EXPECT_THAT(data.fold(1).min, ElementsAre(-3, -6));
}

TEST(StatisticsData, LeavesOutWhatASampleDidNotCompute) {
  StatisticsData data = two_points();
  data.add(0, not_taken(5));
  data.add(1, taken(1));
  data.add(2, not_taken(7));
  data.add(3, taken(3));
  expect_branch_of_samples_1_and_3(data);
}

TEST(SpillStore, GivesBackRowsAndColumnsWhereverTheyLie) {
  SpillStore store(3);
  const auto rows = static_cast<int64_t>(SpillStore::kMostInMemory / (3 * sizeof(float)) + 100);
  for (int64_t i = 0; i < rows; ++i) {
    const auto x = static_cast<float>(i);
    store.append(std::vector<float>{x, -x, 2 * x});
  }
  for (int64_t row : {int64_t{0}, rows - 1}) {
    std::vector<float> two(2);
    store.read(row, 1, two);
    EXPECT_THAT(two, ElementsAre(-static_cast<float>(row), 2 * static_cast<float>(row)));
  }
  const std::vector<float> column = store.column(2, 1);
  ASSERT_EQ(column.size(), static_cast<size_t>(rows));
  for (size_t i = 0; i < column.size(); ++i) ASSERT_EQ(column[i], 2 * static_cast<float>(i));
}

TEST(StatisticsData, MergesShardsThatTookDifferentBranches) {
  StatisticsData even = two_points(), odd = two_points();
  even.add(0, not_taken(5));
  even.add(2, not_taken(7));
  odd.add(3, taken(3));
  odd.add(1, taken(1));
  EXPECT_THAT(even.rows(1), IsEmpty());
  EXPECT_EQ(even.fold(1).count, 0);
  even.merge(odd);
  expect_branch_of_samples_1_and_3(even);
}

// With a layer of two channels, of which the kept samples have means.
StatisticsData with_kept_samples(std::vector<int64_t> numbers) {
  StatisticsData data{"model",
                      "data",
                      {{"value", {0, kNone, 1, kMinMax, false, {}}}},
                      {{"layer", {5, 1, 2, kMean, false, {}}}}};
  for (int64_t number : numbers) {
    const auto x = static_cast<float>(number);
    data.add(number, std::vector<float>{-x, x, 1});
    data.add_layers(number, std::vector<float>{x, 10 * x, 1});
    data.kept_samples.add(
        number, {{{"x", Tensor::from_floats(std::vector<float>{x, x}, {1, 2})}}, number % 2 == 0});
  }
  return data;
}

std::string content_of(const StatisticsData& data) {
  const auto path = std::filesystem::path(testing::TempDir()) / "eightbit_statistics_data_test";
  data.save(path, true);
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(StatisticsData, TheFileHoldsKeptSamplesAndMeansOfLayers) {
  const auto path =
      std::filesystem::path(testing::TempDir()) / "eightbit_statistics_data_test_kept";
  with_kept_samples({3, 8}).save(path, true);
  const StatisticsData back = StatisticsData::load(path);
  EXPECT_THAT(back.kept_samples.numbers(), ElementsAre(3, 8));
  EXPECT_THAT(to_floats(back.kept_samples.load(8).inputs[0].tensor), ElementsAre(8, 8));
  EXPECT_EQ(back.kept_samples.load(3).reset_state, false);
  EXPECT_EQ(back.kept_samples.load(8).reset_state, true);
  EXPECT_THAT(back.layer_means(3, 5), ElementsAre(3, 30));
  EXPECT_THAT(back.layer_means(8, 5), ElementsAre(8, 80));
  EXPECT_THAT(back.layer_means(4, 5), IsEmpty());
  EXPECT_THAT(back.layer_means(3, 6), IsEmpty());
  std::filesystem::remove(path);
}

TEST(StatisticsData, MergedPartsGiveTheFileOfTheWhole) {
  StatisticsData first = with_kept_samples({2, 4}), second = with_kept_samples({1, 3});
  second.merge(first);
  EXPECT_EQ(content_of(second), content_of(with_kept_samples({1, 2, 3, 4})));
}

}  // namespace
}  // namespace eightbit::records
