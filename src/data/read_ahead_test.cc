#include "data/read_ahead.h"

#include <gtest/gtest.h>

#include "base/testing/failing_new.h"

namespace eightbit {
namespace {

class Numbers : public SampleStore {
 public:
  int64_t count() const override { return 40; }
  Sample load(int64_t index) const override {
    const std::vector<float> values{static_cast<float>(index)};
    return {{{"x", Tensor::from_floats(values, {1})}}, {}};
  }
  std::string fingerprint() const override { return ""; }
};

float number_of(const Sample& sample) { return sample.inputs[0].tensor.as<float>().front(); }

TEST(ReadAhead, SamplesComeInOrder) {
  const auto source = read_ahead(std::make_shared<Numbers>());
  for (int64_t i = 0; i < 40; i += 3) {
    EXPECT_EQ(number_of(source->next().value()), static_cast<float>(i));
    source->skip(2);
  }
  EXPECT_FALSE(source->next());
}

// An exception that left the thread would end the process.
TEST(ReadAhead, AnAllocationThatFailsOnTheThreadComesOutWhereTheSampleIsAskedFor) {
  int failed = 0;
  for (int k = 1;; ++k, ++failed) {
    const auto source = read_ahead(std::make_shared<Numbers>());
    test::fail_allocation(k, test::On::other_threads);
    int64_t read = 0, refused = 0;
    for (int64_t i = 0; i < 40; ++i) try {
        EXPECT_EQ(number_of(source->next().value()), static_cast<float>(i));
        ++read;
      } catch (const std::bad_alloc&) {
        ++refused;
      }
    if (!test::end_of_failures()) break;
    EXPECT_EQ(read, 39) << k;
    EXPECT_EQ(refused, 1) << k;
  }
  EXPECT_GE(failed, 40);
}

}  // namespace
}  // namespace eightbit
