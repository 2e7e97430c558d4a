#include "placement/selection.h"

#include <algorithm>
#include <map>

namespace eightbit::placement {
namespace {

struct Member {
  Choice* choice;
  const SpecList* specs;
};

SpecList accepted_by_all(const std::vector<Member>& members) {
  SpecList common = *members[0].specs;
  for (const Member& member : members)
    std::erase_if(common, [&](const QuantizerSpec& spec) {
      return std::ranges::find(*member.specs, spec) == member.specs->end();
    });
  return common;
}

// Without a common configuration: a new group for each configuration but the first member's.
void split(std::vector<Member>& members, int& next_group) {
  std::vector<std::pair<QuantizerSpec, int>> parts{
      {members[0].choice->spec, members[0].choice->group}};
  for (Member& member : members) {
    auto part =
        std::ranges::find(parts, member.choice->spec, &std::pair<QuantizerSpec, int>::first);
    if (part == parts.end()) part = parts.insert(parts.end(), {member.choice->spec, next_group++});
    member.choice->group = part->second;
  }
}

void agree(std::vector<Member>& members, int& next_group) {
  std::erase_if(members, [](const Member& member) {
    if (member.choice->spec.per_channel) member.choice->group = -1;
    return member.choice->spec.per_channel;
  });
  if (members.empty()) return;
  const SpecList common = accepted_by_all(members);
  if (common.empty()) return split(members, next_group);
  for (Member& member : members) member.choice->spec = common[0];
}

}  // namespace

Selection select(Placement& placement, const std::vector<WeightPoint>& weights) {
  Selection out;
  std::map<int, std::vector<Member>> groups;
  out.activations.resize(placement.quantizers.size());
  out.weights.resize(weights.size());
  const auto add = [&](Choice& choice, const SpecList& specs, int group) {
    choice = {specs[0], placement.group_of(group)};
    if (choice.group >= 0) groups[choice.group].push_back({&choice, &specs});
  };
  for (size_t i = 0; i < out.activations.size(); ++i) {
    const Placed& q = placement.quantizers[i];
    if (!q.dropped)
      add(out.activations[i], placement.spec_lists[static_cast<size_t>(q.specs)], q.group);
  }
  for (size_t i = 0; i < weights.size(); ++i)
    add(out.weights[i], weights[i].specs, weights[i].group);
  int next_group = static_cast<int>(placement.group_parent.size());
  for (auto& [group, members] : groups) agree(members, next_group);
  return out;
}

void dissolve_small_groups(const Placement& placement, Selection& selection) {
  std::map<int, int> sizes;
  for (size_t i = 0; i < selection.activations.size(); ++i)
    if (!placement.quantizers[i].dropped) ++sizes[selection.activations[i].group];
  for (const Choice& choice : selection.weights) ++sizes[choice.group];
  for (auto* choices : {&selection.activations, &selection.weights})
    for (Choice& choice : *choices)
      if (sizes[choice.group] < 2) choice.group = -1;
}

}  // namespace eightbit::placement
