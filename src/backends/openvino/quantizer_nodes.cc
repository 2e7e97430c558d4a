#include "backends/openvino/quantizer_nodes.h"

#include <algorithm>
#include <cmath>
#include <openvino/op/convert.hpp>
#include <openvino/op/fake_convert.hpp>
#include <openvino/op/fake_quantize.hpp>
#include <openvino/op/multiply.hpp>
#include <openvino/op/subtract.hpp>
#include <openvino/pass/constant_folding.hpp>

#include "backends/openvino/constants.h"
#include "backends/openvino/types.h"
#include "base/error.h"
#include "base/parallel.h"

namespace eightbit::openvino {
namespace {

// Zero points this close to an integer are that integer, up to the rounding of a f32 range.
constexpr float kZeroPointTolerance = 1e-3f;

ov::Output<ov::Node> fake_convert(const ov::Output<ov::Node>& source, const Quantizer& quantizer,
                                  const std::string& name) {
  const auto shape = channel_shape(source.get_partial_shape(), quantizer.channel_axes,
                                   quantizer.scale.size(), name);
  const auto& type = source.get_element_type();
  const auto scale = float_constant(type, shape, quantizer.scale);
  const auto shift = float_constant(type, shape, std::vector<float>(quantizer.scale.size(), 0.0f));
  const auto destination =
      *quantizer.spec.fp8 == FP8Type::f8e4m3 ? ov::element::f8e4m3 : ov::element::f8e5m2;
  auto node = std::make_shared<ov::op::v13::FakeConvert>(source, scale, shift, destination);
  node->set_friendly_name(name);
  return node;
}

int32_t quantize(float x, float low, float high, float steps) {
  if (!(x > low)) return 0;
  if (x > high) return static_cast<int32_t>(steps);
  return static_cast<int32_t>(std::nearbyintf((x - low) / (high - low) * steps));
}

// How far the channel index moves with a step along each axis of the tensor.
std::vector<size_t> channel_strides(const ov::Shape& shape, const ov::Shape& channels) {
  std::vector<size_t> strides(shape.size(), 0);
  size_t stride = 1;
  for (size_t axis = shape.size(); axis-- > 0;) {
    const size_t extent = channels.empty() ? 1 : channels[axis];
    if (extent > 1) strides[axis] = stride;
    stride *= extent;
  }
  return strides;
}

// Index of the channel of the first element of `row`, a row being a stretch along the last axis.
size_t channel_of_row(size_t row, const ov::Shape& shape, const std::vector<size_t>& strides) {
  size_t channel = 0;
  for (size_t axis = shape.size() - 1; axis-- > 0;) {
    channel += row % shape[axis] * strides[axis];
    row /= shape[axis];
  }
  return channel;
}

// The integers of all elements, moved by `offset`.
std::vector<int8_t> integers(std::span<const float> values, const ov::Shape& shape,
                             const ov::Shape& channels, const Quantizer& quantizer, int offset) {
  std::vector<int8_t> out(values.size());
  const ov::Shape rows_of = shape.empty() ? ov::Shape{1} : shape;
  const auto strides = channel_strides(rows_of, channels);
  const size_t width = rows_of.back(), step = strides.back();
  const float steps = static_cast<float>(quantizer.levels - 1);
  const auto quantize_row = [&](size_t row) {
    size_t channel = channel_of_row(row, rows_of, strides);
    for (size_t i = row * width; i < (row + 1) * width; ++i, channel += step)
      out[i] = static_cast<int8_t>(
          quantize(values[i], quantizer.low[channel], quantizer.high[channel], steps) + offset);
  };
  constexpr size_t kRowsPerTask = 256;
  const size_t rows = width ? values.size() / width : 0;
  parallel_for(static_cast<int64_t>((rows + kRowsPerTask - 1) / kRowsPerTask), [&](int64_t task) {
    const size_t first = static_cast<size_t>(task) * kRowsPerTask;
    for (size_t row = first; row < std::min(rows, first + kRowsPerTask); ++row) quantize_row(row);
  });
  return out;
}

struct Affine {  // value = (stored - zero_point) * scale
  std::vector<float> scale, zero_point;
  bool symmetric = true;  // every zero point is 0
  bool integral = true;   // every zero point is an integer
};

Affine affine_of(const Quantizer& quantizer, int offset) {
  Affine affine;
  for (size_t i = 0; i < quantizer.low.size(); ++i) {
    const float scale =
        (quantizer.high[i] - quantizer.low[i]) / static_cast<float>(quantizer.levels - 1);
    const float exact = static_cast<float>(offset) - quantizer.low[i] / scale;
    const bool integral = std::abs(exact - std::nearbyintf(exact)) < kZeroPointTolerance;
    const float zero_point = integral ? std::nearbyintf(exact) : exact;
    affine.scale.push_back(scale);
    affine.zero_point.push_back(zero_point);
    affine.symmetric &= zero_point == 0.0f;
    affine.integral &= integral;
  }
  return affine;
}

ov::element::Type storage_type(int levels, bool is_unsigned) {
  if (levels <= 16) return is_unsigned ? ov::element::u4 : ov::element::i4;
  return is_unsigned ? ov::element::u8 : ov::element::i8;
}

std::shared_ptr<ov::op::v0::Constant> stored(const ov::element::Type& type, const ov::Shape& shape,
                                             std::vector<int8_t> values) {
  if (type.bitwidth() < 8) return std::make_shared<ov::op::v0::Constant>(type, shape, values);
  auto owner = std::make_shared<std::vector<int8_t>>(std::move(values));
  return std::make_shared<ov::op::v0::Constant>(type, shape,
                                                static_cast<const void*>(owner->data()), owner);
}

// OpenVINO's plugins look for a Convert that nobody has folded.
std::shared_ptr<ov::Node> decompressed(const std::shared_ptr<ov::Node>& constant,
                                       const ov::element::Type& type, const std::string& name) {
  constant->set_friendly_name(name + "/compressed");
  auto convert = std::make_shared<ov::op::v0::Convert>(constant, type);
  convert->set_friendly_name(name + "/convert");
  ov::pass::disable_constant_folding(convert);
  return convert;
}

std::shared_ptr<ov::Node> zero_point_node(const Affine& affine, const ov::Shape& shape,
                                          const ov::element::Type& stored,
                                          const ov::element::Type& type, const std::string& name) {
  const auto fits = [](float z) { return z >= -128.0f && z <= 127.0f; };
  if (!affine.integral || stored != ov::element::i8 ||
      !std::ranges::all_of(affine.zero_point, fits)) {
    auto constant = float_constant(type, shape, affine.zero_point);
    constant->set_friendly_name(name + "/zero_point");
    return constant;
  }
  return decompressed(std::make_shared<ov::op::v0::Constant>(stored, shape, affine.zero_point),
                      type, name + "/zero_point");
}

}  // namespace

ov::Shape channel_shape(const ov::PartialShape& shape, const std::vector<int64_t>& axes,
                        size_t count, const std::string& where) {
  if (count <= 1 && axes.empty()) return {};
  if (shape.rank().is_dynamic())
    fail<Unsupported>(
        "openvino",
        "'{}' needs a channel axis, but the rank of its tensor is not known; reshape the model",
        where);
  const int64_t rank = shape.rank().get_length();
  ov::Shape out(static_cast<size_t>(rank), 1);
  for (int64_t axis : axes) {
    const int64_t place = axis < 0 ? axis + rank : axis;
    EIGHTBIT_CHECK(place >= 0 && place < rank, "axis {} of '{}' with rank {}", axis, where, rank);
    const auto& dimension = shape[place];
    out[static_cast<size_t>(place)] =
        axes.size() == 1 ? count
                         : static_cast<size_t>(dimension.is_static() ? dimension.get_length() : 0);
  }
  if (count == 1) return ov::Shape(static_cast<size_t>(rank), 1);
  EIGHTBIT_CHECK(ov::shape_size(out) == count, "'{}' has {} channel values for {} channels", where,
                 count, ov::shape_size(out));
  return out;
}

ov::Output<ov::Node> fake_quantize(const ov::Output<ov::Node>& source, const Quantizer& quantizer,
                                   const std::string& name) {
  if (quantizer.spec.fp8) return fake_convert(source, quantizer, name);
  const auto shape =
      channel_shape(source.get_partial_shape(), quantizer.channel_axes, quantizer.low.size(), name);
  const auto low = float_constant(source.get_element_type(), shape, quantizer.low);
  const auto high = float_constant(source.get_element_type(), shape, quantizer.high);
  auto node = std::make_shared<ov::op::v0::FakeQuantize>(source, low, high, low, high,
                                                         static_cast<size_t>(quantizer.levels));
  node->set_friendly_name(name);
  return node;
}

bool can_compress(const Quantizer& quantizer) {
  if (quantizer.spec.fp8 || quantizer.levels < 3 || quantizer.levels > 256) return false;
  for (size_t i = 0; i < quantizer.low.size(); ++i)
    if (!(quantizer.high[i] > quantizer.low[i])) return false;
  return true;
}

ov::Output<ov::Node> compress(const ov::Output<ov::Node>& source, const Quantizer& quantizer,
                              const std::string& name) {
  const auto& type = source.get_element_type();
  const ov::Shape shape = source.get_shape();
  const ov::Shape channels =
      channel_shape(shape, quantizer.channel_axes, quantizer.low.size(), name);
  const bool is_unsigned =
      std::ranges::all_of(quantizer.low, [](float low) { return low == 0.0f; });
  const int offset = is_unsigned ? 0 : -(quantizer.levels / 2);

  const Tensor tensor = evaluate_constant(source);
  const auto converted = tensor.dtype == DType::f32 ? std::vector<float>{} : to_floats(tensor);
  const auto values =
      tensor.dtype == DType::f32 ? tensor.as<float>() : std::span<const float>(converted);
  const auto stored_type = storage_type(quantizer.levels, is_unsigned);
  const auto constant =
      stored(stored_type, shape, integers(values, shape, channels, quantizer, offset));

  const Affine affine = affine_of(quantizer, offset);
  std::shared_ptr<ov::Node> node = decompressed(constant, type, name);
  if (!affine.symmetric) {
    const auto zero_point = zero_point_node(affine, channels, stored_type, type, name);
    node = std::make_shared<ov::op::v1::Subtract>(node, zero_point);
    node->set_friendly_name(name + "/subtract");
  }
  const auto scale = float_constant(type, channels, affine.scale);
  scale->set_friendly_name(name + "/scale");
  node = std::make_shared<ov::op::v1::Multiply>(node, scale);
  node->set_friendly_name(name);
  return node;
}

}  // namespace eightbit::openvino
