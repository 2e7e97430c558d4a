#include "pipeline/trial/planned_sqnr.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "pipeline/test_framework.h"

namespace eightbit {
namespace {

// A layer whose outputs a plan shifts: the noise is known.
TEST(PlannedSqnr, IsWhatThePlanDoesToTheOutputs) {
  const Model model = test::chain_model(test::layers_of({8, 4}));
  const Graph& graph = model.impl().graph();
  const std::vector<Sample> samples = test::chain_samples(8, 3);
  const std::vector<float> shift = {0.1f, -0.2f, 0.3f, 0};
  const auto layer = std::ranges::find(graph.nodes, "fc1", &Node::name);
  Plan plan;
  plan.biases = {{layer->id, 1, shift}};
  double signal = 0, noise = 0;
  const auto chain = std::dynamic_pointer_cast<const test::Chain>(external::unwrap(model));
  for (const Sample& sample : samples) {
    for (float y : chain->run(test::Matrix::of(sample.inputs[0].tensor)).values) signal += y * y;
    for (float s : shift) noise += s * s;
  }
  const auto decibels_of = [&](const Plan& of) {
    size_t at = 0;
    return planned_sqnr_db(
        model.impl(), of,
        [&] { return at == samples.size() ? std::nullopt : std::optional(samples[at++]); }, 1);
  };
  const auto decibels = decibels_of(plan);
  ASSERT_TRUE(decibels);
  EXPECT_NEAR(*decibels, 10 * std::log10(signal / noise), 1e-4);
  EXPECT_TRUE(std::isinf(*decibels_of({})));
}

}  // namespace
}  // namespace eightbit
