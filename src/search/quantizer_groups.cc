#include "search/quantizer_groups.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "graph/roles.h"
#include "quant/channels.h"

namespace eightbit::search {
namespace {

// What quantizers reach.
class Reach {
 public:
  Reach(const Graph& graph, const Plan& plan) : graph_(graph) {
    for (const Quantizer& q : plan.quantizers) quantized_.insert(q.uses.begin(), q.uses.end());
  }

  // Nodes that read the quantized value, those that hand it on included.
  std::set<NodeId> of(const Quantizer& quantizer) const {
    std::set<NodeId> reached;
    std::vector<NodeId> open;
    for (const Use& use : quantizer.uses) visit(use.node, reached, open);
    while (!open.empty()) {
      const NodeId id = open.back();
      open.pop_back();
      for (ValueId output : graph_.node(id).outputs)
        for (const Use& use : graph_.value(output).uses)
          if (!quantized_.contains(use)) visit(use.node, reached, open);
    }
    return reached;
  }

 private:
  void visit(NodeId node, std::set<NodeId>& reached, std::vector<NodeId>& open) const {
    if (reached.insert(node).second && passes_on(graph_.node(node).op)) open.push_back(node);
  }

  const Graph& graph_;
  std::set<Use> quantized_;
};

class UnionFind {
 public:
  explicit UnionFind(size_t size) : parent_(size) {
    std::iota(parent_.begin(), parent_.end(), size_t{0});
  }
  size_t find(size_t i) {
    while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
    return i;
  }
  void join(size_t a, size_t b) { parent_[find(b)] = find(a); }

 private:
  std::vector<size_t> parent_;
};

}  // namespace

std::vector<QuantizerGroup> quantizer_groups(const Graph& graph, const Plan& plan) {
  const Reach reach(graph, plan);
  UnionFind sets(plan.quantizers.size());
  std::map<NodeId, size_t> first_at;
  std::vector<std::set<NodeId>> reached;
  for (size_t i = 0; i < plan.quantizers.size(); ++i)
    for (NodeId node : reached.emplace_back(reach.of(plan.quantizers[i])))
      if (const auto [it, is_new] = first_at.emplace(node, i); !is_new) sets.join(it->second, i);

  std::map<size_t, std::pair<QuantizerGroup, std::set<NodeId>>> by_root;
  for (size_t i = 0; i < plan.quantizers.size(); ++i) {
    auto& [group, layers] = by_root[sets.find(i)];
    group.quantizers.push_back(i);
    for (NodeId node : reached[i])
      if (can_be_quantized(graph.node(node).op)) layers.insert(node);
  }
  std::vector<QuantizerGroup> groups;
  for (auto& [root, found] : by_root) {
    found.first.layers.assign(found.second.begin(), found.second.end());
    groups.push_back(std::move(found.first));
  }
  std::ranges::sort(groups, {},
                    [](const QuantizerGroup& g) { return std::pair(g.layers, g.quantizers); });
  return groups;
}

Plan without_groups(const Graph& graph, const Plan& plan, const std::vector<QuantizerGroup>& groups,
                    std::span<const int> taken_out, bool only_activations) {
  std::set<size_t> gone;
  for (int group : taken_out)
    for (size_t i : groups[static_cast<size_t>(group)].quantizers)
      if (!only_activations || !plan.quantizers[i].weight) gone.insert(i);
  Plan out = plan;
  out.quantizers.clear();
  std::set<NodeId> quantized;
  for (size_t i = 0; i < plan.quantizers.size(); ++i) {
    const Quantizer& q = plan.quantizers[i];
    if (gone.contains(i)) {
      if (q.weight) take_back_rounding(graph, q, out);
      continue;
    }
    out.quantizers.push_back(q);
    for (const Use& use : q.uses) quantized.insert(use.node);
  }
  std::erase_if(out.biases,
                [&](const BiasShift& shift) { return !quantized.contains(shift.node); });
  for (int group : taken_out)
    for (NodeId node : groups[static_cast<size_t>(group)].layers)
      if (!quantized.contains(node))
        out.left_float.push_back({node, "taken out by accuracy control"});
  return out;
}

}  // namespace eightbit::search
