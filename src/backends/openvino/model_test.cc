#include "backends/openvino/model.h"

#include <eightbit/openvino.h>
#include <gtest/gtest.h>

#include "backends/openvino/fingerprint.h"
#include "backends/openvino/part.h"
#include "backends/openvino/test_models.h"
#include "base/hash.h"

namespace eightbit::openvino {
namespace {

using namespace test;

// What this program links is used, and no library is opened.
[[maybe_unused]] const bool is_linked = (use_part(*eightbit_openvino_part()), true);

TEST(Fingerprint, IsStableAndSeesEveryChange) {
  const std::string base = read(conv_model())->fingerprint();
  EXPECT_EQ(base.size(), 16u);
  EXPECT_EQ(base.find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_EQ(read(conv_model())->fingerprint(), base);
  EXPECT_EQ(read(conv_model()->clone())->fingerprint(), base);
  EXPECT_NE(read(conv_model(ov::element::f16))->fingerprint(), base);

  const auto weight = conv_model();
  const auto constant = ov::as_type_ptr<op::Constant>(find(*weight, "w"));
  const_cast<float*>(constant->get_data_ptr<float>())[107] += 1e-6f;
  EXPECT_NE(read(weight)->fingerprint(), base);

  const auto reshaped = conv_model();
  reshaped->reshape(ov::PartialShape{1, 3, -1, 8});
  EXPECT_NE(read(reshaped)->fingerprint(), base);

  const auto attribute = conv_model();
  ov::as_type_ptr<op::Convolution>(find(*attribute, "conv"))->set_dilations({1, 2});
  EXPECT_NE(read(attribute)->fingerprint(), base);

  const auto topology = conv_model();
  find(*topology, "relu")->input(0).replace_source_output(find(*topology, "conv"));
  EXPECT_NE(read(topology)->fingerprint(), base);
}

TEST(Fingerprint, DoesNotDependOnTheNamesThatOpenVinoMakesUp) {
  const auto make = [] {
    const auto input = std::make_shared<op::Parameter>(ov::element::f32, ov::PartialShape{1, 4});
    const auto result = std::make_shared<op::Result>(std::make_shared<op::Relu>(input));
    return std::make_shared<ov::Model>(ov::ResultVector{result}, ov::ParameterVector{input});
  };
  const auto first = make(), second = make();
  EXPECT_NE(first->get_ordered_ops()[0]->get_friendly_name(),
            second->get_ordered_ops()[0]->get_friendly_name());
  EXPECT_EQ(fingerprint(*first), fingerprint(*second));
}

TEST(Fingerprint, HashesEveryByte) {
  for (size_t size : {1, 7, 8, 31, 32, 33, 100}) {
    std::vector<std::byte> bytes(size);
    const uint64_t base = hash_bytes(bytes);
    for (size_t i = 0; i < size; ++i) {
      bytes[i] = std::byte{0x80};
      EXPECT_NE(hash_bytes(bytes), base) << i << " of " << size;
      bytes[i] = std::byte{0};
    }
  }
  EXPECT_NE(hash_bytes(std::vector<std::byte>(3)), hash_bytes(std::vector<std::byte>(4)));
}

TEST(Wrap, IsNotReachedByLaterChanges) {
  const auto model = conv_model();
  const Model wrapped = wrap(model);
  const std::string before = wrapped.impl().fingerprint();
  find(*model, "relu")->input(0).replace_source_output(find(*model, "conv"));
  EXPECT_EQ(wrap(unwrap(wrapped)).impl().fingerprint(), before);
  EXPECT_NE(wrap(model).impl().fingerprint(), before);
  EXPECT_THROW(wrap(nullptr), InvalidArgument);
  EXPECT_THROW(unwrap(Model()), InvalidArgument);
}

TEST(Wrap, FillsAnotherModel) {
  const auto input = parameter("other", {1});
  const auto target = model_of({std::make_shared<op::Abs>(input)}, {input});
  const auto source = conv_model();
  source->set_rt_info("mixed", "eightbit", "quantization", "preset");
  unwrap_into(wrap(source), *target);
  EXPECT_EQ(fingerprint(*target), fingerprint(*source));
  EXPECT_EQ(target->get_rt_info<std::string>("eightbit", "quantization", "preset"), "mixed");
  const auto model = read(target);
  EXPECT_EQ(run(*model, sample_of(*model)), run(*read(source), sample_of(*model)));
}

TEST(Ports, HaveNamesTypesAndShapes) {
  const auto input = parameter("x", {-1, 3});
  const auto model = read(model_of({named(std::make_shared<op::Relu>(input), "relu")}, {input}));
  EXPECT_EQ(model->inputs()[0].name, "x");
  EXPECT_EQ(model->inputs()[0].dtype, DType::f32);
  EXPECT_EQ(model->inputs()[0].shape, (Shape{-1, 3}));
  EXPECT_EQ(model->outputs()[0].name, "relu_out");
}

TEST(Inspect, KeepsOrResetsStates) {
  const auto input = parameter("input", {1, 1});
  const auto variable = std::make_shared<ov::op::util::Variable>(
      ov::op::util::VariableInfo{ov::PartialShape{1, 1}, ov::element::f32, "state"});
  const auto state = std::make_shared<op::ReadValue>(constant("init", {1, 1}, {0}), variable);
  const auto add = std::make_shared<op::Add>(input, state);
  const auto model = read(std::make_shared<ov::Model>(
      ov::ResultVector{std::make_shared<op::Result>(add)},
      ov::SinkVector{std::make_shared<op::Assign>(add, variable)}, ov::ParameterVector{input}));
  const Tensor one = Tensor::from_floats(std::vector<float>{1}, {1, 1});
  const std::vector<std::optional<bool>> resets{std::nullopt, false, false, true, std::nullopt};
  size_t index = 0;
  const auto results = model->infer([&]() -> std::optional<Sample> {
    if (index == resets.size()) return std::nullopt;
    return Sample{{{"", one}}, resets[index++]};
  });
  std::vector<float> sums;
  for (const auto& outputs : results) sums.push_back(outputs[0].as<float>()[0]);
  EXPECT_EQ(sums, (std::vector<float>{1, 2, 3, 1, 1}));
}

TEST(Inspect, RunsInParallelAndTellsPrecisions) {
  const auto model = read(conv_model());
  const Sample sample = sample_of(*model);
  const auto runners = model->engine().parallel_runners(*model);
  ASSERT_FALSE(runners.empty());
  const Tensor expected = model->runner(backends::FloatPrecision::f32)->run(sample).at(0);
  for (const auto& runner : runners) {
    EXPECT_LT(largest_difference(to_floats(runner->run(sample).at(0)), to_floats(expected)), 1e-4f);
    runner->again();
  }
  double convolution_time = 0;
  for (const auto& layer : model->executed_precisions(sample))
    if (layer.type == "Convolution") {
      EXPECT_EQ(layer.precision, "f32");
      convolution_time = layer.milliseconds;
    }
  EXPECT_GT(convolution_time, 0.0);
}

TEST(Inspect, NamesTheSampleThatIsWrong) {
  const auto model = read(conv_model());
  int given = 0;
  try {
    model->infer([&]() -> std::optional<Sample> {
      return Sample{{{"", given++ ? Tensor::from_floats(std::vector<float>{1}, {1})
                                  : sample_of(*model).inputs[0].tensor}},
                    {}};
    });
    FAIL() << "no error";
  } catch (const DataError& error) {
    EXPECT_NE(std::string(error.what()).find("sample 1"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace eightbit::openvino
