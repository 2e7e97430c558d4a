#include "pipeline/trial/trial_outputs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

namespace eightbit {
namespace {

// Two outputs of a sample, the second one of integers.
std::vector<Tensor> outputs(size_t floats, float first) {
  std::vector<float> values(floats, 0.5f);
  values.front() = first;
  Tensor index = Tensor::allocate(DType::i64, {1});
  *reinterpret_cast<int64_t*>(index.mutable_data()) = static_cast<int64_t>(first);
  return {Tensor::from_floats(values, {1, static_cast<int64_t>(floats)}), index};
}

TEST(TrialOutputs, ComeBackAsTheyWereWhereverTheyAre) {
  for (size_t floats : {size_t{3}, TrialOutputs::kMostInMemory / 10, TrialOutputs::kMostInMemory}) {
    TrialOutputs kept;
    EXPECT_TRUE(kept.empty());
    for (size_t s = 0; s < 8; ++s) kept.push_back(outputs(floats, static_cast<float>(s)));
    ASSERT_EQ(kept.size(), 8u);
    const TrialOutputs moved = std::move(kept);
    for (size_t s = 0; s < 8; ++s) {
      const auto expected = outputs(floats, static_cast<float>(s)), found = moved.of(s);
      ASSERT_EQ(found.size(), 2u);
      for (size_t i = 0; i < 2; ++i) {
        EXPECT_EQ(found[i].dtype, expected[i].dtype);
        EXPECT_EQ(found[i].shape, expected[i].shape);
        EXPECT_EQ(to_floats(found[i]), to_floats(expected[i]));
      }
    }
  }
}

TEST(TrialOutputs, AFewMegabytesAreHeldAndNoMore) {
  TrialOutputs kept;
  std::vector<std::weak_ptr<const void>> held;
  for (size_t s = 0; s < 8; ++s) {
    auto sample = outputs(TrialOutputs::kMostInMemory / 16, static_cast<float>(s));  // a quarter
    held.push_back(sample[0].owner);
    kept.push_back(std::move(sample));
  }
  EXPECT_FALSE(held[0].expired());
  EXPECT_FALSE(held[2].expired());
  for (size_t s = 3; s < 8; ++s) EXPECT_TRUE(held[s].expired()) << s;  // with the integers too much
}

TEST(TrialOutputs, StayInMemoryWhereNoFileCanBeMade) {
  const char* folder = std::getenv("TMPDIR");
  const std::string before = folder ? folder : "";
  ::setenv("TMPDIR", "/dev/null/nowhere", 1);
  TrialOutputs kept;
  for (size_t s = 0; s < 3; ++s)
    kept.push_back(outputs(TrialOutputs::kMostInMemory / 4, static_cast<float>(s)));
  before.empty() ? ::unsetenv("TMPDIR") : ::setenv("TMPDIR", before.c_str(), 1);
  ASSERT_EQ(kept.size(), 3u);
  for (size_t s = 0; s < 3; ++s)
    EXPECT_EQ(kept.of(s)[0].as<float>().front(), static_cast<float>(s));
}

}  // namespace
}  // namespace eightbit
