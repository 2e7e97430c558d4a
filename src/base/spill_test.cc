#include "base/spill.h"

#include <eightbit/error.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <numeric>
#include <string>
#include <vector>

namespace eightbit {
namespace {

std::vector<float> counted(size_t count) {
  std::vector<float> values(count);
  std::iota(values.begin(), values.end(), 0.5f);
  return values;
}

bool same(const Tensor& tensor, const std::vector<float>& values) {
  const auto held = tensor.as<float>();
  return std::equal(held.begin(), held.end(), values.begin(), values.end());
}

// Whether the bytes belong to a file, as the kernel tells.
bool lies_in_a_file(const Tensor& tensor) {
  std::ifstream maps("/proc/self/maps");
  const auto address = reinterpret_cast<uintptr_t>(tensor.data);
  for (std::string line; std::getline(maps, line);) {
    size_t dash = 0;
    const uintptr_t first = std::stoull(line, &dash, 16),
                    last = std::stoull(line.substr(dash + 1), nullptr, 16);
    if (first <= address && address < last) return line.find("eightbit-") != std::string::npos;
  }
  return false;
}

constexpr int64_t kLarge = 1 << 18;

TEST(Spill, LargeTensorsLieInAFileAndSmallOnesDoNot) {
  const auto large = counted(kLarge), small = counted(100);
  const Tensor floats = spilled_floats(large, {2, kLarge / 2});
  EXPECT_TRUE(same(floats, large));
  EXPECT_EQ(floats.shape, (Shape{2, kLarge / 2}));
  EXPECT_TRUE(lies_in_a_file(floats));
  const Tensor few = spilled_floats(small, {100});
  EXPECT_TRUE(same(few, small));
  EXPECT_FALSE(lies_in_a_file(few));
}

TEST(Spill, KeepsTypeAndLetsTheOriginalGo) {
  Tensor integers = Tensor::allocate(DType::i8, {kLarge});
  integers.mutable_data()[7] = std::byte{42};
  const Tensor there = spilled(integers);
  integers = {};
  EXPECT_EQ(there.dtype, DType::i8);
  EXPECT_EQ(there.as<int8_t>()[7], 42);
  EXPECT_TRUE(lies_in_a_file(there));
}

TEST(Spill, WithoutAFolderTensorsStayInMemory) {
  const char* before = std::getenv("TMPDIR");
  const std::string kept = before ? before : "";
  ::setenv("TMPDIR", "/nonexistent/folder", 1);
  const auto values = counted(kLarge);
  const Tensor tensor = spilled_floats(values, {kLarge});
  before ? ::setenv("TMPDIR", kept.c_str(), 1) : ::unsetenv("TMPDIR");
  EXPECT_TRUE(same(tensor, values));
  EXPECT_FALSE(lies_in_a_file(tensor));
}

TEST(Spill, RefusesValuesThatDoNotFillTheShape) {
  EXPECT_THROW(spilled_floats(counted(kLarge), {kLarge + 1}), InternalError);
}

}  // namespace
}  // namespace eightbit
