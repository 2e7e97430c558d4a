// Zeros that are put around the input of a convolution: it can do that by itself.
#pragma once

#include "backends/onnx/proto/proto.h"

namespace eightbit::onnx {

// Takes constant paddings by zero of spatial axes into the attribute `pads` of the convolutions
// that read them; a Pad that nobody reads then stays for others to remove.
void fold_paddings(Content& content);

}  // namespace eightbit::onnx
