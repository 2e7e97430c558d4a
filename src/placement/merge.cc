#include "placement/merge.h"

#include <algorithm>
#include <tuple>

namespace eightbit::placement {
namespace {

bool contains(const SpecList& list, const QuantizerSpec& spec) {
  return std::ranges::find(list, spec) != list.end();
}

bool same_multiset(const SpecList& a, const SpecList& b) {
  return std::ranges::is_permutation(a, b);
}

// Distinct lists: thousands of branches usually accept the same.
std::vector<const SpecList*> distinct(const std::vector<const SpecList*>& branches) {
  std::vector<const SpecList*> out;
  for (const SpecList* branch : branches)
    if (std::ranges::find(out, branch) == out.end()) out.push_back(branch);
  return out;
}

SpecList union_of(const std::vector<const SpecList*>& branches) {
  SpecList out;
  for (const SpecList* branch : branches)
    for (const QuantizerSpec& spec : *branch)
      if (!contains(out, spec)) out.push_back(spec);
  return out;
}

void sort_by_priority(SpecList& specs, const std::vector<const SpecList*>& branches) {
  size_t longest = 0;
  for (const SpecList* branch : branches) longest = std::max(longest, branch->size());
  const auto key = [&](const QuantizerSpec& spec) {
    size_t places = 0;
    for (const SpecList* branch : branches) {
      const auto it = std::ranges::find(*branch, spec);
      places += it == branch->end() ? longest + 1 : static_cast<size_t>(it - branch->begin());
    }
    return std::tuple(places, -spec.bits, spec.per_channel,
                      spec.mode == QuantizationScheme::asymmetric);
  };
  std::ranges::stable_sort(specs, {}, key);
}

bool acceptable(const QuantizerSpec& spec, const SpecList& branch) {
  return contains(branch, spec) || std::ranges::all_of(branch, [&](const QuantizerSpec& below) {
           return requantizes(below, spec);
         });
}

}  // namespace

bool requantizes(const QuantizerSpec& after, const QuantizerSpec& before) {
  const bool loses_zero =
      after.mode == QuantizationScheme::asymmetric && before.mode == QuantizationScheme::symmetric;
  const bool frees_sign = !after.signedness && before.signedness;
  const bool adds_sign = after.signedness == true && before.signedness == false;
  return after.bits <= before.bits && !loses_zero && !frees_sign && !adds_sign &&
         after.narrow_range == before.narrow_range;
}

Merged merge_branches(const std::vector<const SpecList*>& branches, QuantizerPropagationRule rule) {
  Merged out{{}, std::vector<bool>(branches.size(), true)};
  const std::vector<const SpecList*> lists = distinct(branches);
  const auto all = [&](const auto& test) { return std::ranges::all_of(lists, test); };
  switch (rule) {
    case QuantizerPropagationRule::do_not_merge_branches:
      return out;
    case QuantizerPropagationRule::merge_if_all_branches_same:
      if (all([&](const SpecList* list) { return same_multiset(*list, *lists[0]); }))
        out.specs = *lists[0];
      return out;
    case QuantizerPropagationRule::merge_with_potential_requantization:
      for (const QuantizerSpec& spec : union_of(lists))
        if (all([&](const SpecList* list) { return acceptable(spec, *list); }))
          out.specs.push_back(spec);
      for (size_t i = 0; i < branches.size(); ++i)
        out.absorbed[i] = same_multiset(*branches[i], out.specs);
      break;
    case QuantizerPropagationRule::merge_all_in_one:
      for (const QuantizerSpec& spec : *lists[0])
        if (all([&](const SpecList* list) { return contains(*list, spec); }))
          out.specs.push_back(spec);
      break;
  }
  sort_by_priority(out.specs, branches);
  return out;
}

}  // namespace eightbit::placement
