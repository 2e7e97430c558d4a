// Quantizers that move with values where ONNX Runtime does not move them by itself.
#pragma once

#include "backends/onnx/proto/copy.h"

namespace eightbit::onnx {

// ONNX Runtime takes a layer for one in integers where it reads DequantizeLinear, and moves that
// node past some ops that only move values (Reshape, Transpose, MaxPool, ...) and not past others:
// Split, Concat, Flatten, Gather, Pad, and more. Where a quantized layer reads what such an op made
// of levels of one scale, the same QuantizeLinear and DequantizeLinear stand behind the op too,
// which change no value. The nodes must be in order, and are again afterwards.
void repeat_pairs(Copy& copy);

}  // namespace eightbit::onnx
