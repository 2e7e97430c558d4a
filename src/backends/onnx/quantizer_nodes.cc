#include "backends/onnx/quantizer_nodes.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "backends/onnx/ort/engine.h"
#include "backends/onnx/proto/attributes.h"
#include "backends/onnx/proto/types.h"
#include "base/error.h"
#include "base/float_tensor.h"
#include "base/spill.h"
#include "quant/fake_quantize.h"
#include "quant/integers.h"

namespace eightbit::onnx {
namespace {

bool is_wide(const Quantizer& quantizer) { return quantizer.levels > 256; }

// An integer type and where its levels begin.
struct Storage {
  DType dtype = DType::u8;
  int lowest = 0;
};

Storage activation_storage(const Quantizer& quantizer) {
  if (quantizer.levels > 65536)
    fail<Unsupported>("onnx", "{} levels are more than 16 bits. Choose at most 16 bits",
                      quantizer.levels);
  return {is_wide(quantizer) ? DType::u16 : DType::u8, 0};
}

bool is_unsigned(const Quantizer& quantizer) {
  return std::ranges::all_of(quantizer.low, [](float low) { return low == 0.0f; });
}

// Below 8 bits too: the types of 4 bits are no faster anywhere, and few runtimes know them.
Storage weight_storage(const Quantizer& quantizer) {
  if (is_unsigned(quantizer)) return {is_wide(quantizer) ? DType::u16 : DType::u8, 0};
  return {is_wide(quantizer) ? DType::i16 : DType::i8, -(quantizer.levels / 2)};
}

Tensor integer_tensor(DType dtype, Shape shape, std::span<const float> values) {
  Tensor tensor = Tensor::allocate(dtype, std::move(shape));
  const auto fill = [&](auto* out) {
    using T = std::remove_pointer_t<decltype(out)>;
    for (float value : values)
      *out++ = static_cast<T>(std::clamp(value, static_cast<float>(std::numeric_limits<T>::min()),
                                         static_cast<float>(std::numeric_limits<T>::max())));
  };
  switch (dtype) {
    case DType::i8:
      fill(reinterpret_cast<int8_t*>(tensor.mutable_data()));
      break;
    case DType::u8:
      fill(reinterpret_cast<uint8_t*>(tensor.mutable_data()));
      break;
    case DType::i16:
      fill(reinterpret_cast<int16_t*>(tensor.mutable_data()));
      break;
    default:
      fill(reinterpret_cast<uint16_t*>(tensor.mutable_data()));
  }
  return tensor;
}

Shape channel_vector(size_t count, bool per_channel) {
  return per_channel ? Shape{static_cast<int64_t>(count)} : Shape{};
}

// Scale and zero point as constants, laid out along one axis or none.
struct Parameters {
  std::string scale, zero_point;
  std::optional<int64_t> axis;
};

DType fp8_type(const Quantizer& quantizer) {
  return *quantizer.spec.fp8 == FP8Type::f8e4m3 ? DType::f8e4m3 : DType::f8e5m2;
}

Parameters fp8_parameters(Copy& copy, const Quantizer& quantizer, DType dtype,
                          const std::string& name) {
  Parameters p;
  std::vector<float> scale;
  for (float factor : quantizer.scale) scale.push_back(1.0f / factor);
  if (!quantizer.channel_axes.empty()) p.axis = quantizer.channel_axes[0];
  const Shape shape = channel_vector(scale.size(), p.axis.has_value());
  p.scale = copy.add_initializer(name + "/scale", float_tensor(dtype, shape, scale));
  p.zero_point =
      copy.add_initializer(name + "/zero_point", Tensor::allocate(fp8_type(quantizer), shape));
  return p;
}

Parameters parameters(Copy& copy, const Quantizer& quantizer, Storage storage, DType dtype,
                      const std::string& name) {
  Parameters p;
  std::vector<float> scale, zero_point;
  for (size_t i = 0; i < quantizer.low.size(); ++i) {
    const auto pair =
        scale_zero_point(quantizer.low[i], quantizer.high[i], quantizer.levels, storage.lowest);
    scale.push_back(pair.scale);
    zero_point.push_back(static_cast<float>(pair.zero_point));
  }
  if (!quantizer.channel_axes.empty()) p.axis = quantizer.channel_axes[0];
  const Shape shape = channel_vector(scale.size(), p.axis.has_value());
  p.scale = copy.add_initializer(name + "/scale", float_tensor(dtype, shape, scale));
  p.zero_point =
      copy.add_initializer(name + "/zero_point", integer_tensor(storage.dtype, shape, zero_point));
  return p;
}

std::string add_linear(Copy& copy, const std::string& type, const std::string& name,
                       const std::string& input, const Parameters& p) {
  const std::string output = copy.new_name(name + "/" + type + "_output");
  NodeProto& node =
      copy.add_node(type, name + "/" + type, {input, p.scale, p.zero_point}, {output});
  if (p.axis) set_attribute(node, "axis", *p.axis);
  return output;
}

std::string add_cast(Copy& copy, const std::string& name, const std::string& input, DType to) {
  const std::string output = copy.new_name(name + "_output");
  set_attribute(copy.add_node("Cast", name, {input}, {output}), "to", int64_t{to_data_type(to)});
  return output;
}

// The sum of one tensor. ONNX Runtime 1.31 takes any op between DequantizeLinear and QuantizeLinear
// for one that it has in integers, moves both past MaxPool and Resize, and then finds no kernel for
// FP8, or for a scale for each channel, or takes the first of these scales for all; what stands
// between them and the op keeps them apart.
std::string add_barrier(Copy& copy, const std::string& name, const std::string& input) {
  const std::string output = copy.new_name(name + "_output");
  copy.add_node("Sum", name, {input}, {output});
  return output;
}

// The range of fewer levels than the integer type has.
std::string add_clip(Copy& copy, const std::string& name, const std::string& input,
                     const Quantizer& quantizer, DType dtype) {
  if (!quantizer.channel_axes.empty())
    fail<Unsupported>("onnx",
                      "'{}': {} levels for each channel of an activation cannot be expressed in "
                      "ONNX. Choose 8 bits",
                      name, quantizer.levels);
  const std::string low =
      copy.add_initializer(name + "/low", float_tensor(dtype, {}, quantizer.low));
  const std::string high =
      copy.add_initializer(name + "/high", float_tensor(dtype, {}, quantizer.high));
  const std::string output = copy.new_name(name + "/Clip_output");
  copy.add_node("Clip", name + "/Clip", {input, low, high}, {output});
  return output;
}

bool has_all_levels(const Quantizer& quantizer) {
  return quantizer.levels == (is_wide(quantizer) ? 65536 : 256);
}

// One axis in the stored shape, or none where the channels lie on several.
std::optional<int64_t> stored_axis(const Quantizer& quantizer, const Shape& shape,
                                   const Shape& stored) {
  const auto& axes = quantizer.channel_axes;
  if (axes.size() == 1 && shape.size() == stored.size()) return axes[0];
  const bool joined = shape.size() == stored.size() + 1;
  if (joined && axes.size() == 2 && axes[0] == 0 && axes[1] == 1) return 0;
  // Axes of extent one hold no channels.
  std::optional<int64_t> only;
  for (int64_t axis : axes) {
    if (shape[static_cast<size_t>(axis)] == 1) continue;
    if (only || joined) return std::nullopt;
    only = axis;
  }
  return only;
}

Tensor stored_integers(const Tensor& weight, const Quantizer& quantizer, Storage storage) {
  const auto values = to_floats(weight);
  const auto keep = [&](auto integers) {
    auto owner = std::make_shared<decltype(integers)>(std::move(integers));
    return spilled(
        {storage.dtype, weight.shape, reinterpret_cast<const std::byte*>(owner->data()), owner});
  };
  if (is_wide(quantizer))
    return keep(integers<int16_t>(values, weight.shape, quantizer, storage.lowest));
  return keep(integers<int8_t>(values, weight.shape, quantizer, storage.lowest));
}

// The engine rounds to FP8.
Tensor stored_fp8(const Copy& copy, const Tensor& weight, const Quantizer& quantizer,
                  std::optional<int64_t> axis) {
  Content content;
  content.model.set_ir_version(10);
  content.model.add_opset_import()->set_version(19);
  content.model.mutable_graph()->set_name("weight");
  Copy program(std::move(content), {});
  const Tensor floats =
      weight.dtype == DType::f32 ? weight : spilled_floats(to_floats(weight), weight.shape);
  Quantizer along = quantizer;
  along.channel_axes = axis ? std::vector{*axis} : std::vector<int64_t>{};
  const Parameters p = fp8_parameters(program, along, DType::f32, "weight");
  const std::string input = program.add_initializer("values", floats);
  program.content.model.mutable_graph()->add_output()->set_name(
      add_linear(program, "QuantizeLinear", "weight", input, p));
  return spilled(evaluate(program.content).at(0));
}

// Values of channels that lie on several axes, in a shape that spreads over the stored tensor.
struct Spread {
  Spread(const Quantizer& quantizer, const Shape& shape, const Shape& stored_shape)
      : channels(shape.size(), 1), stored(stored_shape), extent(shape) {
    for (int64_t axis : quantizer.channel_axes)
      channels[static_cast<size_t>(axis)] = shape[static_cast<size_t>(axis)];
  }

  // Where the model joins the first two axes (weights of groups), each joined place has its own
  // value.
  std::pair<Shape, std::vector<float>> operator()(const std::vector<float>& values) const {
    if (stored.size() == channels.size()) return {channels, values};
    const auto row =
        static_cast<size_t>(element_count(Shape(channels.begin() + 2, channels.end())));
    const bool alike = channels[0] == 1 && channels[1] == 1;
    Shape joined(channels.begin() + 1, channels.end());
    joined[0] = alike ? 1 : extent[0] * extent[1];
    std::vector<float> out;
    for (int64_t i = 0; i < joined[0]; ++i) {
      const int64_t first = channels[0] == 1 ? 0 : i / extent[1],
                    second = channels[1] == 1 ? 0 : i % extent[1];
      const auto begin =
          values.begin() + (first * channels[1] + second) * static_cast<int64_t>(row);
      out.insert(out.end(), begin, begin + static_cast<int64_t>(row));
    }
    return {joined, out};
  }

  Shape channels, stored, extent;
};

// DequantizeLinear by one, Subtract and Mul: channels on several axes.
std::string add_spread_scale(Copy& copy, const std::string& integers, const Affine& affine,
                             const Spread& spread, DType dtype, const std::string& name) {
  const std::string one =
      copy.add_initializer(name + "/one", float_tensor(DType::f32, {}, std::vector{1.0f}));
  std::string at = copy.new_name(name + "/DequantizeLinear_output");
  copy.add_node("DequantizeLinear", name + "/DequantizeLinear", {integers, one}, {at});
  const auto step = [&](const std::string& type, const std::string& what,
                        const std::vector<float>& values) {
    const auto [shape, spread_values] = spread(values);
    const std::string constant =
        copy.add_initializer(name + "/" + what, float_tensor(DType::f32, shape, spread_values));
    const std::string output = copy.new_name(name + "/" + type + "_output");
    copy.add_node(type, name + "/" + type, {at, constant}, {output});
    at = output;
  };
  if (!affine.symmetric) step("Sub", "zero_point", affine.zero_point);
  step("Mul", "scale", affine.scale);
  return dtype == DType::f32 ? at : add_cast(copy, name + "/Cast", at, dtype);
}

[[noreturn]] void refuse_spread_fp8(const Quantizer& quantizer, const Shape& shape) {
  fail<Unsupported>(
      "onnx",
      "FP8 weights of shape {} with channels on axes {} cannot be expressed in ONNX. Choose "
      "per_channel = false for weights, or ignore the node",
      to_string(shape), fmt::join(quantizer.channel_axes, ","));
}

// Types that QuantizeLinear and DequantizeLinear know.
bool is_known_float(DType dtype) {
  return dtype == DType::f32 || dtype == DType::f16 || dtype == DType::bf16;
}

}  // namespace

int64_t opset_for(const Quantizer& quantizer, DType dtype) {
  if (!quantizer.spec.fp8 && quantizer.levels > 256) return 21;
  if (quantizer.spec.fp8 || dtype == DType::f16 || dtype == DType::bf16) return 19;
  return 13;
}

std::vector<float> steps_of(const Quantizer& quantizer) {
  std::vector<float> steps;
  for (size_t i = 0; i < quantizer.low.size(); ++i)
    steps.push_back(
        scale_zero_point(quantizer.low[i], quantizer.high[i], quantizer.levels, 0).scale);
  return steps;
}

std::string add_quantizer(Copy& copy, const QuantizedTensor& tensor, const Quantizer& quantizer,
                          const std::string& name) {
  std::string at = tensor.name;
  const DType dtype = is_known_float(tensor.dtype) ? tensor.dtype : DType::f32;
  if (dtype != tensor.dtype) at = add_cast(copy, name + "/to_f32", at, dtype);
  Parameters p;
  if (quantizer.spec.fp8) {
    at = add_barrier(copy, name + "/before", at);
    p = fp8_parameters(copy, quantizer, dtype, name);
  } else {
    if (!has_all_levels(quantizer)) at = add_clip(copy, name, at, quantizer, dtype);
    if (quantizer.low.size() > 1) at = add_barrier(copy, name + "/before", at);
    p = parameters(copy, quantizer, activation_storage(quantizer), dtype, name);
  }
  at = add_linear(copy, "QuantizeLinear", name, at, p);
  at = add_linear(copy, "DequantizeLinear", name, at, p);
  if (quantizer.spec.fp8) at = add_barrier(copy, name + "/behind", at);
  return dtype == tensor.dtype
             ? at
             : add_cast(copy, name + "/to_" + std::string(to_string(tensor.dtype)), at,
                        tensor.dtype);
}

bool can_compress(const Quantizer& quantizer) {
  if (quantizer.spec.fp8) return true;
  if (quantizer.levels < 3 || quantizer.levels > 65536) return false;
  for (size_t i = 0; i < quantizer.low.size(); ++i)
    if (!(quantizer.high[i] > quantizer.low[i])) return false;
  return true;
}

std::string add_weight(Copy& copy, const Tensor& weight, const Shape& stored_shape,
                       const Quantizer& quantizer, const std::string& name, Scales scales) {
  const bool per_channel = !quantizer.channel_axes.empty() && scales == Scales::along_an_axis;
  const auto axis = per_channel ? stored_axis(quantizer, weight.shape, stored_shape) : std::nullopt;
  const size_t channels = quantizer.spec.fp8 ? quantizer.scale.size() : quantizer.low.size();
  const bool spread = channels > 1 && !axis;
  Quantizer along = quantizer;
  along.channel_axes = axis ? std::vector{*axis} : std::vector<int64_t>{};
  const DType dtype = is_known_float(weight.dtype) ? weight.dtype : DType::f32;
  Tensor integers;
  std::string at;
  if (quantizer.spec.fp8) {
    if (spread) refuse_spread_fp8(quantizer, weight.shape);
    Tensor stored = weight;
    stored.shape = stored_shape;
    integers = stored_fp8(copy, stored, quantizer, axis);
    const Parameters p = fp8_parameters(copy, along, dtype, name);
    at = add_linear(copy, "DequantizeLinear", name,
                    copy.add_initializer(name + "/quantized", integers), p);
  } else {
    const Storage storage = weight_storage(quantizer);
    integers = stored_integers(weight, quantizer, storage);
    integers.shape = stored_shape;
    const std::string constant = copy.add_initializer(name + "/quantized", integers);
    if (spread)
      return add_spread_scale(copy, constant, affine_of(quantizer, storage.lowest),
                              {quantizer, weight.shape, stored_shape}, weight.dtype, name);
    at = add_linear(copy, "DequantizeLinear", name, constant,
                    parameters(copy, along, storage, dtype, name));
  }
  return dtype == weight.dtype ? at : add_cast(copy, name + "/Cast", at, weight.dtype);
}

Table add_table(Copy& copy, const Tensor& table, const Quantizer& quantizer,
                const std::string& name) {
  const Storage storage = weight_storage(quantizer);
  const Affine affine = affine_of(quantizer, storage.lowest);
  const auto rows = static_cast<int64_t>(affine.scale.size());
  const bool by_row = !quantizer.channel_axes.empty();
  const Shape column = by_row ? Shape{rows, 1} : Shape{};
  Table out{copy.add_initializer(name + "/quantized", stored_integers(table, quantizer, storage)),
            {},
            {},
            by_row};
  out.scale =
      copy.add_initializer(name + "/scale", float_tensor(table.dtype, column, affine.scale));
  if (!affine.symmetric)
    out.zero_point = copy.add_initializer(name + "/zero_point",
                                          float_tensor(table.dtype, column, affine.zero_point));
  return out;
}

void dequantize_rows(Copy& copy, const Table& table, const LookUp& rows, DType dtype,
                     const std::string& name) {
  const auto of_rows = [&](const std::string& parameter, const std::string& what) {
    if (!table.by_row) return parameter;
    const std::string output = copy.new_name(name + "/" + what + "_output");
    copy.add_node("Gather", name + "/" + what, {parameter, rows.indices}, {output});
    return output;
  };
  std::string at = add_cast(copy, name + "/Cast", rows.integers, dtype);
  if (!table.zero_point.empty()) {
    const std::string output = copy.new_name(name + "/Sub_output");
    copy.add_node("Sub", name + "/Sub", {at, of_rows(table.zero_point, "zero_points")}, {output});
    at = output;
  }
  copy.add_node("Mul", name + "/Mul", {at, of_rows(table.scale, "scales")}, {rows.output});
}

std::string add_bias(Copy& copy, std::span<const float> bias, std::span<const float> scale,
                     const std::string& name) {
  const auto count = static_cast<int64_t>(bias.size());
  Tensor integers = Tensor::allocate(DType::i32, {count});
  auto* out = reinterpret_cast<int32_t*>(integers.mutable_data());
  std::vector<float> steps(bias.size());
  for (size_t c = 0; c < bias.size(); ++c) {
    steps[c] = scale[scale.size() == 1 ? 0 : c];
    const double integer =
        std::nearbyint(static_cast<double>(bias[c]) / static_cast<double>(steps[c]));
    if (!(std::abs(integer) < 2147483647.0)) return {};
    out[c] = static_cast<int32_t>(integer);
  }
  Parameters p;
  p.axis = 0;
  p.scale = copy.add_initializer(name + "/scale", Tensor::from_floats(steps, {count}));
  p.zero_point = copy.add_initializer(name + "/zero_point", Tensor::allocate(DType::i32, {count}));
  return add_linear(copy, "DequantizeLinear", name,
                    copy.add_initializer(name + "/quantized", integers), p);
}

}  // namespace eightbit::onnx
