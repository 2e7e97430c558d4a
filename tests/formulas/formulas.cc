// The formulas of the library for test_formulas.py: a JSON list of tensors comes in, what becomes
// of each goes out. Numbers of f32 survive JSON exactly.
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "quant/channels.h"
#include "quant/fake_quantize.h"
#include "records/quantile.h"
#include "records/range_estimator.h"

namespace eightbit {
namespace {

using Json = nlohmann::json;

Json as_json(const QuantizedRange& range) {
  return {{"low", range.low}, {"high", range.high}, {"levels", range.levels}};
}

Json rounded(const Tensor& tensor, const std::vector<int64_t>& axes, const QuantizedRange& range) {
  Quantizer quantizer;
  quantizer.channel_axes = axes;
  quantizer.low = range.low;
  quantizer.high = range.high;
  quantizer.levels = range.levels;
  return to_floats(fake_quantized(tensor, quantizer));
}

Json scales(const QuantizedRange& range) {
  Json out = Json::array();
  for (size_t c = 0; c < range.low.size(); ++c) {
    const auto [scale, zero] = scale_zero_point(range.low[c], range.high[c], range.levels, 0);
    out.push_back({scale, zero});
  }
  return out;
}

Json aggregates(const std::vector<float>& values, double p) {
  Json out = Json::object();
  for (AggregatorType type : {AggregatorType::mean, AggregatorType::median,
                              AggregatorType::mean_no_outliers, AggregatorType::median_no_outliers})
    out[std::string(to_string(type))] = records::aggregate(values, type, p);
  std::vector<float> ordered = values;
  out["quantile"] = static_cast<float>(records::quantile(ordered, p));
  return out;
}

Json answer(const Json& question) {
  const auto values = question.at("values").get<std::vector<float>>();
  const Tensor tensor = Tensor::from_floats(values, question.at("shape").get<Shape>());
  const auto axes = question.at("axes").get<std::vector<int64_t>>();
  const int bits = question.at("bits");
  const bool narrow = question.at("narrow");
  const auto [min, max, abs_max] = extremes(values, tensor.shape, axes);
  const QuantizedRange symmetric = symmetric_range(min, abs_max, bits, narrow, {});
  const QuantizedRange asymmetric = asymmetric_range(min, max, bits, narrow);
  return {{"symmetric", as_json(symmetric)},
          {"asymmetric", as_json(asymmetric)},
          {"half", as_json(half_symmetric_range(abs_max, bits, narrow))},
          {"f8e4m3", fp8_scale(min, max, FP8Type::f8e4m3, false)},
          {"f8e5m2", fp8_scale(min, max, FP8Type::f8e5m2, true)},
          {"scales", scales(asymmetric)},
          {"symmetric_values", rounded(tensor, axes, symmetric)},
          {"asymmetric_values", rounded(tensor, axes, asymmetric)},
          {"aggregates", aggregates(values, question.at("p"))}};
}

}  // namespace
}  // namespace eightbit

int main() {
  using eightbit::Json;
  const Json questions = Json::parse(std::string{std::istreambuf_iterator<char>(std::cin), {}});
  Json answers = Json::array();
  for (const Json& question : questions) answers.push_back(eightbit::answer(question));
  std::cout << answers.dump();
}
