#include <eightbit/eightbit.h>
#include <eightbit/external.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "backends/external/model.h"

namespace eightbit::external {
namespace {

// x [N, 2, 3] -> multiply by w [1, 2, 1] -> y, in a framework of our own.
class Scaler final : public Network {
 public:
  explicit Scaler(int64_t batch = 1, std::vector<float> weight = {2, -3})
      : batch_(batch), weight_(std::move(weight)) {}

  std::string_view backend() const override { return "scaler"; }
  std::vector<PortInfo> inputs() const override { return {{"x", DType::f32, {-1, 2, 3}}}; }
  std::vector<PortInfo> outputs() const override { return {{"y", DType::f32, {-1, 2, 3}}}; }
  int64_t largest_batch() const override { return batch_; }
  Description describe() const override {
    Node x{"x", "Input", "parameter", {}, {{DType::f32, {-1, 2, 3}}}, {}};
    Constant w{"w", Tensor::from_floats(weight_, {1, 2, 1})};
    Node scaled{"scaled", "Scale", "multiply", {0, 1}, {{DType::f32, {-1, 2, 3}}}, {}};
    Node y{"y", "Output", "result", {2}, {{DType::f32, {-1, 2, 3}}}, {}};
    return {{x, w, scaled, y}};
  }
  std::shared_ptr<const Network> apply(const Instructions& instructions,
                                       const std::map<std::string, std::string>&) const override {
    applied = instructions;
    return std::make_shared<Scaler>(batch_, weight_);
  }
  Tensor computed(std::span<const Tensor> inputs) const {
    std::vector<float> values(inputs[0].as<float>().begin(), inputs[0].as<float>().end());
    for (size_t i = 0; i < values.size(); ++i) values[i] *= weight_[i / 3 % 2];
    return Tensor::from_floats(values, inputs[0].shape);
  }

  mutable Instructions applied;

 private:
  int64_t batch_;
  std::vector<float> weight_;
};

class ScalerEngine final : public Engine {
 public:
  std::unique_ptr<Session> compile(const Network& network,
                                   const Measurement& measurement) const override {
    asked = measurement;
    return std::make_unique<Run>(*this, dynamic_cast<const Scaler&>(network));
  }
  std::vector<Tensor> infer(const Network& network, std::span<const Tensor> inputs) const override {
    return {dynamic_cast<const Scaler&>(network).computed(inputs)};
  }

  mutable int runs = 0;
  mutable Measurement asked;

 private:
  struct Run final : Session {
    Run(const ScalerEngine& engine, const Scaler& scaler)
        : engine(engine), scaler(scaler), asked(engine.asked) {}
    void run(std::span<const Tensor> inputs, Recorder& recorder) override {
      ++engine.runs;
      const Tensor x = inputs[0], y = scaler.computed(inputs);
      if (const auto* taps = std::get_if<Taps>(&asked))
        for (size_t i = 0; i < taps->values.size(); ++i)
          recorder.record(static_cast<int32_t>(i),
                          (taps->values[i] == 0 ? x : y).as<float>().data(), y.shape);
      if (const auto* probes = std::get_if<Probes>(&asked))
        for (size_t i = 0; i < probes->probes.size(); ++i)
          recorder.shift(static_cast<int32_t>(i), y.as<float>().data(), y.shape);
      if (const auto* compared = std::get_if<NetworkComparison>(&asked)) {
        const Tensor other = engine.infer(*compared->other, inputs)[0];
        for (size_t i = 0; i < compared->comparisons.size(); ++i) {
          EXPECT_EQ(compared->comparisons[i].reference, compared->comparisons[i].other);
          recorder.compare(static_cast<int32_t>(i), y.as<float>().data(), other.as<float>().data(),
                           y.shape);
        }
      }
    }
    const ScalerEngine& engine;
    const Scaler& scaler;
    Measurement asked;
  };
};

const std::shared_ptr<const ScalerEngine> kEngine = std::make_shared<const ScalerEngine>();

std::vector<Sample> samples(int count) {
  std::vector<Sample> out;
  for (int k = 0; k < count; ++k) {
    std::vector<float> values(6);
    std::iota(values.begin(), values.end(), static_cast<float>(k));
    out.push_back({{{"x", Tensor::from_floats(values, {1, 2, 3})}}, {}});
  }
  return out;
}

std::vector<std::vector<float>> records(const ExternalModel& model,
                                        const backends::Measurement& measurement, int count) {
  const auto executor = model.compile(measurement);
  auto all = samples(count);
  auto at = all.begin();
  std::vector<std::vector<float>> rows;
  executor->run([&] { return at == all.end() ? std::nullopt : std::optional(*at++); },
                [&](int64_t sample, std::span<const float> row) {
                  EXPECT_EQ(sample, static_cast<int64_t>(rows.size()));
                  rows.emplace_back(row.begin(), row.end());
                });
  return rows;
}

backends::Taps taps() {
  return {{{0, kNone, 1, kMinMax | kMean, false, {}}, {2, 1, 2, kMinMax, false, {}}}};
}

TEST(ExternalExecutor, StackedSamplesLeaveTheRecordsOfEachAlone) {
  kEngine->runs = 0;
  const auto one = records(ExternalModel(std::make_shared<Scaler>(1), kEngine), taps(), 7);
  EXPECT_EQ(kEngine->runs, 7);
  const auto three = records(ExternalModel(std::make_shared<Scaler>(3), kEngine), taps(), 7);
  EXPECT_EQ(kEngine->runs, 7 + 3);
  EXPECT_EQ(one, three);
  // Sample 1 is 1..6: min, max, mean and the finite fraction; then both channels of 2 x and -3 x.
  EXPECT_EQ(one[1], (std::vector<float>{1, 6, 3.5, 1, 2, -18, 6, -12, 1}));
}

TEST(ExternalExecutor, AQuantizedNetworkRunsInTheSameEngine) {
  const ExternalModel model(std::make_shared<Scaler>(), kEngine);
  const auto quantized = model.apply(Plan(), {});
  EXPECT_EQ(dynamic_cast<const ExternalModel&>(*quantized).native_engine(), kEngine);
  const auto runner = quantized->runner(backends::FloatPrecision::f32);
  EXPECT_EQ(runner->run(samples(1)[0])[0].as<float>()[1], 2);
}

TEST(ExternalExecutor, ProbesCompareWithTheMeansOfTheirOwnSample) {
  const Plan plan;
  backends::Probes compared{&plan, {{1, 1, 2}}, {}};
  for (int k = 0; k < 5; ++k)
    compared.reference_means.push_back({10.0f * static_cast<float>(k), 1.0f});
  const auto one = records(ExternalModel(std::make_shared<Scaler>(1), kEngine), compared, 5);
  EXPECT_EQ(one, records(ExternalModel(std::make_shared<Scaler>(4), kEngine), compared, 5));
  // Sample 2: means 2 * 3 and -3 * 6.
  EXPECT_EQ(one[2], (std::vector<float>{20 - 6, 1 + 18}));
}

TEST(ExternalExecutor, ComparesTwoNetworksOfOneFramework) {
  const ExternalModel reference(std::make_shared<Scaler>(2), kEngine),
      other(std::make_shared<Scaler>(2, std::vector<float>{2, -2}), kEngine);
  backends::NetworkComparison compared;
  compared.other = &other;
  compared.comparisons = {{2, 2}};
  const auto rows = records(reference, compared, 2);
  // Sample 0: 0 1 2 by 2 and 3 4 5 by -3 against -2.
  EXPECT_EQ(rows[0], (std::vector<float>{20 + 450, 50, 20 + 300, 20 + 200}));
}

TEST(ExternalExecutor, ComparesByChannelAndPassesOnWhereNetworksAreCut) {
  const ExternalModel reference(std::make_shared<Scaler>(2), kEngine),
      other(std::make_shared<Scaler>(2, std::vector<float>{2, -2}), kEngine);
  backends::NetworkComparison compared;
  compared.other = &other;
  compared.comparisons = {{2, 2, 1, 2}, {2, 2}};
  const auto rows = records(reference, compared, 2);
  // Sample 0: channel 1 is -9 -12 -15 against -6 -8 -10.
  EXPECT_EQ(rows[0], (std::vector<float>{20 + 450, 50, 20 + 300, 20 + 200, 0, 4, 6, 20 + 450, 50,
                                         20 + 300, 20 + 200}));
  compared.cuts = {{2, 2}};
  compared.bypassed = {1};
  records(reference, compared, 1);
  const auto& asked = std::get<NetworkComparison>(kEngine->asked);
  EXPECT_EQ(asked.cuts.at(0).other, 2);
  EXPECT_EQ(asked.bypassed, (std::vector<int32_t>{1}));
}

TEST(ExternalExecutor, RefusesWhatNetworksOfAFrameworkLack) {
  const ExternalModel model(std::make_shared<Scaler>(1), kEngine);
  EXPECT_FALSE(model.engine().can_inject());
  const Plan plan;
  EXPECT_THROW(model.compile(backends::LayerErrors{&plan, {1}}), Unsupported);
  EXPECT_THROW(model.compile(backends::LayerShapes{{1}}), Unsupported);
  EXPECT_THROW(model.compile(backends::ErrorInjection{{1}, nullptr}), Unsupported);
  EXPECT_THROW(model.timing_runner(backends::FloatPrecision::f32), Unsupported);
  EXPECT_EQ(model.engine().parallel_runners(model).size(), 1u);
}

TEST(ExternalModel, RefusesABrokenDescription) {
  struct Broken final : Network {
    std::string_view backend() const override { return "broken"; }
    std::vector<PortInfo> inputs() const override { return {}; }
    std::vector<PortInfo> outputs() const override { return {}; }
    Description describe() const override {
      return {{Node{"a", "A", "add", {3}, {{DType::f32, {1}}}, {}}}};
    }
    std::shared_ptr<const Network> apply(const Instructions&,
                                         const std::map<std::string, std::string>&) const override {
      return nullptr;
    }
  };
  EXPECT_THROW(wrap(std::make_shared<Broken>(), kEngine), ModelError);
}

TEST(ExternalModel, IsFoundBehindAModel) {
  const auto network = std::make_shared<const Scaler>();
  EXPECT_EQ(unwrap(wrap(network, kEngine)), network);
  EXPECT_EQ(wrap(network, kEngine).inputs()[0].name, "x");
}

TEST(ExternalModel, FingerprintsFollowTheWeights) {
  const ExternalModel one(std::make_shared<Scaler>(), kEngine),
      same(std::make_shared<Scaler>(), kEngine),
      other(std::make_shared<Scaler>(1, std::vector<float>{2, -2}), kEngine);
  EXPECT_EQ(one.fingerprint(), same.fingerprint());
  EXPECT_NE(one.fingerprint(), other.fingerprint());
}

TEST(ExternalModel, CarriesOutAPlanInItsOwnWords) {
  const auto network = std::make_shared<Scaler>();
  const ExternalModel model(network, kEngine);
  Plan plan;
  Quantizer q;
  q.value = 0;
  q.uses = {{1, 0}};
  q.spec.mode = QuantizationScheme::asymmetric;
  q.low = {-1};
  q.high = {1.55f};
  q.levels = 256;
  plan.quantizers.push_back(q);
  model.apply(plan, {});
  const auto& told = network->applied.quantizers.at(0);
  EXPECT_FLOAT_EQ(told.scale.at(0), 0.01f);
  EXPECT_EQ(told.zero_point.at(0), 100);
  EXPECT_EQ(told.q_max, 255);
  EXPECT_FALSE(told.symmetric);
}

}  // namespace
}  // namespace eightbit::external
