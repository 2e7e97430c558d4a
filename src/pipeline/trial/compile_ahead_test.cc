#include "pipeline/trial/compile_ahead.h"

#include <gtest/gtest.h>

#include <chrono>

#include "pipeline/test_framework.h"

namespace eightbit {
namespace {

using backends::FloatPrecision;

Planned planned(const Model& model) {
  Planned planned{model, model, {}, {}, 0};
  planned.plan.quantizers.emplace_back();
  return planned;
}

TEST(CompileAhead, WaitsWhereItIsToldTo) {
  const Model model = test::chain_model(test::layers_of({4, 4}));
  auto later = compiled(model, FloatPrecision::f32, std::launch::deferred);
  EXPECT_EQ(later.wait_for(std::chrono::seconds(0)), std::future_status::deferred);
  EXPECT_EQ(later.get().precision, FloatPrecision::f32);
}

TEST(CompileAhead, NothingOfAFrameworkOfItsOwn) {
  const Model model = test::chain_model(test::layers_of({4, 4}));
  EXPECT_TRUE(in_own_framework(model));
  EXPECT_FALSE(compile_uncorrected(planned(model), {}, {}).valid());
}

TEST(CompileAhead, AModelIsLargeByItsWeightsAndByTheMemoryThereIs) {
  const Model model = test::chain_model(test::layers_of({4, 4}));
  EXPECT_EQ(bytes_of(model), 4 * 4 * 4 + 4 * 4);  // weight and bias, f32
  EXPECT_FALSE(is_large(planned(model), {}));
  RunOptions run;
  run.max_memory = 1 << 30;
  EXPECT_TRUE(is_large(planned(model), run));
}

}  // namespace
}  // namespace eightbit
