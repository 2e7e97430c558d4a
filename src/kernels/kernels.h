// What a runtime's integer kernels can do, as far as a plan depends on it. A backend fills it in.
#pragma once

namespace eightbit {

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
};

}  // namespace eightbit
