// Where the weights of one output of a layer lie, whatever the layout.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "graph/roles.h"
#include "quant/channels.h"

namespace eightbit::algorithms {

// [O..., I, spatial...], or with the input axis in front of the output axis: [batch..., I, O,
// spatial...].
class OutputChannels {
 public:
  OutputChannels(const Shape& shape, const WeightAxes& axes)
      : count_(channel_count(shape, axes.output_axes)),
        inputs_(shape[static_cast<size_t>(axes.input_axis)]) {
    input_first_ =
        std::ranges::any_of(axes.output_axes, [&](int64_t a) { return a > axes.input_axis; });
    const auto last = static_cast<size_t>(input_first_ ? axes.output_axes.back() : axes.input_axis);
    if (input_first_) outputs_ = shape[last];
    for (size_t axis = last + 1; axis < shape.size(); ++axis) positions_ *= shape[axis];
  }

  int64_t count() const { return count_; }
  int64_t inputs() const { return inputs_; }        // that each of them sums over
  int64_t positions() const { return positions_; }  // of the kernel

  // Flat index of the weight of output `c` for `input` at `position`.
  int64_t index(int64_t c, int64_t input, int64_t position) const {
    if (!input_first_) return (c * inputs_ + input) * positions_ + position;
    return ((c / outputs_ * inputs_ + input) * outputs_ + c % outputs_) * positions_ + position;
  }

 private:
  int64_t count_, inputs_, outputs_ = 1, positions_ = 1;
  bool input_first_ = false;
};

}  // namespace eightbit::algorithms
