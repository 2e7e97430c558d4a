#include "search/shared_weights.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace eightbit::search {
namespace {

// A copy for each use, where there are several. `Item` has uses.
template <typename Item>
void take_apart(const Item& item, std::vector<Item>& out) {
  if (item.uses.size() < 2) {
    out.push_back(item);
    return;
  }
  for (const Use& use : item.uses) out.emplace_back(item).uses = {use};
}

bool alike(const Quantizer& a, const Quantizer& b) {
  return a.weight && b.weight && a.value == b.value && a.spec == b.spec &&
         a.channel_axes == b.channel_axes && a.group == b.group && a.low == b.low &&
         a.high == b.high && a.levels == b.levels && a.scale == b.scale;
}

bool alike(const ConstantReplacement& a, const ConstantReplacement& b) {
  return a.value == b.value && !a.uses.empty() && !b.uses.empty() && a.reason == b.reason &&
         a.tensor.data == b.tensor.data && a.axis == b.axis && a.factor == b.factor;
}

template <typename Item>
std::vector<Item> joined(std::vector<Item> items) {
  std::vector<Item> out;
  for (Item& item : items) {
    const auto same = std::ranges::find_if(out, [&](const Item& one) { return alike(one, item); });
    if (same == out.end()) {
      out.push_back(std::move(item));
      continue;
    }
    std::ranges::copy(item.uses, std::back_inserter(same->uses));
    std::ranges::sort(same->uses);
  }
  return out;
}

}  // namespace

Plan with_weights_apart(Plan plan) {
  std::vector<Quantizer> quantizers;
  for (const Quantizer& q : plan.quantizers)
    if (q.weight)
      take_apart(q, quantizers);
    else
      quantizers.push_back(q);
  plan.quantizers = std::move(quantizers);
  std::vector<ConstantReplacement> constants;
  for (const ConstantReplacement& constant : plan.constants) take_apart(constant, constants);
  plan.constants = std::move(constants);
  return plan;
}

Plan with_weights_joined(Plan plan) {
  plan.quantizers = joined(std::move(plan.quantizers));
  plan.constants = joined(std::move(plan.constants));
  return plan;
}

}  // namespace eightbit::search
