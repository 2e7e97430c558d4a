#include "backends/openvino/op_map.h"

#include <gtest/gtest.h>

#include <openvino/opsets/opset14.hpp>

namespace eightbit::openvino {
namespace {

namespace op = ov::opset14;

Attributes of_interpolation(op::Interpolate::InterpolateMode mode) {
  op::Interpolate::InterpolateAttrs attributes;
  attributes.mode = mode;
  attributes.shape_calculation_mode = op::Interpolate::ShapeCalcMode::SIZES;
  const auto input = std::make_shared<op::Parameter>(ov::element::f32, ov::Shape{1, 3, 8, 8});
  const auto sizes = op::Constant::create(ov::element::i64, {2}, {16, 16});
  const auto axes = op::Constant::create(ov::element::i64, {2}, {2, 3});
  return read_attributes(op::Interpolate(input, sizes, axes, attributes));
}

TEST(OpMap, NearestInterpolationIsTold) {
  using Mode = op::Interpolate::InterpolateMode;
  EXPECT_TRUE(of_interpolation(Mode::NEAREST).nearest);
  EXPECT_FALSE(of_interpolation(Mode::LINEAR_ONNX).nearest);
  EXPECT_FALSE(of_interpolation(Mode::CUBIC).nearest);
}

}  // namespace
}  // namespace eightbit::openvino
