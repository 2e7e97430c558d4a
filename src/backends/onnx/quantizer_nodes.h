// The ONNX nodes that a Quantizer of a plan becomes.
#pragma once

#include <string>

#include "backends/onnx/proto/copy.h"
#include "quant/plan.h"

namespace eightbit::onnx {

// What is known of the tensor that is quantized.
struct QuantizedTensor {
  std::string name;
  DType dtype = DType::f32;
  Shape shape;  // of weights: as the graph shows it
  bool rank_known = true;
};

// Version of the standard operators that the quantizer needs on a tensor of that type: 13 for
// channels, 19 for half floats and FP8, 21 for more than 8 bits.
int64_t opset_for(const Quantizer& quantizer, DType dtype);

// QuantizeLinear and DequantizeLinear behind the tensor; returns what they yield. Where the levels
// are not those of an integer type, Clip to the range stands in front. `name` begins the names of
// all nodes.
std::string add_quantizer(Copy& copy, const QuantizedTensor& tensor, const Quantizer& quantizer,
                          const std::string& name);

// Whether the integers of a weight can stand in the model.
bool can_compress(const Quantizer& quantizer);

// How scales of channels are written: along an axis of DequantizeLinear where they lie on one, else
// as a Mul behind a DequantizeLinear by one.
enum class Scales : uint8_t { along_an_axis, behind };

// `weight` as a constant of integers behind DequantizeLinear; returns what that yields.
// `stored_shape` is the shape in the model, which may join the first two axes of the weight's.
std::string add_weight(Copy& copy, const Tensor& weight, const Shape& stored_shape,
                       const Quantizer& quantizer, const std::string& name,
                       Scales scales = Scales::along_an_axis);

// A table from which rows are looked up: integers, and the scale and zero point of each row, or of
// all of them.
struct Table {
  std::string integers, scale, zero_point;  // zero point: empty where it is none
  bool by_row = false;
};
Table add_table(Copy& copy, const Tensor& table, const Quantizer& quantizer,
                const std::string& name);

// What a look-up in a table yielded, by which indices, and what the dequantized rows are called.
struct LookUp {
  std::string integers, indices, output;
};
void dequantize_rows(Copy& copy, const Table& table, const LookUp& rows, DType dtype,
                     const std::string& name);

// A bias as 32-bit integers in steps of scale[c]; empty where a value does not fit.
std::string add_bias(Copy& copy, std::span<const float> bias, std::span<const float> scale,
                     const std::string& name);

// The step of each channel, as it is written into the model.
std::vector<float> steps_of(const Quantizer& quantizer);

}  // namespace eightbit::onnx
