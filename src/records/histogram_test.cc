#include "records/histogram.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace eightbit {
namespace {

using Limits = std::numeric_limits<float>;

TEST(Histogram, EveryFiniteFloatIsInABinThatHoldsIt) {
  for (float x = Limits::denorm_min(); x <= Limits::max() / 1.01f;
       x = std::max(x * 1.01f, std::nextafter(x, Limits::max()))) {
    const int bin = Histogram::magnitude_bin(x);
    ASSERT_LE(Histogram::lower(bin), x);
    ASSERT_GT(Histogram::upper(bin), x);
    ASSERT_EQ(Histogram::bin(-x), bin + Histogram::kHalf);
  }
  EXPECT_EQ(Histogram::magnitude_bin(Limits::max()), Histogram::kHalf - 1);
  EXPECT_EQ(Histogram::bin(0.0f), 0);
}

TEST(Histogram, BinsFollowEachOtherAndAreNarrow) {
  EXPECT_EQ(Histogram::lower(0), 0.0f);
  EXPECT_EQ(Histogram::upper(Histogram::kHalf - 1), Limits::max());
  for (int bin = 0; bin + 1 < Histogram::kHalf; ++bin) {
    ASSERT_LT(Histogram::lower(bin), Histogram::lower(bin + 1));
    ASSERT_EQ(Histogram::magnitude_bin(Histogram::lower(bin)), bin);
    const float from = Histogram::lower(bin), width = Histogram::upper(bin) - from;
    if (from < Limits::min()) continue;  // denormal numbers have fewer bits
    const bool fine = from >= 0x1p-24f && from < 0x1p24f;
    ASSERT_LE(width, from * (fine ? 0.032f : 0.126f)) << from;
  }
}

TEST(Histogram, TheMiddleOfTheLastBinIsFinite) {
  EXPECT_TRUE(std::isfinite(Histogram::middle(Histogram::kHalf - 1)));
  EXPECT_EQ(Histogram::middle(0), 0.0f);
}

}  // namespace
}  // namespace eightbit
