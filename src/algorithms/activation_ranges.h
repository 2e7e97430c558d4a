// The ranges of activations, from what was measured of them.
#pragma once

#include <eightbit/options.h>

#include "algorithms/range_setter.h"
#include "graph/graph.h"
#include "quant/plan.h"
#include "records/statistics_data.h"

namespace eightbit::algorithms {

// Whether the range of such a quantizer is searched over the histogram of its values.
bool uses_histogram(const QuantizerSpec& spec, const QuantizeOptions& options);

// Gives the quantizer its range; a free scheme is chosen. Throws InvalidArgument when the
// statistics lack what it needs. Safe for many quantizers of one plan at a time.
void find_activation_range(const Graph& graph, const records::StatisticsData& statistics,
                           const QuantizeOptions& options, const Plan& plan, RangeSetter& ranges,
                           Quantizer& q);

}  // namespace eightbit::algorithms
