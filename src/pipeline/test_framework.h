// A framework of our own for tests of the pipeline: networks of products, biases and relus, that
// are described, run and rewritten through <eightbit/external.h> like those of any other. Its
// arithmetic is plain loops over floats, in one order.
#pragma once

#include <eightbit/error.h>
#include <eightbit/external.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace eightbit::test {

// A matrix [rows, columns].
struct Matrix {
  int64_t rows = 0, columns = 0;
  std::vector<float> values;

  float& at(int64_t r, int64_t c) { return values[static_cast<size_t>(r * columns + c)]; }
  Tensor tensor() const { return Tensor::from_floats(values, {rows, columns}); }
  static Matrix of(const Tensor& tensor) {
    const bool row = tensor.shape.size() == 1;
    return {row ? 1 : tensor.shape[0], tensor.shape.back(), to_floats(tensor)};
  }
};

struct Layer {
  std::string name;
  Matrix weight;            // [inputs, outputs]
  std::vector<float> bias;  // of the outputs
  bool relu = true;         // behind it
};

// x [samples, inputs of layer 0] through all layers.
class Chain final : public external::Network {
 public:
  explicit Chain(std::vector<Layer> layers, external::Instructions planned = {})
      : layers_(std::move(layers)), planned_(std::move(planned)) {}

  std::string_view backend() const override { return "chain"; }
  std::vector<PortInfo> inputs() const override {
    return {{"x", DType::f32, {-1, layers_.front().weight.rows}}};
  }
  std::vector<PortInfo> outputs() const override {
    return {{"y", DType::f32, {-1, layers_.back().weight.columns}}};
  }

  // Values: x, then of each layer its weight, its product, its bias, the sum and, behind it, the
  // relu. Nodes in the same order.
  external::Description describe() const override {
    external::Description out;
    int32_t value = 0, last = 0;
    const auto node = [&](std::string name, std::string op, std::vector<int32_t> in, int64_t size) {
      out.items.push_back(
          external::Node{std::move(name), op, op, std::move(in), {{DType::f32, {-1, size}}}, {}});
      last = value++;
    };
    node("x", "parameter", {}, layers_.front().weight.rows);
    for (const Layer& layer : layers_) {
      const int64_t size = layer.weight.columns;
      out.items.push_back(external::Constant{layer.name + ".weight", layer.weight.tensor()});
      ++value;
      node(layer.name, "mat_mul", {last, value - 1}, size);
      out.items.push_back(
          external::Constant{layer.name + ".bias", Tensor::from_floats(layer.bias, {1, size})});
      ++value;
      node(layer.name + ".sum", "add", {last, value - 1}, size);
      if (layer.relu) node(layer.name + ".relu", "relu", {last}, size);
    }
    out.items.push_back(external::Node{
        "y", "result", "result", {last}, {{DType::f32, {-1, layers_.back().weight.columns}}}, {}});
    return out;
  }

  std::shared_ptr<const Network> apply(const external::Instructions& instructions,
                                       const std::map<std::string, std::string>&) const override {
    return std::make_shared<Chain>(layers_, instructions);
  }

  // Calls seen(value, tensor) for each value in the order of the description; what it leaves there
  // is what others read. With `plan` carried out.
  using Seen = std::function<void(int32_t value, Matrix& tensor)>;
  Matrix run(const Matrix& x, const external::Instructions& plan, const Seen& seen) const {
    const external::Description description = describe();
    std::vector<Matrix> values;
    int32_t node = 0;
    for (const auto& item : description.items) {
      if (const auto* constant = std::get_if<external::Constant>(&item)) {
        values.push_back(Matrix::of(constant->tensor));
        continue;
      }
      const auto& described = std::get<external::Node>(item);
      const auto input = [&](int32_t port) { return read(values, described, {node, port}, plan); };
      Matrix out = described.op == "parameter" ? x : computed(described, input);
      for (const auto& shift : plan.shifts)
        if (shift.node == node) add_row(out, shift.shift);
      if (seen) seen(static_cast<int32_t>(values.size()), out);
      values.push_back(std::move(out));
      ++node;
    }
    return values.back();
  }
  Matrix run(const Matrix& x) const { return run(x, planned_, {}); }
  const external::Instructions& planned() const { return planned_; }

 private:
  static void add_row(Matrix& matrix, const std::vector<float>& row) {
    for (int64_t r = 0; r < matrix.rows; ++r)
      for (int64_t c = 0; c < matrix.columns; ++c) matrix.at(r, c) += row[static_cast<size_t>(c)];
  }

  template <typename Instruction>
  static bool is_for(const Instruction& instruction, int32_t value, external::Use use) {
    const auto& uses = instruction.uses;
    return instruction.value == value &&
           (uses.empty() || std::ranges::any_of(uses, [&](const external::Use& known) {
              return known.node == use.node && known.port == use.port;
            }));
  }

  // What the node reads there, changed as the plan says.
  static Matrix read(const std::vector<Matrix>& values, const external::Node& node,
                     external::Use use, const external::Instructions& plan) {
    const int32_t value = node.inputs.at(static_cast<size_t>(use.port));
    Matrix out = values.at(static_cast<size_t>(value));
    for (const auto& constant : plan.constants)
      if (is_for(constant, value, use)) out = Matrix::of(constant.tensor);
    for (const auto& scale : plan.scales)
      if (is_for(scale, value, use))
        for (int64_t r = 0; r < out.rows; ++r)
          for (int64_t c = 0; c < out.columns; ++c)
            out.at(r, c) *= scale.factor[static_cast<size_t>(c)];
    for (const auto& quantizer : plan.quantizers)
      if (is_for(quantizer, value, use)) round(out, quantizer);
    return out;
  }

  static void round(Matrix& matrix, const external::QuantizerInstruction& quantizer) {
    EXPECT_TRUE(quantizer.channel_axes.empty() || quantizer.channel_axes.size() == 1);
    const bool by_row = !quantizer.channel_axes.empty() && quantizer.channel_axes[0] == 0;
    for (int64_t r = 0; r < matrix.rows; ++r)
      for (int64_t c = 0; c < matrix.columns; ++c) {
        const auto k = static_cast<size_t>(quantizer.channel_axes.empty() ? 0 : by_row ? r : c);
        const float scale = quantizer.scale.at(k);
        const auto zero = static_cast<float>(quantizer.zero_point.at(k));
        const float q = std::nearbyint(matrix.at(r, c) / scale) + zero;
        matrix.at(r, c) = (std::clamp(q, static_cast<float>(quantizer.q_min),
                                      static_cast<float>(quantizer.q_max)) -
                           zero) *
                          scale;
      }
  }

  static Matrix computed(const external::Node& node, const std::function<Matrix(int32_t)>& input) {
    Matrix a = input(0);
    if (node.op == "mat_mul") return product(a, input(1));
    if (node.op == "add") add_row(a, input(1).values);
    if (node.op == "relu")
      for (float& value : a.values) value = std::max(value, 0.0f);
    return a;
  }

  static Matrix product(Matrix& a, Matrix b) {
    Matrix out{a.rows, b.columns, std::vector<float>(static_cast<size_t>(a.rows * b.columns))};
    for (int64_t r = 0; r < a.rows; ++r)
      for (int64_t k = 0; k < a.columns; ++k)
        for (int64_t c = 0; c < b.columns; ++c) out.at(r, c) += a.at(r, k) * b.at(k, c);
    return out;
  }

  std::vector<Layer> layers_;
  external::Instructions planned_;
};

class ChainEngine : public external::Engine {
 public:
  std::unique_ptr<external::Session> compile(
      const external::Network& network, const external::Measurement& measurement) const override {
    return std::make_unique<Session>(dynamic_cast<const Chain&>(network), measurement);
  }
  std::vector<Tensor> infer(const external::Network& network,
                            std::span<const Tensor> inputs) const override {
    return {dynamic_cast<const Chain&>(network).run(Matrix::of(inputs[0])).tensor()};
  }

 private:
  using Values = std::map<int32_t, Matrix>;

  class Session final : public external::Session {
   public:
    Session(const Chain& chain, const external::Measurement& measurement)
        : chain_(chain), asked_(measurement) {
      if (const auto* probes = std::get_if<external::Probes>(&asked_)) plan_ = *probes->plan;
      if (const auto* compared = std::get_if<external::PlanComparison>(&asked_))
        plan_ = *compared->plan;
    }

    void run(std::span<const Tensor> inputs, external::Recorder& recorder) override {
      const Matrix x = Matrix::of(inputs[0]);
      std::visit([&](const auto& asked) { measure(asked, x, recorder); }, asked_);
    }

   private:
    static Shape shape(const Matrix& m) { return {m.rows, m.columns}; }

    Values values_of(const Chain& chain, const Matrix& x, const external::Instructions& plan,
                     const Chain::Seen& seen = {}) const {
      Values values;
      chain.run(x, plan, [&](int32_t value, Matrix& tensor) {
        if (seen) seen(value, tensor);
        values[value] = tensor;
      });
      return values;
    }

    void measure(const external::Taps& taps, const Matrix& x, external::Recorder& recorder) const {
      Values values = values_of(chain_, x, chain_.planned());
      for (size_t i = 0; i < taps.values.size(); ++i) {
        const Matrix& value = values.at(taps.values[i]);
        recorder.record(static_cast<int32_t>(i), value.values.data(), shape(value));
      }
    }

    void measure(const external::Probes& probes, const Matrix& x,
                 external::Recorder& recorder) const {
      int32_t value = 0;
      std::map<int32_t, int32_t> probed;  // by output of the node, the number of its probe
      std::vector<int32_t> outputs;
      for (const auto& item : chain_.describe().items) {
        if (std::holds_alternative<external::Node>(item)) outputs.push_back(value);
        ++value;
      }
      for (size_t i = 0; i < probes.probes.size(); ++i)
        probed[outputs.at(static_cast<size_t>(probes.probes[i].node))] = static_cast<int32_t>(i);
      values_of(chain_, x, plan_, [&](int32_t at, Matrix& tensor) {
        const auto probe = probed.find(at);
        if (probe == probed.end()) return;
        const Tensor shifts = recorder.shift(probe->second, tensor.values.data(), shape(tensor));
        const Matrix rows = Matrix::of(shifts);
        for (int64_t r = 0; r < tensor.rows; ++r)
          for (int64_t c = 0; c < tensor.columns; ++c)
            tensor.at(r, c) += rows.values[static_cast<size_t>(
                (rows.rows == 1 ? 0 : r * rows.rows / tensor.rows) * rows.columns + c)];
      });
    }

    template <typename Comparison>
    void compare(const Comparison& asked, const Values& first, const Chain& other, const Matrix& x,
                 const external::Instructions& plan, external::Recorder& recorder) const {
      values_of(other, x, plan, [&](int32_t at, Matrix& tensor) {
        for (size_t i = 0; i < asked.comparisons.size(); ++i)
          if (asked.comparisons[i].other == at) {
            const Matrix& reference = first.at(asked.comparisons[i].reference);
            recorder.compare(static_cast<int32_t>(i), reference.values.data(), tensor.values.data(),
                             shape(tensor));
          }
        for (const external::Cut& cut : asked.cuts)
          if (cut.other == at) tensor = first.at(cut.reference);
      });
    }

    void measure(const external::PlanComparison& asked, const Matrix& x,
                 external::Recorder& recorder) const {
      compare(asked, values_of(chain_, x, chain_.planned()), chain_, x, plan_, recorder);
    }

    void measure(const external::NetworkComparison& asked, const Matrix& x,
                 external::Recorder& recorder) const {
      if (!asked.bypassed.empty()) throw Unsupported("[chain] nodes cannot be passed by");
      const auto& other = dynamic_cast<const Chain&>(*asked.other);
      compare(asked, values_of(chain_, x, chain_.planned()), other, x, other.planned(), recorder);
    }

    const Chain& chain_;
    external::Measurement asked_;
    external::Instructions plan_;
  };
};

// Normal numbers, the same everywhere: std::normal_distribution is not.
inline std::vector<float> normal_numbers(size_t count, unsigned seed, float width = 1) {
  std::mt19937 engine(seed);
  std::vector<float> out(count);
  for (float& value : out) {
    double sum = 0;
    for (int i = 0; i < 12; ++i) sum += static_cast<double>(engine()) / 4294967296.0;
    value = static_cast<float>(sum - 6) * width;
  }
  return out;
}

// Layers of these sizes, from the inputs to the outputs.
inline std::vector<Layer> layers_of(const std::vector<int64_t>& sizes, unsigned seed = 1) {
  std::vector<Layer> layers;
  for (size_t i = 0; i + 1 < sizes.size(); ++i) {
    const auto inputs = sizes[i], outputs = sizes[i + 1];
    const float width = std::sqrt(2.0f / static_cast<float>(inputs));
    const auto number = static_cast<unsigned>(i) + seed;
    layers.push_back(
        {"fc" + std::to_string(i + 1),
         {inputs, outputs, normal_numbers(static_cast<size_t>(inputs * outputs), number, width)},
         normal_numbers(static_cast<size_t>(outputs), 100 + number, 0.3f),
         i + 2 < sizes.size()});
  }
  return layers;
}

inline Model chain_model(const std::vector<Layer>& layers) {
  static const auto engine = std::make_shared<const ChainEngine>();
  return external::wrap(std::make_shared<Chain>(layers), engine);
}

inline std::vector<Sample> chain_samples(int64_t inputs, int count, unsigned seed = 7) {
  std::vector<Sample> out;
  for (int k = 0; k < count; ++k)
    out.push_back(
        {{{"x", Tensor::from_floats(normal_numbers(static_cast<size_t>(inputs),
                                                   seed + 1000 * static_cast<unsigned>(k)),
                                    {1, inputs})}},
         {}});
  return out;
}

}  // namespace eightbit::test
