#include "backends/onnx/hard_swish_nodes.h"

#include <algorithm>
#include <cmath>

#include "backends/onnx/quantizer_nodes.h"
#include "base/float_tensor.h"
#include "quant/fake_quantize.h"

namespace eightbit::onnx {
namespace {

constexpr float kTop = 255.0f;

std::string add_scale(Copy& copy, float scale, const std::string& name) {
  return copy.add_initializer(name, float_tensor(DType::f32, {}, std::vector{scale}));
}

std::string add_bytes(Copy& copy, const std::vector<float>& values, const Shape& shape,
                      const std::string& name) {
  Tensor tensor = Tensor::allocate(DType::u8, shape);
  auto* out = reinterpret_cast<uint8_t*>(tensor.mutable_data());
  for (float value : values) *out++ = static_cast<uint8_t>(value);
  return copy.add_initializer(name, tensor);
}

std::string add_byte(Copy& copy, int value, const std::string& name) {
  return add_bytes(copy, {static_cast<float>(value)}, {}, name);
}

// Numbers of one sign as bytes behind a DequantizeLinear: one, or one a channel of axis 1.
std::string add_numbers(Copy& copy, const std::vector<float>& numbers, const std::string& name) {
  const auto size = [](float a, float b) { return std::fabs(a) < std::fabs(b); };
  const float largest = *std::ranges::max_element(numbers, size), step = std::fabs(largest) / kTop;
  const float zero_point = largest < 0 ? kTop : 0;
  std::vector<float> bytes;
  for (float number : numbers) bytes.push_back(zero_point + std::nearbyint(number / step));
  const Shape shape =
      numbers.size() == 1 ? Shape{} : Shape{1, static_cast<int64_t>(numbers.size()), 1, 1};
  const std::string output = copy.new_name(name + "_output");
  copy.add_node(
      "DequantizeLinear", name,
      {add_bytes(copy, bytes, shape, name + "/quantized"), add_scale(copy, step, name + "/scale"),
       add_byte(copy, static_cast<int>(zero_point), name + "/zero_point")},
      {output});
  return output;
}

std::string add_op(Copy& copy, const std::string& type, const std::string& a, const std::string& b,
                   const std::string& name) {
  const std::string output = copy.new_name(name + "_output");
  copy.add_node(type, name, {a, b}, {output});
  return output;
}

struct Levels {
  float step = 1;
  int zero_point = 0;
};

// What is rounded by the first is read by the second.
std::string add_pair(Copy& copy, const std::string& input, Levels rounded, Levels read,
                     const std::string& name) {
  const std::string integers = copy.new_name(name + "/QuantizeLinear_output");
  const std::string output = copy.new_name(name + "/DequantizeLinear_output");
  copy.add_node("QuantizeLinear", name + "/QuantizeLinear",
                {input, add_scale(copy, rounded.step, name + "/scale"),
                 add_byte(copy, rounded.zero_point, name + "/zero_point")},
                {integers});
  copy.add_node("DequantizeLinear", name + "/DequantizeLinear",
                {integers, add_scale(copy, read.step, name + "/read_scale"),
                 add_byte(copy, read.zero_point, name + "/read_zero_point")},
                {output});
  return output;
}

// Sigmoid of x, which several factors are first taken out of; behind 8 and -8 it is flat.
std::string add_smooth_gate(Copy& copy, const HardSwish& block) {
  constexpr float kReach = 8;
  const std::string name = block.name + "/gate";
  std::string x = block.input;
  if (block.factor.size() > 1) {
    std::vector<float> inverse;
    for (float factor : block.factor) inverse.push_back(1 / factor);
    const Levels around{kReach / 127, 128};
    x = add_pair(
        copy,
        add_op(copy, "Mul", block.input, add_numbers(copy, inverse, block.name + "/inverse"),
               block.name + "/Rescale"),
        around, around, block.name + "/rescaled");
  }
  const std::string output = copy.new_name(block.name + "/Sigmoid_output");
  copy.add_node("Sigmoid", block.name + "/Sigmoid", {x}, {output});
  return add_pair(copy, output, {1 / kTop, 0}, {block.outer / kTop, 0}, name);
}

// One factor: x + 3 saturates at 0 and 6. Else x, brought to one scale, saturates at -3 and 3;
// level 1 is -3.
std::string add_gate(Copy& copy, const HardSwish& block) {
  if (block.smooth) return add_smooth_gate(copy, block);
  const std::string name = block.name + "/gate";
  if (block.factor.size() == 1) {
    const std::string sum =
        add_op(copy, "Add", block.input, add_numbers(copy, {3.0f}, block.name + "/three"),
               block.name + "/Add");
    return add_pair(copy, sum, {6 / kTop, 0}, {block.outer / kTop, 0}, name);
  }
  std::vector<float> inverse;
  for (float factor : block.factor) inverse.push_back(1 / factor);
  const std::string x =
      add_op(copy, "Mul", block.input, add_numbers(copy, inverse, block.name + "/inverse"),
             block.name + "/Rescale");
  return add_pair(copy, x, {3 / 127.0f, 128}, {block.outer / 254.0f, 1}, name);
}

std::vector<float> shifts_of(const HardSwish& block) {
  std::vector<float> shifts;
  for (float factor : block.factor) shifts.push_back(factor * block.shift);
  return shifts;
}

// The product's range: what is read, without the shift.
std::string add_rounding(Copy& copy, const std::string& product, const HardSwish& block,
                         const std::vector<float>& shifts) {
  const float low = std::min(0.0f, block.low - std::ranges::max(shifts)),
              high = std::max(0.0f, block.high - std::ranges::min(shifts));
  const auto levels = scale_zero_point(low, high, 256, 0);
  const Levels both{levels.scale, levels.zero_point};
  return add_pair(copy, product, both, both, block.name + "/product");
}

}  // namespace

std::string add_hard_swish(Copy& copy, const HardSwish& block) {
  constexpr float kCounts = 0.1f;  // of a step
  const std::string product =
      add_op(copy, "Mul", block.input, add_gate(copy, block), block.name + "/Mul");
  const std::vector<float> shifts = shifts_of(block);
  const float largest =
      std::max(std::fabs(std::ranges::max(shifts)), std::fabs(std::ranges::min(shifts)));
  if (largest * kTop <= kCounts * (block.high - block.low)) return product;
  return add_op(copy, "Add", add_rounding(copy, product, block, shifts),
                add_numbers(copy, shifts, block.name + "/shift"), block.name + "/Shift");
}

}  // namespace eightbit::onnx
