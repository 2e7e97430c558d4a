// ONNX Runtime's, on CPUs, read off the models that it optimizes (docs/onnx.md).
#include "graph/roles.h"
#include "kernels/runtime.h"

namespace eightbit {
namespace {

constexpr KernelRow kRows[] = {
    {Op::mat_mul, Needs::operands},
    {Op::add, Needs::both},
    {Op::multiply, Needs::both},
    {Op::concat, Needs::operands},  // its quantizer is repeated behind it
    {Op::avg_pool, Needs::behind},
    {Op::sigmoid, Needs::behind},
    {Op::softmax, Needs::behind},
    {Op::reduce_mean, Needs::behind, "GlobalAveragePool",
     "means are computed in floats, global average pools are not"},
    {Op::prelu, Needs::behind, "LeakyRelu", kNoKernel},
};

std::optional<std::string_view> computes_in_floats(const PlannedGraph& planned, size_t index,
                                                   const Node& node) {
  if (is_transposed(node.op)) return "there is no integer kernel for transposed convolutions";
  if (is_convolution(node.op))
    return planned.is_in_block(node.id) ? std::nullopt : planned.unmet(Needs::behind, node);
  if (moves(node.op) || looks_up(node.op)) return std::nullopt;
  const bool gated = node.op == Op::hswish || node.op == Op::swish;
  if (gated && planned.is_around_block(index)) return std::nullopt;
  return by_rows(kRows, planned, node);
}

}  // namespace

const Runtime kOnnxRuntime{"onnxruntime", &computes_in_floats};

}  // namespace eightbit
