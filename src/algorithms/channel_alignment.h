// Channel alignment: gives the channels between two convolutions the same centre and width.
//
// Needs:   graph; scales of smooth quant, if any (what they touch is left alone).
// Records: quantiles 1e-4 and 1 - 1e-4 and the extremes of every channel of every sample.
// Does:    for P [-> bias] -> C, where nothing but the convolution C reads P and C neither pads nor
//          steps: the middle m of a channel's range (medians over samples) moves from P's bias into
//          C's, and its width, relative to the median width and within [0.01, 100], moves from P's
//          weights into C's. The network computes the same. The middle moves only where both have a
//          bias.
// Source:  Meller et al., Same, Same But Different, arXiv 1902.01917, for the widths;
//          docs/quantization.md.
#pragma once

#include <eightbit/options.h>

#include "algorithms/algorithm.h"
#include "graph/graph.h"
#include "quant/plan.h"
#include "records/statistics_data.h"
#include "records/tap_request.h"

namespace eightbit::algorithms {

extern const Algorithm kChannelAlignment;

void channel_alignment_request(const Graph& graph, const Plan& plan, records::TapRequest& taps);

// The constants to be replaced before anything else is done to the network, and in `changes` of
// both plans which values differ from what was measured. Throws InvalidArgument when the statistics
// lack the quantiles.
Plan channel_alignment(const Graph& graph, const records::StatisticsData& statistics, Plan& plan);

}  // namespace eightbit::algorithms
