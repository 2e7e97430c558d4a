// OpenVINO 2026.4 on CPUs with VNNI or AMX; found with 4,000 random convolutions of one to three
// dimensions, of 1 to 256 channels a group and kernels of up to 512 positions
// (docs/runtime_faults.md).
#include <algorithm>
#include <numeric>

#include "graph/roles.h"
#include "kernels/kernel_faults.h"

namespace eightbit {
namespace {

constexpr int64_t kTile = 64;  // bytes of a row of a tile

struct Extents {
  int64_t groups = 1, inputs = 0, outputs = 0;  // the latter two of a group
  Shape kernel;

  bool is_pointwise() const {
    return std::ranges::all_of(kernel, [](int64_t extent) { return extent == 1; });
  }
};

std::optional<Extents> extents_of(const Graph& graph, const Node& node) {
  if (!is_convolution(node.op) || node.inputs.size() < 2) return std::nullopt;
  const Shape& weight = graph.value(node.inputs[1]).shape;
  const size_t inputs = has_groups(node.op) ? 2 : 1;
  if (weight.size() <= inputs + 1 ||
      std::ranges::any_of(weight, [](int64_t extent) { return extent < 1; }))
    return std::nullopt;
  return Extents{inputs == 2 ? weight[0] : 1, weight[inputs], weight[inputs - 1],
                 Shape(weight.begin() + static_cast<std::ptrdiff_t>(inputs) + 1, weight.end())};
}

// Few inputs at each of many positions are taken for one row. Rows of two tiles or more without a
// rest come out wrong.
bool has_rows_of_tiles(const Extents& extents) {
  const int64_t row = extents.inputs * extents.kernel.back(),
                least = extents.groups > 1 ? kTile / 16 : kTile / 8;
  return extents.inputs >= least && extents.inputs < kTile / 2 && row >= 2 * kTile &&
         row % kTile == 0;
}

// Weights are laid out for whole tiles, and read as they are, where one position is all.
bool has_rest_of_tile(const Extents& extents) {
  return extents.groups > 1 && extents.is_pointwise() && extents.inputs > kTile &&
         extents.inputs % kTile != 0;
}

// Also without AMX.
bool multiplies_channels(const Extents& extents) {
  return extents.groups > 1 && extents.inputs == 1 && extents.outputs > 16;
}

bool is_dilated(const Node& node) {
  return std::ranges::any_of(node.attributes.dilations, [](int64_t by) { return by > 1; });
}

std::optional<std::string_view> fault_of(const Graph& graph, const Node& node) {
  constexpr std::string_view kReason =
      "the runtime's kernel for 8 bits computes a convolution of this shape wrongly";
  if (is_transposed(node.op) && is_dilated(node)) return kReason;
  const auto extents = extents_of(graph, node);
  const bool wrong = extents && (has_rows_of_tiles(*extents) || has_rest_of_tile(*extents) ||
                                 multiplies_channels(*extents));
  return wrong ? std::optional(kReason) : std::nullopt;
}

// What a zero point adds is laid out wrongly by groups for many numbers of inputs and outputs, with
// and without padding. Depthwise convolutions have a kernel of their own.
bool takes_no_zero_point(const Graph& graph, const Node& node) {
  const auto extents = extents_of(graph, node);
  return extents && extents->groups > 1 && (extents->inputs > 1 || extents->outputs > 1);
}

}  // namespace

const KernelFaults kOpenVinoFaults{&fault_of, &takes_no_zero_point};

}  // namespace eightbit
