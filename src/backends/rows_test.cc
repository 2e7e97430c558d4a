#include "backends/rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace eightbit::backends {
namespace {

using testing::ElementsAre;

std::vector<std::vector<float>> handed_out(Rows& rows, const std::vector<Part>& parts,
                                           int64_t first) {
  std::vector<std::vector<float>> records;
  rows.hand_out(parts, [&](int64_t sample, std::span<const float> record) {
    EXPECT_EQ(sample, first + static_cast<int64_t>(records.size()));
    records.emplace_back(record.begin(), record.end());
  });
  return records;
}

TEST(Rows, EachItemOfABatchHasItsRecord) {
  const std::vector<float> two = {1, 2, 3, 4}, one = {5, 6};
  Rows rows;
  const auto records = handed_out(rows, {{two, 2}, {one, 1}}, 0);
  EXPECT_THAT(records, ElementsAre(ElementsAre(1, 2, 5, 6), ElementsAre(3, 4, 5, 6)));
  EXPECT_THAT(handed_out(rows, {{one, 1}}, 2), ElementsAre(ElementsAre(5, 6)));
}

TEST(Measurement, PartsOfARecordHaveTheirSizes) {
  const Plan plan;
  EXPECT_THAT(record_sizes(Probes{&plan, {{0, 1, 3}, {1, 1, 2}}, {}}), ElementsAre(3, 2));
  EXPECT_THAT(record_sizes(PlanComparison{&plan, {{0}, {1, kNone, 1, 6}}}), ElementsAre(4, 11));
  EXPECT_EQ((Comparison{3}).compared(), 3);
  EXPECT_EQ((Comparison{3, 4}).compared(), 4);
}

}  // namespace
}  // namespace eightbit::backends
