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
#include "quant/integers.h"

namespace eightbit::openvino {
namespace {

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

ov::Output<ov::Node> scale_and_quantize(const ov::Output<ov::Node>& source,
                                        const ScaleInsertion& scale, const Quantizer& quantizer,
                                        const std::string& name) {
  const auto& type = source.get_element_type();
  const auto channels =
      channel_shape(source.get_partial_shape(), {scale.axis}, scale.factor.size(), name);
  const auto input = [&](float end) {
    std::vector<float> ends;
    for (float factor : scale.factor) ends.push_back(end / factor);
    return float_constant(type, channels, ends);
  };
  const ov::Shape one(channels.size(), 1);
  auto node = std::make_shared<ov::op::v0::FakeQuantize>(
      source, input(quantizer.low[0]), input(quantizer.high[0]),
      float_constant(type, one, quantizer.low), float_constant(type, one, quantizer.high),
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
      stored(stored_type, shape, integers<int8_t>(values, tensor.shape, quantizer, offset));

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
