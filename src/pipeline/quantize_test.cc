// The pipeline from end to end, on networks of a framework of the tests' own (test_framework.h).
// Runs also every file of tests/golden/plans: the plan that all algorithms together make, its
// ranges with three digits. EIGHTBIT_UPDATE_GOLDEN=1 rewrites them.
#include <eightbit/eightbit.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "base/scratch_folder.h"
#include "pipeline/test_framework.h"

namespace eightbit {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::HasSubstr;

const std::vector<int64_t> kSizes = {16, 24, 24, 8};

Model network() { return test::chain_model(test::layers_of(kSizes)); }
Dataset data(int count = 48) { return Dataset::from_samples(test::chain_samples(16, count)); }

Tensor run(const Model& model, const Sample& sample) {
  const auto chain = std::dynamic_pointer_cast<const test::Chain>(external::unwrap(model));
  return chain->run(test::Matrix::of(sample.inputs[0].tensor)).tensor();
}

double sqnr_db(const Model& model, const Model& quantized) {
  double signal = 0, noise = 0;
  for (const Sample& sample : test::chain_samples(16, 40, 5000)) {
    const auto a = to_floats(run(model, sample)), b = to_floats(run(quantized, sample));
    for (size_t i = 0; i < a.size(); ++i) {
      signal += static_cast<double>(a[i]) * a[i];
      noise += static_cast<double>(a[i] - b[i]) * (a[i] - b[i]);
    }
  }
  return 10 * std::log10(signal / noise);
}

std::set<std::string> steps_of(const Report& report) {
  std::set<std::string> out;
  for (const StepTime& step : report.steps) out.insert(step.step);
  return out;
}

TEST(Quantize, GivesAModelNearTheFloatOneAndTellsWhatItDid) {
  const Model model = network();
  Report report;
  const Model quantized = quantize(model, data(), {}, {.report = &report});
  EXPECT_GT(sqnr_db(model, quantized), 25);
  EXPECT_EQ(report.samples, 48);
  EXPECT_EQ(report.weight_quantizers, 3);
  EXPECT_EQ(report.activation_quantizers, 3);
  EXPECT_EQ(report.corrected_biases, 3);
  for (const char* step :
       {"read", "place", "calibrate", "min-max", "bias correction", "trial run", "write"})
    EXPECT_THAT(steps_of(report), Contains(step));
  ASSERT_TRUE(report.trial);
  EXPECT_GT(report.trial->sqnr_db, 20);
  EXPECT_THAT(report.to_json(), HasSubstr("\"plan\""));
}

TEST(Quantize, FromStatisticsIsTheSameAsFromData) {
  const Model model = network();
  Report measured, given;
  quantize(model, data(), {}, {.report = &measured});
  const Statistics statistics = calibrate(model, data());
  EXPECT_EQ(statistics.samples(), 48);
  quantize(model, statistics, {}, {.report = &given});
  EXPECT_EQ(measured.plan_text, given.plan_text);
}

TEST(Quantize, StatisticsOfAnotherModelAreRefused) {
  const Statistics statistics = calibrate(network(), data());
  const Model other = test::chain_model(test::layers_of(kSizes, 9));
  EXPECT_THROW(quantize(other, statistics), InvalidArgument);
}

TEST(Quantize, ARecipeMakesTheSameModelAgain) {
  const Model model = network();
  Report report;
  const Model quantized = quantize(model, data(), {}, {.report = &report});
  const auto recipe = QuantizationRecipe::from_json(report.recipe.to_json());
  const Model again = quantize(model, recipe);
  for (const Sample& sample : test::chain_samples(16, 3, 9000))
    EXPECT_EQ(to_floats(run(quantized, sample)), to_floats(run(again, sample)));
  EXPECT_THROW(quantize(test::chain_model(test::layers_of(kSizes, 9)), recipe), InvalidArgument);
}

TEST(Quantize, ShardsAddUpToTheWhole) {
  const Model model = network();
  std::vector<Statistics> parts;
  for (int64_t index : {0, 1}) parts.push_back(calibrate(model, data(), {.shard = {index, 2}}));
  const Statistics merged = Statistics::merge(parts), whole = calibrate(model, data());
  Report from_parts, from_whole;
  quantize(model, merged, {}, {.report = &from_parts});
  quantize(model, whole, {}, {.report = &from_whole});
  EXPECT_EQ(from_parts.plan_text, from_whole.plan_text);
}

// What a run that is killed behind a step leaves of its checkpoint, in a folder `step` beside it.
// Hears of steps by the log.
class LeftBehind {
 public:
  LeftBehind(fs::path checkpoint, std::set<std::string> steps)
      : checkpoint_(std::move(checkpoint)), steps_(std::move(steps)) {
    set_log_sink([this](LogLevel, std::string_view message) { hear(message); });
  }
  ~LeftBehind() { set_log_sink({}); }

  fs::path behind(const std::string& step) const {
    return checkpoint_.parent_path() / step / checkpoint_.filename();
  }

 private:
  void hear(std::string_view message) const {
    const std::string step(message.substr(0, message.find(": ")));
    if (!steps_.contains(step) || !message.ends_with("of CPU time")) return;
    fs::create_directory(behind(step).parent_path());
    for (const char* end : {"", ".steps"})
      fs::copy_file(checkpoint_.string() + end, behind(step).string() + end);
  }

  fs::path checkpoint_;
  std::set<std::string> steps_;
};

std::map<std::string, QuantizeOptions> smoothed_in_two_ways() {
  std::map<std::string, QuantizeOptions> all;
  all["something"].model_type = ModelType::transformer;
  // Of a network without convolutions: such a plan is small enough to be kept at once.
  all["nothing"].advanced_parameters.smooth_quant_alphas.convolution = 0.5;
  for (auto& [name, options] : all) options.advanced_parameters.disable_channel_alignment = false;
  return all;
}

std::string recipe_of_run(const QuantizeOptions& options, const fs::path& checkpoint) {
  Report report;
  quantize(network(), data(), options, {.checkpoint = checkpoint, .report = &report});
  return report.recipe.to_json();
}

TEST(Quantize, KilledBehindAnyStepARunGoesOnToTheSameBytes) {
  const std::set<std::string> steps = {"smooth quant", "channel alignment", "min-max",
                                       "weight rounding", "bias correction"};
  for (const auto& [smoothed, options] : smoothed_in_two_ways()) {
    const ScratchFolder folder;
    const fs::path checkpoint = folder.path() / "c.stats";
    const LeftBehind left(checkpoint, steps);
    const std::string whole = recipe_of_run(options, checkpoint);
    set_log_sink({});
    for (const std::string& step : steps) {
      SCOPED_TRACE(smoothed + " smoothed, killed behind " + step);
      ASSERT_TRUE(fs::exists(left.behind(step)));
      std::string resumed;
      EXPECT_NO_THROW(resumed = recipe_of_run(options, left.behind(step)));
      EXPECT_EQ(resumed, whole);
    }
  }
}

// A column of weights that is a thousand times as wide as the others, and a quantizer that may not
// give channels ranges of their own: too much noise for 8 bits.
TEST(Quantize, LayersThatMakeTooMuchNoiseStayInFloat) {
  auto layers = test::layers_of(kSizes);
  for (int64_t row = 0; row < layers[1].weight.rows; ++row) layers[1].weight.at(row, 3) *= 1000;
  for (int64_t column = 0; column < 8; ++column) layers[2].weight.at(3, column) /= 1000;
  const Model model = test::chain_model(layers);
  QuantizeOptions options;
  options.advanced_parameters.weights_quantization_params.emplace().per_channel = false;
  options.max_float_share = 1;
  Report floor, none;
  const Model kept = quantize(model, data(), options, {.report = &floor});
  options.min_sqnr_db = 0;
  const Model noisy = quantize(model, data(), options, {.report = &none});
  EXPECT_LT(sqnr_db(model, noisy), 18);
  EXPECT_GT(sqnr_db(model, kept), 19);
  EXPECT_LT(floor.weight_quantizers, none.weight_quantizers);
  options.min_sqnr_db = 150;
  options.max_float_share = 0;
  options.strict = true;
  EXPECT_THROW(quantize(model, data(), options), AccuracyNotReached);
}

// A runtime that has no kernel for integers behind these weights.
class Refuses final : public test::ChainEngine {
 public:
  explicit Refuses(std::set<int32_t> weights) : weights_(std::move(weights)) {}
  std::vector<Tensor> infer(const external::Network& network,
                            std::span<const Tensor> inputs) const override {
    for (const auto& q : dynamic_cast<const test::Chain&>(network).planned().quantizers)
      if (weights_.contains(q.value)) throw ModelError("[chain] no kernel for these integers");
    return ChainEngine::infer(network, inputs);
  }

 private:
  std::set<int32_t> weights_;
};

// A weight and four more values a layer, behind the input.
constexpr int32_t weight_of(int32_t layer) { return 1 + 5 * layer; }

Model network_of_a_runtime_that_refuses(std::set<int32_t> weights) {
  return external::wrap(std::make_shared<test::Chain>(test::layers_of(kSizes)),
                        std::make_shared<Refuses>(std::move(weights)));
}

TEST(Quantize, WhatTheRuntimeRefusesInIntegersStaysInFloat) {
  for (const std::set<int32_t>& refused :
       {std::set<int32_t>{weight_of(1)}, {weight_of(0), weight_of(2)}}) {
    Report report;
    const Model quantized =
        quantize(network_of_a_runtime_that_refuses(refused), data(), {}, {.report = &report});
    const auto chain = std::dynamic_pointer_cast<const test::Chain>(external::unwrap(quantized));
    std::set<int32_t> weights;
    for (const auto& q : chain->planned().quantizers)
      if (q.weight) weights.insert(q.value);
    for (int32_t layer : {0, 1, 2})
      EXPECT_NE(weights.contains(weight_of(layer)), refused.contains(weight_of(layer))) << layer;
    ASSERT_TRUE(report.trial);
    EXPECT_GT(report.trial->sqnr_db, 20);
    EXPECT_GT(report.trial->float_share, 0.1);
    EXPECT_THAT(report.notes, Contains(HasSubstr("no kernel for these integers")));
  }
}

TEST(Quantize, ARuntimeThatRefusesEveryIntegerTakesNothingAway) {
  Report report;
  std::set<int32_t> all;
  for (int32_t value = 0; value < 16; ++value) all.insert(value);
  const Model quantized =
      quantize(network_of_a_runtime_that_refuses(all), data(), {}, {.report = &report});
  EXPECT_THAT(report.notes, Contains(HasSubstr("no kernel for these integers")));
  EXPECT_TRUE(external::unwrap(quantized));
}

TEST(Tune, ChoosesOptionsThatAreNoWorse) {
  const Model model = network();
  const TuneResult tuned = tune(model, data());
  EXPECT_GT(tuned.trials.size(), 2u);
  EXPECT_GE(sqnr_db(model, tuned.model), sqnr_db(model, quantize(model, data())) - 1);
}

TEST(Observer, MeasuresWhatItsUserRuns) {
  const Model model = network();
  Observer observer(model);
  for (const Sample& sample : test::chain_samples(16, 48)) {
    const auto outputs = observer(sample);
    EXPECT_EQ(to_floats(outputs.at(0)), to_floats(run(model, sample)));
  }
  EXPECT_EQ(observer.samples(), 48);
  Report observed, calibrated;
  quantize(model, observer.statistics(), {}, {.report = &observed});
  quantize(model, calibrate(model, data()), {}, {.report = &calibrated});
  EXPECT_EQ(observed.plan_text, calibrated.plan_text);
}

// Ranges with three digits.
std::string rounded(const std::string& text) {
  static const std::regex number(R"(-?\d+\.\d+(e[-+]\d+)?)");
  std::string out;
  auto last = text.begin();
  for (std::sregex_iterator at(text.begin(), text.end(), number), end; at != end; ++at) {
    out.append(last, text.begin() + at->position());
    char digits[32];
    std::snprintf(digits, sizeof digits, "%.3g", std::stod(at->str()));
    out += digits;
    last = text.begin() + at->position() + at->length();
  }
  return out.append(last, text.end());
}

const std::map<std::string, QuantizeOptions>& golden() {
  static const auto all = [] {
    std::map<std::string, QuantizeOptions> options;
    options["defaults"];
    options["nncf"].recipe = Recipe::nncf;
    options["mixed"].preset = Preset::mixed;
    options["careful"].fast_bias_correction = false;
    options["smooth_quant"].model_type = ModelType::transformer;
    auto& estimators = options["median"].advanced_parameters.activations_range_estimator_params;
    estimators.min.statistics_type = StatisticsType::min;
    estimators.max.statistics_type = StatisticsType::max;
    estimators.min.aggregator_type = estimators.max.aggregator_type = AggregatorType::median;
    options["weights_per_tensor"]
        .advanced_parameters.weights_quantization_params.emplace()
        .per_channel = false;
    for (auto& [name, one] : options) one.trial_run = false;
    return options;
  }();
  return all;
}

class GoldenPlans : public testing::TestWithParam<std::string> {};

TEST_P(GoldenPlans, AreWhatAlgorithmsMake) {
  Report report;
  quantize(network(), data(), golden().at(GetParam()), {.report = &report});
  const fs::path file = fs::path(EIGHTBIT_TESTS_DIR) / "golden/plans" / (GetParam() + ".txt");
  if (std::getenv("EIGHTBIT_UPDATE_GOLDEN")) std::ofstream(file) << rounded(report.plan_text);
  std::ifstream stream(file);
  std::stringstream expected;
  expected << stream.rdbuf();
  EXPECT_EQ(rounded(report.plan_text), expected.str()) << file;
}

std::vector<std::string> names() {
  std::vector<std::string> out;
  for (const auto& [name, options] : golden()) out.push_back(name);
  return out;
}

INSTANTIATE_TEST_SUITE_P(Algorithms, GoldenPlans, testing::ValuesIn(names()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace eightbit
