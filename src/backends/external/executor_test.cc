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
  std::vector<Tensor> infer(std::span<const Tensor> inputs) const override {
    std::vector<float> values(inputs[0].as<float>().begin(), inputs[0].as<float>().end());
    for (size_t i = 0; i < values.size(); ++i) values[i] *= weight_[i / 3 % 2];
    return {Tensor::from_floats(values, inputs[0].shape)};
  }
  std::shared_ptr<const Network> apply(const Instructions& instructions,
                                       const std::map<std::string, std::string>&) const override {
    applied = instructions;
    return std::make_shared<Scaler>(batch_, weight_);
  }
  std::unique_ptr<Session> compile(const Request& request) const override {
    asked = request;
    return std::make_unique<Run>(*this, request);
  }

  mutable int runs = 0;
  mutable Instructions applied;
  mutable Request asked;

 private:
  struct Run final : Session {
    Run(const Scaler& scaler, const Request& request)
        : scaler(scaler), taps(request.taps), probes(request.probes.size()), other(request.other) {
      for (const auto& [reference, planned] : request.comparisons) EXPECT_EQ(reference, planned);
      comparisons = request.comparisons.size();
    }
    void run(std::span<const Tensor> inputs, Recorder& recorder) override {
      ++scaler.runs;
      const Tensor y = scaler.infer(inputs)[0];
      for (size_t i = 0; i < taps.size(); ++i)
        recorder.record(static_cast<int32_t>(i), (taps[i] == 0 ? inputs[0] : y).as<float>().data(),
                        y.shape);
      for (size_t i = 0; i < probes; ++i)
        recorder.shift(static_cast<int32_t>(i), y.as<float>().data(), y.shape);
      for (size_t i = 0; i < comparisons; ++i)
        recorder.compare(static_cast<int32_t>(i), y.as<float>().data(),
                         other->infer(inputs)[0].as<float>().data(), y.shape);
    }
    const Scaler& scaler;
    std::vector<int32_t> taps;
    size_t probes, comparisons;
    const Network* other;
  };

  int64_t batch_;
  std::vector<float> weight_;
};

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
  const auto alone = std::make_shared<Scaler>(1), stacked = std::make_shared<Scaler>(3);
  const auto one = records(ExternalModel(alone), taps(), 7),
             three = records(ExternalModel(stacked), taps(), 7);
  EXPECT_EQ(one, three);
  EXPECT_EQ(alone->runs, 7);
  EXPECT_EQ(stacked->runs, 3);
  // Sample 1 is 1..6: min, max, mean and the finite fraction; then both channels of 2 x and -3 x.
  EXPECT_EQ(one[1], (std::vector<float>{1, 6, 3.5, 1, 2, -18, 6, -12, 1}));
}

TEST(ExternalExecutor, ProbesCompareWithTheMeansOfTheirOwnSample) {
  const Plan plan;
  backends::Probes compared{&plan, {{1, 1, 2}}, {}};
  for (int k = 0; k < 5; ++k)
    compared.reference_means.push_back({10.0f * static_cast<float>(k), 1.0f});
  const auto one = records(ExternalModel(std::make_shared<Scaler>(1)), compared, 5);
  EXPECT_EQ(one, records(ExternalModel(std::make_shared<Scaler>(4)), compared, 5));
  // Sample 2: means 2 * 3 and -3 * 6.
  EXPECT_EQ(one[2], (std::vector<float>{20 - 6, 1 + 18}));
}

TEST(ExternalExecutor, ComparesTwoNetworksOfOneFramework) {
  const ExternalModel reference(std::make_shared<Scaler>(2)),
      other(std::make_shared<Scaler>(2, std::vector<float>{2, -2}));
  backends::NetworkComparison compared;
  compared.other = &other;
  compared.comparisons = {{2, 2}};
  const auto rows = records(reference, compared, 2);
  // Sample 0: 0 1 2 by 2 and 3 4 5 by -3 against -2.
  EXPECT_EQ(rows[0], (std::vector<float>{20 + 450, 50, 20 + 300, 20 + 200}));
}

TEST(ExternalExecutor, ComparesByChannelAndPassesOnWhereNetworksAreCut) {
  const ExternalModel reference(std::make_shared<Scaler>(2)),
      other(std::make_shared<Scaler>(2, std::vector<float>{2, -2}));
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
  const auto& request = dynamic_cast<const Scaler&>(*reference.network()).asked;
  EXPECT_EQ(request.cuts.at(0).planned, 2);
  EXPECT_EQ(request.bypassed, (std::vector<int32_t>{1}));
}

TEST(ExternalExecutor, RefusesWhatNetworksOfAFrameworkLack) {
  const ExternalModel model(std::make_shared<Scaler>(1));
  EXPECT_FALSE(model.engine().can_inject());
  const Plan plan;
  EXPECT_THROW(model.compile(backends::LayerErrors{&plan, {1}}), Unsupported);
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
    std::vector<Tensor> infer(std::span<const Tensor>) const override { return {}; }
    std::shared_ptr<const Network> apply(const Instructions&,
                                         const std::map<std::string, std::string>&) const override {
      return nullptr;
    }
    std::unique_ptr<Session> compile(const Request&) const override { return nullptr; }
  };
  EXPECT_THROW(wrap(std::make_shared<Broken>()), ModelError);
}

TEST(ExternalModel, IsFoundBehindAModel) {
  const auto network = std::make_shared<const Scaler>();
  EXPECT_EQ(unwrap(wrap(network)), network);
  EXPECT_EQ(wrap(network).inputs()[0].name, "x");
}

TEST(ExternalModel, FingerprintsFollowTheWeights) {
  const ExternalModel one(std::make_shared<Scaler>()), same(std::make_shared<Scaler>()),
      other(std::make_shared<Scaler>(1, std::vector<float>{2, -2}));
  EXPECT_EQ(one.fingerprint(), same.fingerprint());
  EXPECT_NE(one.fingerprint(), other.fingerprint());
}

TEST(ExternalModel, CarriesOutAPlanInItsOwnWords) {
  const auto network = std::make_shared<Scaler>();
  const ExternalModel model(network);
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
