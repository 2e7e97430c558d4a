#include "backends/record_units.h"

#include <gtest/gtest.h>

namespace eightbit::backends {
namespace {

TEST(RecordUnits, SplitsATensorWhoseFirstAxisHoldsThem) {
  RecordUnits units;
  units.add(2), units.add(1);
  std::vector<int64_t> firsts;
  const std::vector<int64_t> shape{3, 4};
  units.split(shape, [&](size_t, int64_t first, std::span<const int64_t> own) {
    firsts.push_back(first);
    EXPECT_EQ(own[1], 4);
  });
  EXPECT_EQ(firsts, (std::vector<int64_t>{0, 8}));
  EXPECT_FALSE(units.splits(std::vector<int64_t>{2, 4}));
}

}  // namespace
}  // namespace eightbit::backends
