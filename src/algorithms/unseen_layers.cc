#include "algorithms/unseen_layers.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/log.h"

namespace eightbit::algorithms {

void leave_unseen_in_float(const Graph& graph, const records::StatisticsData& statistics,
                           Plan& plan) {
  std::set<NodeId> unseen;
  std::erase_if(plan.quantizers, [&](const Quantizer& q) {
    const int point = q.weight ? kNone : statistics.point_of(q.value);
    if (point == kNone || statistics.fold(point).count > 0) return false;
    for (const Use& use : q.uses) unseen.insert(use.node);
    return true;
  });
  for (Quantizer& q : plan.quantizers)
    if (q.weight) std::erase_if(q.uses, [&](const Use& use) { return unseen.contains(use.node); });
  std::erase_if(plan.quantizers, [](const Quantizer& q) { return q.uses.empty(); });
  for (NodeId node : unseen)
    plan.left_float.push_back({node,
                               "in a branch that no sample took, or a loop that none ran, or "
                               "without elements in all samples"});
  if (unseen.empty()) return;
  plan.notes.push_back(
      fmt::format("{} nodes stay in float: no sample took their branch of an If, ran their loop, "
                  "or had elements there",
                  unseen.size()));
  log(LogLevel::warning, "{}", plan.notes.back());
}

}  // namespace eightbit::algorithms
