#include "kernels/kernels.h"

#include <algorithm>

#include "graph/roles.h"

namespace eightbit {
namespace {

struct Row {
  Op op;
  uint8_t traits;
};

// Read off what OpenVINO and ONNX Runtime execute on CPUs (docs/onnx.md). Whatever the op table
// calls an activation follows a kernel, too; ops that are not here have no other trait.
constexpr Row kRows[] = {
    {Op::subtract, kNeedsArithmetic | kFollowsKernel},
    {Op::divide, kNeedsArithmetic | kFollowsKernel},
    {Op::maximum, kNeedsArithmetic},
    {Op::minimum, kNeedsArithmetic},
    {Op::power, kNeedsArithmetic},
    {Op::sqrt, kNeedsArithmetic},
    {Op::reciprocal, kNeedsArithmetic},
    {Op::squared_difference, kNeedsArithmetic},
    {Op::floor_mod, kNeedsArithmetic},
    {Op::equal, kNeedsArithmetic},
    {Op::not_equal, kNeedsArithmetic},
    {Op::less, kNeedsArithmetic},
    {Op::less_equal, kNeedsArithmetic},
    {Op::greater, kNeedsArithmetic},
    {Op::greater_equal, kNeedsArithmetic},
    {Op::logical_and, kNeedsArithmetic},
    {Op::logical_or, kNeedsArithmetic},
    {Op::logical_xor, kNeedsArithmetic},
    {Op::logical_not, kNeedsArithmetic},
    {Op::reduce_sum, kNeedsArithmetic},
    {Op::reduce_l2, kNeedsArithmetic},
    {Op::normalize_l2, kNeedsArithmetic},
    {Op::mvn, kNeedsArithmetic},
    {Op::group_normalization, kNeedsArithmetic},
    {Op::batch_norm, kNeedsArithmetic},
    {Op::add, kSavesTraffic | kFollowsKernel},
    {Op::avg_pool, kSavesTraffic},
    {Op::adaptive_avg_pool, kSavesTraffic},
    {Op::reduce_mean, kSavesTraffic},
    {Op::interpolate, kSavesTraffic},
    {Op::hswish, kNeedsFusion},
    {Op::swish, kNeedsFusion},
    {Op::gelu, kFollowsKernel},
    {Op::mish, kFollowsKernel},
    {Op::multiply, kFollowsKernel},
};

}  // namespace

bool has_kernel_traits(Op op, uint8_t traits) {
  const auto row = std::ranges::find(kRows, op, &Row::op);
  uint8_t known = row == std::end(kRows) ? 0 : row->traits;
  if (has(op, kActivation)) known |= kFollowsKernel;
  return (known & traits) == traits;
}

bool Kernels::compute(Op op) const {
  if (is_recurrent(op)) return recurrent;
  return arithmetic || !has_kernel_traits(op, kNeedsArithmetic);
}

}  // namespace eightbit
