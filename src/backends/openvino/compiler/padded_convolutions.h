// Convolutions with padding that read values with a zero point: which kernel computes them.
#pragma once

#include <openvino/core/model.hpp>

namespace eightbit::openvino {

// Makes OpenVINO take the faster of its two kernels for such convolutions. On CPUs with AMX the
// newer one (brgconv) finds out at each run what the padding is worth, and computes activations
// that take powers of e slowly where a row of the output is no multiple of 16; the older one (jit)
// takes 0.5 to 0.9 of the time there, on maps up to 64 wide (docs/runtime_faults.md has the table).
// Other CPUs compute both equally fast. The older one is taken where the quantizer behind has a
// range for each channel: the end of one channel's range is moved by 1e-5 of it, where a step is
// 4e-3.
void prefer_faster_padded_kernels(ov::Model& model);

}  // namespace eightbit::openvino
