#include "algorithms/left_out_layers.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "base/log.h"
#include "graph/roles.h"

namespace eightbit::algorithms {
namespace {

constexpr double kFaint = 32.0 / 256;  // of the levels
constexpr size_t kFewestSamples = 20, kOneIn = 20;

// Quantizers of activations that `leave` are taken out, with those of the weights of all that read
// them; how many nodes that makes.
size_t leave_in_float(Plan& plan, const std::string& reason,
                      const std::function<bool(const Quantizer&)>& leave) {
  std::set<NodeId> nodes;
  std::erase_if(plan.quantizers, [&](const Quantizer& q) {
    if (q.weight || !leave(q)) return false;
    for (const Use& use : q.uses) nodes.insert(use.node);
    return true;
  });
  for (Quantizer& q : plan.quantizers)
    if (q.weight) std::erase_if(q.uses, [&](const Use& use) { return nodes.contains(use.node); });
  std::erase_if(plan.quantizers, [](const Quantizer& q) { return q.uses.empty(); });
  for (NodeId node : nodes) plan.left_float.push_back({node, reason});
  return nodes.size();
}

bool is_faint(const records::StatisticsData& statistics, int point) {
  std::vector<double> widths;
  double low = 0, high = 0;
  for (const records::Row& row : statistics.rows(point)) {
    widths.push_back(std::max<double>(row.max, 0) - std::min<double>(row.min, 0));
    low = std::min<double>(low, row.min);
    high = std::max<double>(high, row.max);
  }
  if (widths.size() < kFewestSamples) return false;
  const auto twentieth = widths.begin() + static_cast<ptrdiff_t>(widths.size() / kOneIn);
  std::ranges::nth_element(widths, twentieth);
  return *twentieth < kFaint * (high - low);
}

}  // namespace

void leave_unseen_in_float(const records::StatisticsData& statistics, Plan& plan) {
  const size_t unseen = leave_in_float(
      plan,
      "in a branch that no sample took, or a loop that none ran, or without elements in all "
      "samples",
      [&](const Quantizer& q) {
        const int point = statistics.point_of(q.value);
        return point != kNone && statistics.fold(point).count == 0;
      });
  if (unseen == 0) return;
  plan.notes.push_back(
      fmt::format("{} nodes stay in float: no sample took their branch of an If, ran their loop, "
                  "or had elements there",
                  unseen));
  log(LogLevel::warning, "{}", plan.notes.back());
}

void leave_faint_inputs_in_float(const Graph& graph, const records::StatisticsData& statistics,
                                 Plan& plan) {
  const size_t faint = leave_in_float(
      plan, "one sample in 20 fills fewer than 32 of the 256 levels of its input",
      [&](const Quantizer& q) {
        const int point = statistics.point_of(q.value);
        return point != kNone && !q.spec.fp8 && q.spec.bits <= 8 &&
               comes_from(graph, q.value, Op::parameter) && is_faint(statistics, point);
      });
  if (faint > 0)
    plan.notes.push_back(fmt::format(
        "{} nodes stay in float: samples of the input that they read are more than 8 times "
        "fainter than others, and 8 bits would leave them 20 dB of signal to noise at most",
        faint));
}

}  // namespace eightbit::algorithms
