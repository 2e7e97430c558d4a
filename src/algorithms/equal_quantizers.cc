#include "algorithms/equal_quantizers.h"

#include <algorithm>
#include <vector>

namespace eightbit::algorithms {

void share_equal_quantizers(Plan& plan) {
  std::vector<Quantizer> kept;
  const auto scale_of = [&](const Quantizer& q) { return scale_at(plan, q.uses.front()); };
  for (Quantizer& q : plan.quantizers) {
    const auto twin = std::ranges::find_if(kept, [&](const Quantizer& k) {
      return !q.weight && !k.weight && k.value == q.value && k.spec == q.spec && k.low == q.low &&
             k.high == q.high && k.scale == q.scale && k.levels == q.levels && k.group == q.group &&
             scale_of(k) == scale_of(q);
    });
    if (twin == kept.end()) {
      kept.push_back(std::move(q));
      continue;
    }
    twin->uses.insert(twin->uses.end(), q.uses.begin(), q.uses.end());
    std::ranges::sort(twin->uses);
  }
  plan.quantizers = std::move(kept);
}

}  // namespace eightbit::algorithms
