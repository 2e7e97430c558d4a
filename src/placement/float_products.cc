#include "placement/float_products.h"

#include <algorithm>
#include <set>

namespace eightbit::placement {
namespace {

bool is_product(Op op) { return op == Op::multiply || op == Op::divide; }
bool is_mean(Op op) { return op == Op::reduce_mean || op == Op::avg_pool; }

}  // namespace

void leave_products_in_float(const Graph& graph, Plan& plan) {
  const auto op = [&](const Use& use) { return graph.node(use.node).op; };
  const auto serves_products = [&](const Quantizer& q) {
    if (q.weight || q.group != kNone) return false;
    return std::ranges::any_of(q.uses, [&](const Use& use) { return is_product(op(use)); }) &&
           std::ranges::all_of(q.uses, [&](const Use& use) { return is_product(op(use)) || is_mean(op(use)); });
  };
  std::set<NodeId> left;
  for (const Quantizer& q : plan.quantizers)
    if (serves_products(q))
      for (const Use& use : q.uses) left.insert(use.node);
  std::erase_if(plan.quantizers, serves_products);
  for (NodeId node : left) plan.left_float.push_back({node, "computes in floats whatever it reads"});
}

}  // namespace eightbit::placement
