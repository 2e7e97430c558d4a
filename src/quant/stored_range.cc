#include "quant/stored_range.h"

#include <utility>

namespace eightbit {
namespace {

std::optional<std::vector<float>> constant_input(const Graph& graph, const Node& node,
                                                 size_t port) {
  if (port >= node.inputs.size() || node.inputs[port] == kNone) return std::nullopt;
  const Value& value = graph.value(node.inputs[port]);
  if (!value.is_constant()) return std::nullopt;
  return to_floats(value.constant->load());
}

std::optional<QuantizedRange> fake_quantize_range(const Graph& graph, const Node& node) {
  auto low = constant_input(graph, node, 1), high = constant_input(graph, node, 2);
  if (!low || !high || low->size() != high->size() || !node.attributes.levels) return std::nullopt;
  return QuantizedRange{std::move(*low), std::move(*high),
                        static_cast<int>(*node.attributes.levels)};
}

// The ends of the integers; nothing for FP8.
std::optional<std::pair<float, float>> integer_ends(DType dtype) {
  switch (dtype) {
    case DType::i4:
      return std::pair{-8.0f, 7.0f};
    case DType::u4:
      return std::pair{0.0f, 15.0f};
    case DType::i8:
      return std::pair{-128.0f, 127.0f};
    case DType::u8:
      return std::pair{0.0f, 255.0f};
    case DType::i16:
      return std::pair{-32768.0f, 32767.0f};
    case DType::u16:
      return std::pair{0.0f, 65535.0f};
    default:
      return std::nullopt;
  }
}

float largest_of(DType dtype) {
  return largest_fp8(dtype == DType::f8e5m2 ? FP8Type::f8e5m2 : FP8Type::f8e4m3);
}

std::optional<QuantizedRange> quantize_linear_range(const Graph& graph, const Node& node) {
  const auto scale = constant_input(graph, node, 1), zero_point = constant_input(graph, node, 2);
  if (!scale) return std::nullopt;
  const DType dtype = graph.value(node.outputs.at(0)).dtype;
  const auto ends = integer_ends(dtype);
  QuantizedRange range{{}, {}, ends ? static_cast<int>(ends->second - ends->first) + 1 : 256};
  const auto [first, last] = ends.value_or(std::pair{-largest_of(dtype), largest_of(dtype)});
  for (size_t c = 0; c < scale->size(); ++c) {
    const float zero =
        !zero_point || zero_point->empty() ? 0 : (*zero_point)[zero_point->size() == 1 ? 0 : c];
    range.low.push_back((first - zero) * (*scale)[c]);
    range.high.push_back((last - zero) * (*scale)[c]);
  }
  return range;
}

// FakeConvert multiplies by its scale and rounds to what is taken for f8e4m3 here: f8e5m2 reaches
// further.
std::optional<QuantizedRange> fake_convert_range(const Graph& graph, const Node& node) {
  const auto scale = constant_input(graph, node, 1);
  if (!scale) return std::nullopt;
  QuantizedRange range{{}, {}, 256};
  for (float s : *scale) {
    range.low.push_back(-largest_fp8(FP8Type::f8e4m3) / s);
    range.high.push_back(largest_fp8(FP8Type::f8e4m3) / s);
  }
  return range;
}

}  // namespace

std::optional<QuantizedRange> stored_range(const Graph& graph, const Node& node) {
  switch (node.op) {
    case Op::fake_quantize:
      return fake_quantize_range(graph, node);
    case Op::quantize_linear:
      return quantize_linear_range(graph, node);
    case Op::fake_convert:
      return fake_convert_range(graph, node);
    default:
      return std::nullopt;
  }
}

}  // namespace eightbit
