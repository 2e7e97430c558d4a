#include "backends/onnx/executor.h"

#include <eightbit/error.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backends/onnx/ort/engine.h"
#include "backends/onnx/test_model.h"

namespace eightbit::onnx {
namespace {

using namespace test;
using backends::Taps;
using testing::ElementsAre;
using testing::FloatEq;
using testing::HasSubstr;
using Records = std::vector<std::vector<float>>;

const std::vector<float> kFactor = {2, -1};

Sample sample_of(const std::vector<float>& values) {
  return {{{"x", Tensor::from_floats(values, {static_cast<int64_t>(values.size()) / 6, 2, 3})}},
          {}};
}

// Sample k holds k, k+1, ..., k+5.
std::vector<Sample> counting_samples(int count) {
  std::vector<Sample> samples;
  for (int k = 0; k < count; ++k) {
    std::vector<float> values;
    for (int i = 0; i < 6; ++i) values.push_back(static_cast<float>(k + i));
    samples.push_back(sample_of(values));
  }
  return samples;
}

std::function<std::optional<Sample>()> each(std::vector<Sample> samples) {
  return [samples = std::move(samples), at = size_t{0}]() mutable {
    return at == samples.size() ? std::nullopt : std::optional<Sample>(samples[at++]);
  };
}

Records run(backends::Executor& executor, std::vector<Sample> samples) {
  Records records;
  executor.run(each(std::move(samples)), [&](int64_t sample, std::span<const float> record) {
    EXPECT_EQ(sample, static_cast<int64_t>(records.size()));
    records.emplace_back(record.begin(), record.end());
  });
  return records;
}

Tap tap_of(const OnnxModel& model, const std::string& tensor, uint32_t statistics,
           int64_t axis = kNone) {
  Tap tap;
  tap.value = value_named(model, tensor);
  tap.axis = axis;
  tap.channels = axis == kNone ? 1 : 2;
  tap.statistics = statistics;
  return tap;
}

std::unique_ptr<backends::Executor> tapped(const OnnxModel& model, int threads) {
  return model.compile(
      Taps{{tap_of(model, "scaled", kMinMax | kMean, 1), tap_of(model, "y", kMinMax | kHistogram)}},
      {threads, {}});
}

TEST(Executor, RecordsHoldWhatTheTapsAskFor) {
  const OnnxModel model = model_of(scaling_model(kFactor));
  const auto executor = tapped(model, 1);
  // scaled: 0 2 4 | -3 -4 -5; y: 0 2 4 | 0 0 0
  EXPECT_THAT(run(*executor, counting_samples(1)).at(0),
              ElementsAre(0, -5, 4, -3, 2, -4, 1, 0, 4, 1));
}

TEST(Executor, RecordsAndCountsDoNotDependOnThreads) {
  const OnnxModel model = model_of(scaling_model(kFactor));
  const auto one = tapped(model, 1), four = tapped(model, 4);
  EXPECT_EQ(run(*one, counting_samples(50)), run(*four, counting_samples(50)));
  EXPECT_EQ(one->histograms().at(1).at(0).counts, four->histograms().at(1).at(0).counts);
  EXPECT_EQ(four->histograms().at(1).at(0).total(), 50u * 6u);
  EXPECT_TRUE(four->histograms().at(0).empty());
}

TEST(Executor, EachItemOfABatchHasItsRecord) {
  const OnnxModel model = model_of(scaling_model(kFactor));
  const auto single = run(*tapped(model, 2), counting_samples(2));
  std::vector<float> both;
  for (const Sample& sample : counting_samples(2))
    for (float value : sample.inputs[0].tensor.as<float>()) both.push_back(value);
  EXPECT_EQ(run(*tapped(model, 2), {sample_of(both)}), single);
}

TEST(Executor, AnErrorOfTheDataComesAfterWhatIsInFlight) {
  const OnnxModel model = model_of(scaling_model(kFactor));
  const auto executor = tapped(model, 2);
  int left = 3, recorded = 0;
  const auto next = [&]() -> std::optional<Sample> {
    if (left-- == 0) throw std::out_of_range("no more");
    return counting_samples(1)[0];
  };
  EXPECT_THROW(executor->run(next, [&](int64_t, std::span<const float>) { ++recorded; }),
               std::out_of_range);
  EXPECT_EQ(recorded, 3);
}

TEST(Executor, AnErrorOfARecordEndsTheRun) {
  const OnnxModel model = model_of(scaling_model(kFactor));
  const auto executor = tapped(model, 2);
  const auto broken = [](int64_t, std::span<const float>) { throw std::out_of_range("full"); };
  EXPECT_THROW(executor->run(each(counting_samples(9)), broken), std::out_of_range);
}

TEST(Executor, ComparisonsAddUpSignalAndNoise) {
  const OnnxModel model = model_of(scaling_model(kFactor)),
                  other = model_of(scaling_model({1, -1}));
  backends::NetworkComparison compared;
  compared.other = &other;
  compared.comparisons = {{value_named(model, "scaled"), value_named(other, "scaled")},
                          {value_named(model, "y")}};
  // y: 0 2 4 | 0 and 0 1 2 | 0
  EXPECT_THAT(run(*model.compile(compared), counting_samples(1)).at(0),
              ElementsAre(20 + 50, 5, 10 + 50, 5 + 50, 20, 5, 10, 5));
}

TEST(Executor, ProbesShiftWhatLaterNodesSee) {
  const OnnxModel model = model_of(scaling_model(kFactor));
  const Plan plan;
  const NodeId scaled = model.graph().value(value_named(model, "scaled")).producer;
  const NodeId relu = model.graph().value(value_named(model, "y")).producer;
  const backends::Probes probes{&plan, {{scaled, 1, 2}, {relu, 1, 2}}, {{3, 0, 0, 0}}};
  // scaled has the means 2 and -4, so 1 and 4 are added; y is then 1 3 5 | 1 0 -1 -> 0.
  const auto record = run(*model.compile(probes), counting_samples(1)).at(0);
  EXPECT_THAT(record, ElementsAre(1, 4, -3, FloatEq(-1.0f / 3)));
}

TEST(Executor, ProbesInFrontOfAReluCompareWhatItLetsPass) {
  const OnnxModel model = model_of(scaling_model(kFactor));
  const Plan plan;
  const ValueId y = value_named(model, "y");
  const NodeId scaled = model.graph().value(value_named(model, "scaled")).producer;
  const backends::Probes probes{&plan, {{scaled, 1, 2, kNone, y}}, {{3, 0.5f}}};
  // y is 0 2 4 | 0 0 0 of scaled 0 2 4 | -3 -4 -5: two thirds pass, and none
  EXPECT_THAT(run(*model.compile(probes), counting_samples(1)).at(0),
              ElementsAre(FloatEq(1.5f), FloatEq(10)));
}

std::vector<Tensor> run_one(backends::Executor& executor, const Sample& sample) {
  return executor.run_one(sample, [](int64_t, std::span<const float>) {});
}

// Of one sample.
std::vector<Tensor> run_outputs_of(backends::Executor& executor, const Sample& sample) {
  bool pulled = false;
  std::vector<Tensor> out;
  executor.run_outputs(
      [&] { return std::exchange(pulled, true) ? std::nullopt : std::optional(sample); },
      [&](std::vector<Tensor> outputs) { out = std::move(outputs); });
  return out;
}

// The planned network shifts the first layer: that is its error.
TEST(Executor, MeasuresWhatLayersDoWrongAndTakesItIn) {
  const OnnxModel model = model_of(scaling_model(kFactor));
  ASSERT_TRUE(model.engine().can_inject());
  const NodeId scaled = model.graph().value(value_named(model, "scaled")).producer;
  Plan plan;
  plan.biases = {{scaled, 1, {0.5f, 4.0f}}};
  const Sample sample = counting_samples(1)[0];
  const auto errors = run_one(*model.compile(backends::LayerErrors{&plan, {scaled}}), sample);
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_EQ(errors[0].shape, (Shape{1, 2, 3}));
  EXPECT_THAT(to_floats(errors[0]), ElementsAre(0.5f, 0.5f, 0.5f, 4, 4, 4));
  const auto shapes = run_one(*model.compile(backends::LayerShapes{{scaled}}), sample);
  ASSERT_EQ(shapes.size(), 1u);
  EXPECT_THAT(shapes[0].as<int64_t>(), ElementsAre(1, 2, 3));

  std::vector<Tensor> injected{Tensor::from_floats(std::vector<float>(6), {1, 2, 3})};
  const auto network = model.compile(backends::ErrorInjection{{scaled}, &injected});
  EXPECT_THAT(to_floats(run_outputs_of(*network, sample).at(0)), ElementsAre(0, 2, 4, 0, 0, 0));
  injected = errors;
  // scaled: 0 2 4 | -3 -4 -5
  EXPECT_THAT(to_floats(run_outputs_of(*network, sample).at(0)),
              ElementsAre(0.5f, 2.5f, 4.5f, 1, 0, 0));
  injected.clear();
  EXPECT_THROW(run_outputs_of(*network, sample), Error);
}

TEST(Executor, RefusesWhatDoesNotFitTheModel) {
  const OnnxModel model = model_of(scaling_model(kFactor, 1));
  const auto executor = tapped(model, 1);
  EXPECT_THROW(
      run(*executor, {{{{"z", Tensor::from_floats(std::vector<float>(6), {1, 2, 3})}}, {}}}),
      DataError);
}

TEST(Engine, InfersTypesWithoutRunning) {
  const OnnxModel model = model_of(scaling_model(kFactor));
  const auto types = infer_types(model.content());
  EXPECT_EQ(types.at("scaled").dtype, DType::f32);
  EXPECT_EQ(types.at("scaled").shape, (Shape{-1, 2, 3}));
  EXPECT_TRUE(types.at("scaled").rank_known);
}

TEST(Engine, EvaluatesAModelWithoutInputs) {
  ModelProto proto = scaling_model(kFactor);
  GraphProto& graph = *proto.mutable_graph();
  graph.clear_input();
  graph.mutable_node(0)->set_input(0, "w");
  Content content{proto, {}};
  content.model.mutable_graph()->mutable_output(0)->clear_type();
  EXPECT_THAT(to_floats(evaluate(content).at(0)), ElementsAre(4, 1));
}

TEST(Engine, SaysWhyAModelCanNotBeLoaded) {
  ModelProto proto = scaling_model(kFactor);
  NodeProto& node = *proto.mutable_graph()->mutable_node(1);
  node.set_op_type("Nonsense");
  node.set_name("odd");
  try {
    evaluate(Content{proto, {}});
    FAIL() << "no error";
  } catch (const ModelError& error) {
    EXPECT_THAT(error.what(), HasSubstr("node 'odd' is of type Nonsense"));
  }
}

TEST(Engine, InfersTheTypesAroundWhatItDoesNotKnow) {
  ModelProto proto = scaling_model(kFactor);
  proto.mutable_graph()->mutable_node(1)->set_op_type("Nonsense");
  const TensorTypes types = infer_types(Content{proto, {}});
  EXPECT_TRUE(types.contains(proto.graph().node(0).output(0)));
  EXPECT_FALSE(types.contains(proto.graph().node(1).output(0)));
}

TEST(Inspect, RunsAndTells) {
  const OnnxModel model = model_of(scaling_model(kFactor));
  const auto outputs = model.infer(each(counting_samples(2)));
  EXPECT_THAT(to_floats(outputs.at(1).at(0)), ElementsAre(2, 4, 6, 0, 0, 0));
  const auto layers = model.executed_precisions(counting_samples(1)[0]);
  ASSERT_FALSE(layers.empty());
  EXPECT_EQ(layers[0].precision, "f32");
  const auto runners = model.engine().parallel_runners(model);
  EXPECT_FALSE(runners.empty());
  for (const auto& runner : runners) {
    EXPECT_THAT(to_floats(runner->run(counting_samples(2)[1]).at(0)),
                ElementsAre(2, 4, 6, 0, 0, 0));
    runner->again();
  }
}

}  // namespace
}  // namespace eightbit::onnx
