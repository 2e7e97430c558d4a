#include "pipeline/trial/misread_layers.h"

#include "search/integer_work.h"
#include "search/quantizer_groups.h"

namespace eightbit {
namespace {

using search::QuantizerGroup;

// More is another fault than of single kernels.
constexpr int kMostMisread = 4;

Plan without(const Graph& graph, const Plan& plan, const std::vector<QuantizerGroup>& groups,
             const std::vector<int>& taken_out) {
  return search::without_groups(graph, plan, groups, taken_out, false);
}

}  // namespace

std::optional<LayersInFloat> find_misread_layers(const Graph& graph, const Plan& plan,
                                                 const search::Readings& all,
                                                 std::string_view reason, const ReadPlan& read) {
  const std::vector<QuantizerGroup> groups = search::quantizer_groups(graph, plan);
  const auto misread = search::find_misread(static_cast<int>(groups.size()), all, kMostMisread,
                                            [&](const std::vector<int>& in_float) {
                                              return read(without(graph, plan, groups, in_float));
                                            });
  if (!misread) return std::nullopt;
  LayersInFloat out{without(graph, plan, groups, misread->groups), {}, 0};
  for (size_t i = plan.left_float.size(); i < out.plan.left_float.size(); ++i)
    out.plan.left_float[i].reason = reason;
  const std::vector<double> work = search::work_shares(graph, groups);
  for (int group : misread->groups) {
    out.share += work[static_cast<size_t>(group)];
    for (NodeId layer : groups[static_cast<size_t>(group)].layers)
      out.names.push_back(graph.node(layer).name);
  }
  return out;
}

}  // namespace eightbit
