// The OpenVINO nodes that a Quantizer of a plan becomes.
#pragma once

#include <openvino/core/node.hpp>
#include <string>
#include <vector>

#include "quant/plan.h"

namespace eightbit::openvino {

// The shape that lays `count` channel values over `axes` of a tensor, so that they broadcast; {}
// for one value. Throws Unsupported naming `where` when the rank is needed and not known.
ov::Shape channel_shape(const ov::PartialShape& shape, const std::vector<int64_t>& axes,
                        size_t count, const std::string& where);

// FakeQuantize or FakeConvert behind `source`; its constants have the element type of the tensor.
ov::Output<ov::Node> fake_quantize(const ov::Output<ov::Node>& source, const Quantizer& quantizer,
                                   const std::string& name);

// The same of a value whose channels are scaled in front of it: the scale moves into the ends of
// the range of what goes in.
ov::Output<ov::Node> scale_and_quantize(const ov::Output<ov::Node>& source,
                                        const ScaleInsertion& scale, const Quantizer& quantizer,
                                        const std::string& name);

// Whether a weight can be stored as integers: 2 to 8 bits, every range of positive width.
bool can_compress(const Quantizer& quantizer);

// Integer constant -> Convert -> [Subtract] -> Multiply, holding exactly the integers of
// FakeQuantize's rounding:
//   q = round_half_even((x - low) / (high - low) * (levels - 1)) for x in (low, high],
//   0 below, levels - 1 above
// stored as q - levels/2 in i8 (i4 up to 16 levels), or as q in u8 (u4) where every low is 0.
ov::Output<ov::Node> compress(const ov::Output<ov::Node>& source, const Quantizer& quantizer,
                              const std::string& name);

}  // namespace eightbit::openvino
