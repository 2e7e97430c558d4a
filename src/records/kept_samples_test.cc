#include "records/kept_samples.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

namespace eightbit::records {
namespace {

std::vector<int64_t> first(int64_t count) {
  std::vector<int64_t> numbers(static_cast<size_t>(count));
  std::iota(numbers.begin(), numbers.end(), int64_t{0});
  return numbers;
}

TEST(SpreadOf, TakesAsManyAsAreAskedForInEvenSteps) {
  EXPECT_EQ(spread_of(first(10), 4), (std::vector<int64_t>{0, 2, 4, 8}));
  EXPECT_EQ(spread_of(first(8), 4), (std::vector<int64_t>{0, 2, 4, 6}));
  EXPECT_EQ(spread_of(first(3), 4), first(3));
  EXPECT_TRUE(spread_of(first(3), 0).empty());
  for (int64_t count : {33, 64, 100, 300, 1000}) {
    const auto chosen = spread_of(first(count), 32);
    ASSERT_EQ(chosen.size(), 32u);
    for (size_t i = 1; i < chosen.size(); ++i)
      EXPECT_LE(chosen[i] - chosen[i - 1], 4 * count / 32) << count;
    EXPECT_GE(chosen.back(), count - 2 * count / 32 - 4);
  }
}

TEST(SpreadOf, AQuarterOfAllIsAQuarterOfTheHalf) {
  for (int64_t count = 1; count < 400; ++count)
    for (int64_t keep : {8, 16, 32})
      EXPECT_EQ(spread_of(spread_of(first(count), 2 * keep), keep), spread_of(first(count), keep))
          << count << " " << keep;
}

TEST(SpreadOf, WhateverTheNumbers) {
  const std::vector<int64_t> odd = {1, 7, 13, 19, 25, 31, 37};
  EXPECT_EQ(spread_of(odd, 3).size(), 3u);
  EXPECT_TRUE(std::ranges::includes(odd, spread_of(odd, 3)));
}

}  // namespace
}  // namespace eightbit::records
