#include "pipeline/placement_choice.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "graph/roles.h"
#include "search/integer_work.h"

namespace eightbit {
namespace {

using backends::LayerPrecision;

// Which group a layer of the runtime belongs to.
class Owners {
 public:
  Owners(const Graph& graph, const std::vector<search::QuantizerGroup>& groups) {
    const Indexed<NodeId, double> work = search::multiplications(graph);
    for (size_t g = 0; g < groups.size(); ++g)
      for (NodeId node : groups[g].layers)
        by_name_[graph.node(node).name] = {static_cast<int>(g), work[node]};
    for (size_t g = 0; g < groups.size(); ++g)
      for (NodeId node : groups[g].layers) add_bias(graph, node, static_cast<int>(g));
  }

  // Of layers that were fused the one with most work counts. kNone: of no group.
  int of(const LayerPrecision& layer) {
    Owned best;
    if (!look(layer.name, best)) look_for_beginning(layer.name, best);
    for (const std::string& node : layer.nodes) look(node, best);
    return best.group;
  }

  // Groups of which something was executed, in layers of their own or of others.
  const std::set<int>& seen() const { return seen_; }

 private:
  struct Owned {
    int group = kNone;
    double work = -1;
  };

  // A product that ends in its bias may be called after that alone.
  void add_bias(const Graph& graph, NodeId node, int group) {
    if (graph.node(node).outputs.empty()) return;
    const auto& uses = graph.value(graph.node(node).outputs[0]).uses;
    if (uses.size() != 1) return;
    const Node& next = graph.node(uses.front().node);
    if (next.op == Op::add && reads_any_constant(graph, next))
      by_name_.try_emplace(next.name, Owned{group, 0});
  }

  bool look(const std::string& name, Owned& best) {
    const auto found = by_name_.find(name);
    if (found == by_name_.end()) return false;
    seen_.insert(found->second.group);
    if (found->second.work > best.work) best = found->second;
    return true;
  }

  // ONNX Runtime calls what it fuses "a/MatMul/MatMulAddFusion". Names of quantizers begin with
  // what they stand behind.
  void look_for_beginning(std::string name, Owned& best) {
    if (name.find("/fq_") != std::string::npos) return;
    for (size_t end = name.rfind('/'); end != std::string::npos && end > 0; end = name.rfind('/')) {
      name.resize(end);
      if (look(name, best)) return;
    }
  }

  std::map<std::string, Owned> by_name_;
  std::set<int> seen_;
};

}  // namespace

bool is_conversion(const LayerPrecision& layer) {
  constexpr std::array<std::string_view, 5> kTypes = {"Reorder", "Convert", "FakeQuantize",
                                                      "QuantizeLinear", "DequantizeLinear"};
  return std::ranges::find(kTypes, layer.type) != kTypes.end();
}

std::vector<std::optional<double>> times_of_groups(
    const Graph& graph, const std::vector<search::QuantizerGroup>& groups,
    const std::vector<LayerPrecision>& executed) {
  Owners owners(graph, groups);
  std::vector<double> times(groups.size());
  int before = kNone;
  double between = 0;  // since `before`
  const auto close = [&](int next) {
    const double share = before != kNone && next != kNone ? between / 2 : between;
    for (int group : {before, next})
      if (group != kNone) times[static_cast<size_t>(group)] += share;
    between = 0;
  };
  for (const LayerPrecision& layer : executed) {
    const int owner = owners.of(layer);
    if (owner == kNone) {
      between += layer.milliseconds;
      continue;
    }
    close(owner);
    times[static_cast<size_t>(owner)] += layer.milliseconds;
    before = owner;
  }
  close(kNone);
  std::vector<std::optional<double>> out(times.begin(), times.end());
  for (size_t g = 0; g < out.size(); ++g)
    if (!owners.seen().contains(static_cast<int>(g))) out[g].reset();
  return out;
}

double conversion_time(const std::vector<LayerPrecision>& executed) {
  double sum = 0;
  int count = 0;
  for (const LayerPrecision& layer : executed) {
    if (!is_conversion(layer) || layer.milliseconds <= 0) continue;
    sum += layer.milliseconds;
    ++count;
  }
  return count > 0 ? sum / count : 0;
}

std::vector<int> unpaid_groups(std::span<const GroupTimes> times, double conversion,
                               double chance) {
  struct Step {
    // whether the group in front leaves, on the best way to this one in integers, in floats
    bool stays_before, leaves_before;
  };
  std::vector<Step> steps;
  double stays = 0, leaves = 0;  // of the best way so far
  for (const GroupTimes& group : times) {
    const double doubt = chance * (group.in_float + group.in_integers) / 2;
    steps.push_back({leaves + conversion < stays, !(stays + conversion < leaves)});
    const double all_in_integers = std::min(stays, leaves + conversion) + group.in_integers;
    leaves = std::min(leaves, stays + conversion) + group.in_float + doubt;
    stays = all_in_integers;
  }
  bool left = leaves < stays;
  std::vector<int> out;
  for (size_t g = times.size(); g-- > 0;
       left = left ? steps[g].leaves_before : steps[g].stays_before)
    if (left) out.push_back(static_cast<int>(g));
  std::ranges::reverse(out);
  return out;
}

std::vector<int> better_half(std::span<const GroupTimes> times, const std::vector<int>& groups) {
  std::vector<int> half = groups;
  std::ranges::stable_sort(half, std::greater<>(),
                           [&](int g) { return times[static_cast<size_t>(g)].gain(); });
  half.resize((half.size() + 1) / 2);
  std::ranges::sort(half);
  return half;
}

void drop_smoothing_of_floats(Plan& plan) {
  std::set<NodeId> quantized;
  for (const Quantizer& q : plan.quantizers)
    for (const Use& use : q.uses) quantized.insert(use.node);
  const auto smooths = [](const ConstantReplacement& constant, NodeId node) {
    return constant.reason == ReplacementReason::smooth_quant && constant.uses.size() == 1 &&
           constant.uses.front().node == node;
  };
  for (ScaleInsertion& scale : plan.scales)
    std::erase_if(scale.uses, [&](const Use& use) {
      if (quantized.contains(use.node)) return false;
      return std::erase_if(plan.constants, [&](const ConstantReplacement& constant) {
               return smooths(constant, use.node);
             }) == 1;
    });
  std::erase_if(plan.scales, [](const ScaleInsertion& scale) { return scale.uses.empty(); });
}

}  // namespace eightbit
