// What a runtime computes in integers behind a quantizer: a table of rows for each.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "graph/graph.h"
#include "kernels/hard_swish_blocks.h"
#include "quant/plan.h"

namespace eightbit {

// What a kernel asks for beside the quantizer in front of it.
enum class Needs : uint8_t {
  nothing,
  operands,  // every operand that is computed, or a weight, has a quantizer
  behind,    // and so has what all readers of its output read
  both,
};

struct KernelRow {
  Op op;
  Needs needs = Needs::nothing;
  // The framework's own type that alone has the kernel; empty: all do. `otherwise`: the reason of
  // the others.
  std::string_view type = {}, otherwise = {};
};

// Reasons for which a runtime computes in floats.
inline constexpr std::string_view kNoKernel = "there is no integer kernel for this op",
                                  kNoQuantizerBehind = "no quantizer behind it",
                                  kFloatOperand = "another operand is in floats";

// A plan as runtimes look at it.
class PlannedGraph {
 public:
  PlannedGraph(const Graph& graph, const Plan& plan);

  const Graph& graph() const { return graph_; }
  // Of a layer that ends in a hard swish of integers.
  bool is_in_block(NodeId layer) const;
  // Around such a hard swish: the channels of the quantizer become one scale.
  bool is_around_block(size_t quantizer) const;
  // Why a kernel with these needs computes in floats; nothing where it does not.
  std::optional<std::string_view> unmet(Needs needs, const Node& node) const;

 private:
  bool quantized_behind(const Node& node) const;
  bool reads_integers(Use use) const;
  bool operands_quantized(const Node& node) const;

  const Graph& graph_;
  const Plan& plan_;
  std::vector<NodeId> blocks_;
  std::vector<size_t> around_;
};

struct Runtime {
  std::string_view name;
  // Why `node` is computed in floats behind quantizer `index` of the plan; nothing where it is not.
  std::optional<std::string_view> (*computes_in_floats)(const PlannedGraph& planned, size_t index,
                                                        const Node& node);
};

extern const Runtime kOnnxRuntime, kOpenVino, kTensorRt;

// By the row of the op; kNoKernel where there is none.
std::optional<std::string_view> by_rows(std::span<const KernelRow> rows,
                                        const PlannedGraph& planned, const Node& node);

// Those that read files of this backend, the one that is meant first; empty: none is known.
std::span<const Runtime* const> runtimes_for(std::string_view backend);

}  // namespace eightbit
