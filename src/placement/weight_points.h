// The quantizers of weights, and embeddings whose table takes over the quantizer of what is looked
// up.
#pragma once

#include <vector>

#include "placement/propagation.h"

namespace eightbit::placement {

struct WeightPoint {
  NodeId node = kNone;
  int32_t port = 0;
  SpecList specs;  // best first
  int group = -1;  // of an embedding that shares its scale with activations
};

// In graph order. Throws InvalidArgument when `wanted` leaves nothing for a weight.
std::vector<WeightPoint> find_weights(const UnitGraph& units, const Device& device,
                                      const QuantizationParameters& wanted);

// A quantizer that rests on the output of an embedding is dropped where a configuration suits it,
// its group and the table: then the table is quantized that way. `keep_tied`: not where another
// weight point reads the same table, which so stays one constant.
void quantize_tables_instead(const UnitGraph& units, Placement& placement,
                             std::vector<WeightPoint>& weights, bool keep_tied);

}  // namespace eightbit::placement
