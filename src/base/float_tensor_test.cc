#include "base/float_tensor.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <vector>

namespace eightbit {
namespace {

std::vector<float> there_and_back(DType dtype, std::vector<float> values) {
  const auto count = static_cast<int64_t>(values.size());
  return to_floats(float_tensor(dtype, {count}, values));
}

TEST(FloatTensor, EveryHalfComesBack) {
  std::vector<float> values;
  for (uint32_t bits = 0; bits < 0x7c00; ++bits) {
    const uint32_t exponent = bits >> 10, mantissa = bits & 0x3ff;
    values.push_back(exponent == 0 ? std::ldexp(static_cast<float>(mantissa), -24)
                                   : std::ldexp(1.0f + static_cast<float>(mantissa) / 1024,
                                                static_cast<int>(exponent) - 15));
  }
  EXPECT_EQ(there_and_back(DType::f16, values), values);
}

TEST(FloatTensor, HalvesRoundToEvenAndClip) {
  const float half_step = 0x1p-11f;
  EXPECT_EQ(there_and_back(DType::f16,
                           {1 + half_step, 1 + 3 * half_step, 1e6f, -1e6f, 0x1p-25f, 0x1.8p-24f}),
            (std::vector<float>{1, 1 + 4 * half_step, 65504, -65504, 0, 0x1p-23f}));
}

TEST(FloatTensor, BfloatsRoundToEvenAndClip) {
  const float half_step = 0x1p-8f, largest = std::numeric_limits<float>::max();
  EXPECT_EQ(there_and_back(DType::bf16, {1 + half_step, 1 + 3 * half_step, -2.5f, largest}),
            (std::vector<float>{1, 1 + 4 * half_step, -2.5f, std::bit_cast<float>(0x7f7f0000u)}));
}

TEST(FloatTensor, DoublesKeepAllBits) {
  EXPECT_EQ(float_tensor(DType::f64, {1}, std::vector<float>{0.1f}).as<double>()[0], 0.1f);
}

}  // namespace
}  // namespace eightbit
