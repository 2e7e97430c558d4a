// What the rewrites of this folder look for in quantized models.
#pragma once

#include <openvino/core/node.hpp>
#include <openvino/op/convolution.hpp>
#include <openvino/op/fake_quantize.hpp>
#include <optional>
#include <vector>

namespace eightbit::openvino {

// Whether the value depends on an input of the model.
bool varies(const ov::Output<ov::Node>& value);

// Whether the op computes each element by itself: OpenVINO's compiler takes such ops into the
// kernel in front of them.
bool computes_by_element(const ov::Node& node);

// Whether the op only shapes or orders elements anew.
bool keeps_elements(const ov::Node& node);

// The one number of a constant; nothing where there are more, or it is not stored.
std::optional<double> number_of(const ov::Output<ov::Node>& value);

// With one range, whose zero point is neither 0 nor the middle, which OpenVINO writes as signed
// integers without one.
bool has_zero_point(const ov::op::v0::FakeQuantize& quantizer);

// Puts a constant in the place of an end of the ranges: input `port` (1 to 4).
void set_end(ov::op::v0::FakeQuantize& quantizer, size_t port, const ov::Shape& shape,
             const std::vector<double>& values);

bool is_padded(const ov::op::v1::Convolution& node);

}  // namespace eightbit::openvino
