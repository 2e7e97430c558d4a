// What each target device can execute: for every op the quantizers of its activations and weights,
// best first.
//
// ANY, CPU and CPU_SPR share one table; GPU differs in interpolation, NPU adds 4-bit entries and
// unified scales; GNA has a table of its own, of 16 bits. A runtime's kernels may offer less, and
// have integer kernels for activations.
#pragma once

#include <eightbit/options.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "graph/graph.h"
#include "kernels/kernels.h"
#include "quant/scheme.h"

namespace eightbit::placement {

using SpecList = std::vector<QuantizerSpec>;

struct Offer {
  Trait trait = Trait::non_quantizable;  // what the op is on this device
  SpecList activations;                  // empty: the default quantizer of the preset
  SpecList weights;                      // empty: weights stay in float
  bool unified = false;                  // all inputs share one scale
};

class Device {
 public:
  explicit Device(TargetDevice target, const Kernels& kernels = {})
      : target_(target), kernels_(kernels) {}
  TargetDevice target() const { return target_; }
  // Whether an op behind a layer becomes part of its kernel, as far as activations go.
  bool fuses_behind_layers(Op op) const;
  // Whether a convolution computes in integers only where a quantizer ends it.
  bool needs_quantizers_behind_layers() const { return !kernels_.layers_end_in_any_activation; }
  // Whether differences, roots, comparisons and their like are computed in integers.
  bool has_arithmetic() const { return kernels_.arithmetic || !on_cpu(); }
  // Whether products of two activations compute in floats whatever they read, and need nothing
  // quantized in front.
  bool multiplies_in_floats() const;
  // Whether there is an integer kernel for that op.
  bool has_kernel(Op op) const;
  // Why the layer stays in float although there is a kernel: it computes something else.
  std::optional<std::string_view> fault_of(const Graph& graph, const Node& node) const;
  std::string_view name() const;  // "NPU"
  Offer offer(const Node& node) const;

 private:
  bool on_cpu() const;  // ANY too
  Offer gna_offer(const Node& node) const;

  TargetDevice target_;
  Kernels kernels_;
};

// Entries of `offered` that meet every field that is set.
SpecList filter(const SpecList& offered, const QuantizationParameters& wanted);
// 8 bit symmetric per tensor, with the fields that are set replaced.
QuantizerSpec default_activation(const QuantizationParameters& wanted);
// "8b sym pt, 8b asym pt"; and "num_bits=4, mode=symmetric".
std::string to_text(const SpecList& specs);
std::string to_text(const QuantizationParameters& wanted);

}  // namespace eightbit::placement
