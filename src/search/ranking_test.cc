#include "search/ranking.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph/text.h"
#include "search/output_sizes.h"

namespace eightbit {
namespace {

using backends::Executor;
using testing::ElementsAre;

// Backends' own tests run networks; here is one that hands its input through two layers, whose
// width samples decide, and whose errors are half of it.
class Rows : public backends::Network, public backends::Engine {
 public:
  std::string_view backend() const override { return "rows"; }
  std::string_view file_extension() const override { return ""; }
  const Graph& graph() const override { return graph_; }
  std::vector<PortInfo> inputs() const override { return {}; }
  std::vector<PortInfo> outputs() const override { return {}; }
  bool stateful() const override { return false; }
  std::string fingerprint() const override { return ""; }
  std::map<std::string, int64_t> weight_bytes() const override { return {}; }
  std::shared_ptr<const Network> apply(const Plan&,
                                       const std::map<std::string, std::string>&) const override {
    return nullptr;
  }
  void save(const std::filesystem::path&, bool) const override {}
  const Engine& engine() const override { return *this; }

  bool can_inject() const override { return true; }
  std::unique_ptr<Executor> compile(const Network&, backends::Measurement measurement,
                                    const backends::RunSettings&) const override {
    return std::make_unique<Program>(std::move(measurement));
  }
  std::unique_ptr<backends::Runner> runner(const Network&,
                                           backends::FloatPrecision) const override {
    return nullptr;
  }
  std::unique_ptr<backends::Runner> timing_runner(const Network&,
                                                  backends::FloatPrecision) const override {
    return nullptr;
  }
  std::vector<std::unique_ptr<backends::Runner>> parallel_runners(const Network&) const override {
    return {};
  }

 private:
  class Program : public Executor {
   public:
    explicit Program(backends::Measurement asked) : asked_(std::move(asked)) {}
    void run(const std::function<std::optional<Sample>()>&,
             const backends::RecordCallback&) override {}
    void check(const Sample&, int64_t) const override {}
    std::vector<Tensor> run_one(const Sample& sample, const backends::RecordCallback&) override {
      const Tensor& x = sample.inputs[0].tensor;
      if (const auto* shapes = std::get_if<backends::LayerShapes>(&asked_))
        return std::vector<Tensor>(shapes->layers.size(), shape_of(x));
      const auto& errors = std::get<backends::LayerErrors>(asked_);
      std::vector<float> half = to_floats(x);
      for (float& value : half) value /= 2;
      return std::vector<Tensor>(errors.layers.size(), Tensor::from_floats(half, x.shape));
    }
    void run_outputs(const std::function<std::optional<Sample>()>& next,
                     const backends::OutputCallback& take) override {
      while (const auto sample = next()) {
        const Tensor& x = sample->inputs[0].tensor;
        std::vector<float> sum = to_floats(x);
        for (const Tensor& error : *std::get<backends::ErrorInjection>(asked_).errors)
          for (size_t i = 0; i < sum.size(); ++i) sum[i] += error.as<float>()[i];
        take({Tensor::from_floats(sum, x.shape)});
      }
    }
    std::vector<std::vector<Histogram>> histograms() const override { return {}; }

   private:
    static Tensor shape_of(const Tensor& x) {
      Tensor shape = Tensor::allocate(DType::i64, {static_cast<int64_t>(x.shape.size())});
      std::ranges::copy(x.shape, reinterpret_cast<int64_t*>(shape.mutable_data()));
      return shape;
    }
    const backends::Measurement asked_;
  };

  const Graph graph_ = parse_graph(
      "x = Parameter() : f32[1,?]\n"
      "first = MatMul(x, const f32[1,1]) : f32[1,?]\n"
      "second = MatMul(first, const f32[1,1]) : f32[...]\n"
      "known = Relu(second) : f32[1,7]\n"
      "y = Result(known)\n");
};

Sample sample(int64_t width) {
  std::vector<float> values(static_cast<size_t>(width), 1);
  return {{{"x", Tensor::from_floats(values, {1, width})}}, {}};
}

Plan plan_of(const Graph& graph) {
  Plan plan;
  for (const char* layer : {"first", "second"}) {
    Quantizer quantizer;
    quantizer.value = graph.node(graph.find(layer)).inputs[0];
    quantizer.uses = {{graph.find(layer), 0}};
    plan.quantizers.push_back(quantizer);
  }
  return plan;
}

TEST(OutputSizes, WhatShapesLeaveOpenASampleTells) {
  const Rows rows;
  const std::vector<NodeId> layers{rows.graph().find("first"), rows.graph().find("second"),
                                   rows.graph().find("known")};
  EXPECT_THAT(search::output_sizes(rows, layers, sample(30)), ElementsAre(30, 30, 7));
  EXPECT_THAT(search::output_sizes(rows, layers, sample(40000)), ElementsAre(40000, 40000, 7));
}

// Under max_memory the errors of single layers have a share of it.
TEST(NoiseOfEach, ErrorsOfAnUnknownWidthAreCountedInTheWidestSample) {
  const Rows rows;
  const Plan plan = plan_of(rows.graph());
  const auto groups = search::quantizer_groups(rows.graph(), plan);
  ASSERT_EQ(groups.size(), 2u);
  RunOptions run;
  run.max_memory = 100000;
  const auto noise = [&](const std::vector<Sample>& samples) {
    return noise_of_each(rows, plan, groups, {search::OutputPart{}}, samples, 0, run);
  };
  EXPECT_THAT(noise({sample(1000), sample(400)}),
              ElementsAre(ElementsAre(0.25), ElementsAre(0.25)));
  EXPECT_TRUE(noise({sample(400), sample(12500)}).empty()) << "their errors alone are the limit";
}

}  // namespace
}  // namespace eightbit
