#include "placement/devices.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "graph/roles.h"
#include "kernels/kernel_faults.h"

namespace eightbit::placement {
namespace {

// A stretch of a table entry; 8 bits first, then the rest in the order of the flags.
enum Entry : uint32_t {
  kNothing = 0,
  kA8 = 1u << 0,  // activations per tensor, symmetric or asymmetric
  kA16 = 1u << 1,
  kA8Channel = 1u << 2,  // per channel, else per tensor
  kA16Channel = 1u << 3,
  kA8Sym = 1u << 4,  // symmetric only
  kA16Sym = 1u << 5,
  kW8Sym = 1u << 6,          // per channel, else per tensor; signed; narrow range
  kW8SymAnyRange = 1u << 7,  // narrow or full range
  kW8Asym = 1u << 8,
  kW16Sym = 1u << 9,
  kW16SymAnyRange = 1u << 10,
  kW16Asym = 1u << 11,
  kQ4Tensor = 1u << 12,  // 4 bits, symmetric, per tensor
  kW4 = 1u << 13,
  kW2 = 1u << 14,
  kA16Signed = 1u << 15,  // 16 bits, symmetric, per tensor, signed whatever the data says
  kW8Tensor = 1u << 16,   // symmetric, per tensor; signed; narrow range
  kW16Tensor = 1u << 17,
};

constexpr uint32_t kActivations = kA8 | kA16;
constexpr uint32_t kWeights = kW8Sym | kW8Asym | kW16Sym | kW16Asym;
constexpr uint32_t kTable = kW8SymAnyRange | kW8Asym | kW16SymAnyRange | kW16Asym;

struct DeviceRow {
  Op op;
  uint32_t activations;
  uint32_t weights = kNothing;
};

// Ops that ask for quantizers but have no row take the default quantizer of the preset.
constexpr DeviceRow kCpu[] = {
    {Op::convolution, kActivations, kWeights},
    {Op::group_convolution, kActivations, kWeights},
    {Op::convolution_backprop, kActivations, kWeights},
    {Op::group_convolution_backprop, kActivations, kWeights},
    {Op::depthwise_convolution, kA8Channel | kA16Channel, kWeights},
    {Op::mat_mul, kActivations, kWeights},
    {Op::lstm_sequence, kActivations, kW8Sym | kW16Sym},
    {Op::gru_sequence, kActivations, kW8Sym | kW16Sym},
    {Op::embedding, kNothing, kTable},
    {Op::scaled_dot_product_attention, kA8Sym | kA16Sym},
    {Op::add, kActivations},
    {Op::subtract, kActivations},
    {Op::multiply, kActivations},
    {Op::divide, kActivations},
    {Op::maximum, kActivations},
    {Op::minimum, kActivations},
    {Op::power, kActivations},
    {Op::sqrt, kActivations},
    {Op::floor_mod, kActivations},
    {Op::equal, kActivations},
    {Op::not_equal, kActivations},
    {Op::less, kActivations},
    {Op::less_equal, kActivations},
    {Op::greater, kActivations},
    {Op::greater_equal, kActivations},
    {Op::logical_and, kActivations},
    {Op::logical_or, kActivations},
    {Op::logical_xor, kActivations},
    {Op::logical_not, kActivations},
    {Op::avg_pool, kActivations},
    {Op::reduce_mean, kActivations},
    {Op::reduce_sum, kActivations},
    {Op::reduce_l2, kActivations},
    {Op::mvn, kActivations},
    {Op::group_normalization, kActivations},
    {Op::interpolate, kA8},
};

// Of activations that stand alone behind layers, where the runtime's kernels do not end in them.
constexpr uint32_t kAloneBehindLayers = kA8;

// What GPU and NPU have instead of the rows above.
constexpr DeviceRow kGpu[] = {
    {Op::interpolate, kActivations},
};
// What NPU has on top.
constexpr DeviceRow kNpu[] = {
    {Op::convolution, kQ4Tensor, kW4 | kQ4Tensor},
    {Op::group_convolution, kQ4Tensor, kW4 | kQ4Tensor},
    {Op::convolution_backprop, kQ4Tensor, kW4 | kQ4Tensor},
    {Op::group_convolution_backprop, kQ4Tensor, kW4 | kQ4Tensor},
    {Op::depthwise_convolution, kNothing, kW4 | kW2},
    {Op::mat_mul, kQ4Tensor, kW4 | kW2},
    {Op::embedding_bag, kNothing, kTable},
    {Op::add, kQ4Tensor},
    {Op::multiply, kQ4Tensor},
    {Op::maximum, kQ4Tensor},
    {Op::minimum, kQ4Tensor},
    {Op::subtract, kQ4Tensor},
};
constexpr Op kNpuUnified[] = {
    Op::add,        Op::multiply,    Op::maximum,       Op::minimum,
    Op::subtract,   Op::divide,      Op::less,          Op::equal,
    Op::less_equal, Op::greater,     Op::greater_equal, Op::not_equal,
    Op::floor_mod,  Op::logical_and, Op::logical_or,    Op::logical_xor,
};

// GNA computes in 16 bits, per tensor. Sums of 32 bits between its layers have no quantizers here.
constexpr DeviceRow kGna[] = {
    {Op::convolution, kA16Signed, kW16Tensor},
    {Op::group_convolution, kA16Signed, kW16Tensor},
    {Op::depthwise_convolution, kA16Signed, kW16Tensor},
    {Op::convolution_backprop, kA16Signed, kW16Tensor},
    {Op::mat_mul, kA16Signed, kW8Sym | kW16Tensor},
    {Op::add, kA16Signed},
    {Op::subtract, kA16Signed},
    {Op::multiply, kA16Signed},
    {Op::avg_pool, kA16Signed},
    {Op::reduce_mean, kA16Signed},
};
// What GNA3 and GNA3.5 have instead.
constexpr DeviceRow kGna3[] = {
    {Op::convolution, kA16Signed, kW8Tensor | kW16Tensor},
    {Op::group_convolution, kA16Signed, kW8Tensor | kW16Tensor},
    {Op::depthwise_convolution, kA16Signed, kW8Tensor | kW16Tensor},
    {Op::convolution_backprop, kA16Signed, kW8Tensor | kW16Tensor},
};

constexpr auto kSymmetric = QuantizationScheme::symmetric;
constexpr auto kAsymmetric = QuantizationScheme::asymmetric;

// Appends the product granularity x range in order of priority.
void append(SpecList& out, int bits, QuantizationScheme mode, bool channels, bool forced_sign,
            std::initializer_list<bool> ranges) {
  const std::optional<bool> sign = forced_sign ? std::optional<bool>(true) : std::nullopt;
  for (bool per_channel : channels ? std::vector<bool>{true, false} : std::vector<bool>{false})
    for (bool narrow : ranges) out.push_back({bits, mode, sign, per_channel, narrow, {}});
}

void append_both_modes(SpecList& out, int bits, bool channels) {
  append(out, bits, kSymmetric, channels, false, {false});
  append(out, bits, kAsymmetric, channels, false, {false});
}

SpecList expand(uint32_t entry) {
  SpecList out;
  if (entry & kA8) append_both_modes(out, 8, false);
  if (entry & kA8Channel) append_both_modes(out, 8, true);
  if (entry & kA8Sym) append(out, 8, kSymmetric, false, false, {false});
  if (entry & kW8Sym) append(out, 8, kSymmetric, true, true, {true});
  if (entry & kW8SymAnyRange) append(out, 8, kSymmetric, true, true, {true, false});
  if (entry & kW8Asym) append(out, 8, kAsymmetric, true, false, {false});
  if (entry & kA16) append_both_modes(out, 16, false);
  if (entry & kA16Channel) append_both_modes(out, 16, true);
  if (entry & kA16Sym) append(out, 16, kSymmetric, false, false, {false});
  if (entry & kW16Sym) append(out, 16, kSymmetric, true, true, {true});
  if (entry & kW16SymAnyRange) append(out, 16, kSymmetric, true, true, {true, false});
  if (entry & kW16Asym) append(out, 16, kAsymmetric, true, false, {false});
  if (entry & kW4) append(out, 4, kSymmetric, true, false, {false});
  if (entry & kQ4Tensor) append(out, 4, kSymmetric, false, false, {false});
  if (entry & kW2) append(out, 2, kSymmetric, true, false, {false});
  if (entry & kA16Signed) append(out, 16, kSymmetric, false, true, {false});
  if (entry & kW8Tensor) append(out, 8, kSymmetric, false, true, {true});
  if (entry & kW16Tensor) append(out, 16, kSymmetric, false, true, {true});
  return out;
}

const DeviceRow* find(std::span<const DeviceRow> rows, Op op) {
  const auto it = std::ranges::find(rows, op, &DeviceRow::op);
  return it == rows.end() ? nullptr : &*it;
}

void add_row(Offer& offer, const DeviceRow* row) {
  if (!row) return;
  for (const QuantizerSpec& spec : expand(row->activations)) offer.activations.push_back(spec);
  for (const QuantizerSpec& spec : expand(row->weights))
    if (std::ranges::find(offer.weights, spec) == offer.weights.end())
      offer.weights.push_back(spec);
}

}  // namespace

std::string_view Device::name() const {
  switch (target_) {
    case TargetDevice::any:
      return "ANY";
    case TargetDevice::cpu:
      return "CPU";
    case TargetDevice::cpu_spr:
      return "CPU_SPR";
    case TargetDevice::gpu:
      return "GPU";
    case TargetDevice::npu:
      return "NPU";
    case TargetDevice::gna:
      return "GNA";
    case TargetDevice::gna3:
      return "GNA3";
    case TargetDevice::gna3_5:
      return "GNA3.5";
  }
  return "?";
}

bool Device::fuses_behind_layers(Op op) const { return kernels_.end_in(op); }

bool Device::multiplies_in_floats() const {
  return !has_arithmetic() && kernels_.layers_may_end_in_floats;
}

bool Device::on_cpu() const {
  return target_ != TargetDevice::gpu && target_ != TargetDevice::npu && !is_gna(target_);
}

bool Device::has_kernel(Op op) const {
  return kernels_.compute(op) || (!on_cpu() && has_kernel_traits(op, kNeedsArithmetic));
}

std::optional<std::string_view> Device::fault_of(const Graph& graph, const Node& node) const {
  if (kernels_.faults == nullptr) return std::nullopt;
  return kernels_.faults->of_layer(graph, node);
}

Offer Device::gna_offer(const Node& node) const {
  Offer offer{trait_of(node.op), {}, {}, false};
  const DeviceRow* newer = target_ == TargetDevice::gna ? nullptr : find(kGna3, node.op);
  const DeviceRow* row = newer ? newer : find(kGna, node.op);
  add_row(offer, row);
  if (!row && offer.trait != Trait::agnostic && offer.trait != Trait::concat)
    offer.trait = Trait::non_quantizable;
  return offer;
}

Offer Device::offer(const Node& node) const {
  if (is_gna(target_)) return gna_offer(node);
  Offer offer{trait_of(node.op), {}, {}, has(node.op, kUnifiedScales)};
  const bool gpu_table = !on_cpu();
  if (gpu_table && node.op == Op::interpolate && node.attributes.nearest) {
    offer.trait = Trait::agnostic;  // it copies elements
    return offer;
  }
  if (!fuses_behind_layers(node.op)) {
    offer.trait = Trait::inputs_quantizable;
    offer.activations = expand(kAloneBehindLayers);
    return offer;
  }
  const DeviceRow* replaced = gpu_table ? find(kGpu, node.op) : nullptr;
  add_row(offer, replaced ? replaced : find(kCpu, node.op));
  if (target_ == TargetDevice::npu) {
    add_row(offer, find(kNpu, node.op));
    offer.unified =
        offer.unified || std::ranges::find(kNpuUnified, node.op) != std::end(kNpuUnified);
  }
  return offer;
}

SpecList filter(const SpecList& offered, const QuantizationParameters& wanted) {
  SpecList out;
  for (const QuantizerSpec& spec : offered) {
    const bool met =
        (!wanted.num_bits || *wanted.num_bits == spec.bits) &&
        (!wanted.mode || *wanted.mode == spec.mode) &&
        (!wanted.signedness_to_force || wanted.signedness_to_force == spec.signedness) &&
        (!wanted.per_channel || *wanted.per_channel == spec.per_channel) &&
        (!wanted.narrow_range || *wanted.narrow_range == spec.narrow_range);
    if (met) out.push_back(spec);
  }
  return out;
}

QuantizerSpec default_activation(const QuantizationParameters& wanted) {
  return {wanted.num_bits.value_or(8),         wanted.mode.value_or(kSymmetric),
          wanted.signedness_to_force,          wanted.per_channel.value_or(false),
          wanted.narrow_range.value_or(false), {}};
}

std::string to_text(const SpecList& specs) {
  std::vector<std::string> texts;
  for (const QuantizerSpec& spec : specs) texts.push_back(eightbit::to_text(spec));
  return fmt::format("{}", fmt::join(texts, ", "));
}

std::string to_text(const QuantizationParameters& wanted) {
  std::vector<std::string> texts;
  if (wanted.num_bits) texts.push_back(fmt::format("num_bits={}", *wanted.num_bits));
  if (wanted.mode)
    texts.push_back(
        fmt::format("mode={}", *wanted.mode == kSymmetric ? "symmetric" : "asymmetric"));
  if (wanted.signedness_to_force)
    texts.push_back(fmt::format("signedness_to_force={}", *wanted.signedness_to_force));
  if (wanted.per_channel) texts.push_back(fmt::format("per_channel={}", *wanted.per_channel));
  if (wanted.narrow_range) texts.push_back(fmt::format("narrow_range={}", *wanted.narrow_range));
  return fmt::format("{}", fmt::join(texts, ", "));
}

}  // namespace eightbit::placement
