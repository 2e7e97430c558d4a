// OpenVINO's, on CPUs, read off the models that it executes (docs/onnx.md).
#include "graph/roles.h"
#include "kernels/runtime.h"

namespace eightbit {
namespace {

constexpr KernelRow kRows[] = {
    {Op::mat_mul, Needs::operands},
    {Op::add},
    {Op::subtract},
    {Op::maximum},
    {Op::minimum},
    {Op::avg_pool},
    {Op::adaptive_avg_pool},
    {Op::reduce_mean},
    {Op::reduce_sum},
    {Op::interpolate},
    {Op::lstm_sequence},
    {Op::gru_sequence},
};

std::optional<std::string_view> computes_in_floats(const PlannedGraph& planned, size_t,
                                                   const Node& node) {
  if (is_convolution(node.op) || is_transposed(node.op))
    return planned.unmet(Needs::operands, node);
  if (passes_on(node.op) || looks_up(node.op)) return std::nullopt;
  if (node.op == Op::multiply || node.op == Op::divide)
    return "products of two activations are computed in floats";
  return by_rows(kRows, planned, node);
}

}  // namespace

const Runtime kOpenVino{"openvino", &computes_in_floats};

}  // namespace eightbit
