#include <gtest/gtest.h>

#include "backends/openvino/test_models.h"

namespace eightbit::openvino {
namespace {

using namespace test;

std::shared_ptr<ov::Model> two_convolutions() {
  const auto input = parameter("input", {1, 3, 6, 6});
  const auto first = convolution("first", input, weights("first_w", {4, 3, 3, 3}));
  const auto relu = named(std::make_shared<op::Relu>(first), "relu");
  return model_of({convolution("second", relu, weights("second_w", {2, 4, 3, 3}))}, {input});
}

// With 127 levels no runtime computes weights in integers, whose kernels differ between processors.
Plan plan_of(const Graph& graph, const std::vector<std::string>& layers) {
  Plan plan;
  for (const std::string& layer : layers) {
    plan.quantizers.push_back(input_quantizer(graph, layer, 0, -1.0f, 127.0f / 128));
    plan.quantizers.push_back(
        weight_quantizer(graph, layer, 1, {0}, layer == "first" ? 4 : 2, 127));
  }
  return plan;
}

std::vector<Tensor> run_one(backends::Executor& executor, const Sample& sample) {
  return executor.run_one(sample, [](int64_t, std::span<const float>) {});
}

TEST(Executor, AnErrorThatIsAddedDoesWhatItsLayerDoesInIntegers) {
  const auto model = read(two_convolutions());
  const Graph& graph = model->graph();
  const Sample sample = sample_of(*model);
  const std::vector<NodeId> layers{graph.find("first"), graph.find("second")};
  const Plan both = plan_of(graph, {"first", "second"});
  auto measured = model->compile(backends::LayerErrors{&both, layers});
  const std::vector<Tensor> errors = run_one(*measured, sample);
  measured.reset();  // which they outlive
  ASSERT_EQ(errors.size(), 2u);
  EXPECT_EQ(errors[0].shape, (Shape{1, 4, 6, 6}));

  std::vector<Tensor> injected;
  const auto network = model->compile(backends::ErrorInjection{layers, &injected});
  size_t turn = 0;
  std::vector<std::vector<float>> outputs;
  network->run_outputs(
      [&]() -> std::optional<Sample> {
        if (turn == 5) return std::nullopt;
        injected.clear();
        for (size_t i = 0; i < 2; ++i)
          injected.push_back(turn % 3 == i + 1 ? errors[i]
                                               : Tensor::allocate(DType::f32, errors[i].shape));
        ++turn;
        return sample;
      },
      [&](std::vector<Tensor> out) { outputs.push_back(to_floats(out.at(0))); });
  ASSERT_EQ(outputs.size(), 5u);
  const std::vector<float> in_floats = run(*model, sample)[0];
  EXPECT_LT(largest_difference(outputs[0], in_floats), 1e-5f);
  for (size_t i : {size_t{0}, size_t{1}}) {
    const auto alone = model->apply(plan_of(graph, {i == 0 ? "first" : "second"}), {});
    const auto expected = to_floats(alone->runner(backends::FloatPrecision::f32)->run(sample)[0]);
    EXPECT_GT(largest_difference(expected, in_floats), 1e-3f);
    EXPECT_LT(largest_difference(outputs[i + 1], expected), 2e-4f) << i;
  }
  EXPECT_EQ(outputs[3], outputs[0]);
  EXPECT_EQ(outputs[4], outputs[1]);
}

TEST(Executor, TellsShapesThatTheNetworkLeavesOpen) {
  const auto input = parameter("input", {1, 3, -1, -1});
  const auto layer = convolution("layer", input, weights("w", {4, 3, 3, 3}));
  const auto model = read(model_of({layer}, {input}));
  for (int64_t width : {6, 9}) {
    const Sample sample{{{"input", Tensor::allocate(DType::f32, {1, 3, 5, width})}}, {}};
    const auto program = model->compile(backends::LayerShapes{{model->graph().find("layer")}});
    const std::vector<Tensor> shapes = run_one(*program, sample);
    ASSERT_EQ(shapes.size(), 1u);
    const auto shape = shapes[0].as<int64_t>();
    EXPECT_EQ(Shape(shape.begin(), shape.end()), (Shape{1, 4, 5, width}));
  }
}

TEST(Executor, WantsAnErrorForEachLayer) {
  const auto model = read(two_convolutions());
  const std::vector<Tensor> nothing;
  const auto network =
      model->compile(backends::ErrorInjection{{model->graph().find("first")}, &nothing});
  bool pulled = false;
  EXPECT_THROW(network->run_outputs(
                   [&] {
                     return std::exchange(pulled, true) ? std::nullopt
                                                        : std::optional(sample_of(*model));
                   },
                   [](std::vector<Tensor>) {}),
               Error);
}

}  // namespace
}  // namespace eightbit::openvino
