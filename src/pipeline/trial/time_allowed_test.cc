#include "pipeline/trial/time_allowed.h"

#include <gtest/gtest.h>

namespace eightbit {
namespace {

TEST(TimeAllowed, IsThatOfPassesOver300Samples) {
  EXPECT_DOUBLE_EQ(TimeAllowed(50, 300).seconds(), 200);
  EXPECT_DOUBLE_EQ(TimeAllowed(50, 100).seconds(), 600);
  EXPECT_DOUBLE_EQ(TimeAllowed(50, 600).seconds(), 200);  // as long as it took
}

TEST(TimeAllowed, IsNeverLessThanAMinute) {
  EXPECT_DOUBLE_EQ(TimeAllowed(0.1, 300).seconds(), 60);
  EXPECT_DOUBLE_EQ(TimeAllowed(0, 0).seconds(), 60);
}

TEST(TimeAllowed, IsOverByBothClocks) {
  TimeAllowed time(0, 0);
  time.begin();
  EXPECT_FALSE(time.is_over());
  EXPECT_FALSE(time.is_over(0.5));
  volatile double busy = 0;
  while (!time.is_over(1e-6)) busy = busy + 1;  // 60 microseconds
  EXPECT_FALSE(time.is_over());
}

}  // namespace
}  // namespace eightbit
