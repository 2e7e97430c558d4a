// What a runtime's integer kernels can do, as far as a plan depends on it. A backend fills it in.
#pragma once

#include <cstdint>

#include "graph/op_table.h"

namespace eightbit {

// What is known of the integer kernels for an op, whatever the runtime: one table, in kernels.cc.
enum KernelTrait : uint8_t {
  kNeedsArithmetic =
      1u << 0,              // computed in integers only by runtimes whose kernels have arithmetic
  kNeedsFusion = 1u << 1,   // an activation that is no clipping: see layers_end_in_any_activation
  kSavesTraffic = 1u << 2,  // integers are only how it reads and writes memory
  // part of the kernel in front, or computed element by element on what that wrote
  kFollowsKernel = 1u << 3,
};
// Whether the op has all of these traits.
bool has_kernel_traits(Op op, uint8_t traits);

struct KernelFaults;

struct Kernels {
  // A layer's kernel ends in any activation behind it. Else only in those that clip, which
  // quantizers do anyway: hard swish is then a few integer ops of its own, with a quantizer in
  // front.
  bool layers_end_in_any_activation = true;
  // A convolution computes in integers whatever stands behind it: a product there may read its
  // output as it is.
  bool layers_may_end_in_floats = false;
  // LSTM and GRU compute in integers. Else quantizers around them and their weights would cost time
  // and save none.
  bool recurrent = true;
  // Powers, roots, differences, sums over axes, comparisons and norms compute in integers. Else
  // their inputs stay in floats, and so do those of additions, means, pools and resizing that read
  // what such ops yield.
  bool arithmetic = true;

  // A scale by channel in front of a quantizer is part of it. Else it is an op of its own, which
  // costs more than what it saves.
  bool quantizers_scale_channels = false;

  // Null: none are known.
  const KernelFaults* faults = nullptr;

  // Whether a layer's kernel can end in this op behind it.
  bool end_in(Op op) const {
    return layers_end_in_any_activation || !has_kernel_traits(op, kNeedsFusion);
  }
  // Whether there is an integer kernel for the op.
  bool compute(Op op) const;
};

}  // namespace eightbit
