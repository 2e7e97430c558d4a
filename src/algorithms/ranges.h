// Ranges: gives every quantizer of the plan its range.
//
// Needs:   placement; scales and replaced constants of smooth quant and channel alignment, if any.
// Records: per quantized value min and max a sample, its histogram (recipe eightbit, per tensor),
//          channel extremes (per channel), channel means and mean squares (in front of weights),
//          quantiles (when an estimator asks).
// Does:    activations: recipe eightbit takes the range of least expected squared error over the
//          histogram; recipe nncf the mean over samples of min and max; an estimator of the options
//          beats both. Per channel: min and max over all samples. Weights: recipe eightbit searches
//          the scale of each channel (weight_fit.h); recipe nncf takes the largest |w|, halved
//          range where int16 sums would overflow. Members of a group share the widest range.
// Source:  docs/quantization.md; the formulas are in quant/fake_quantize.h and
//          records/range_estimator.h.
#pragma once

#include <eightbit/options.h>

#include "algorithms/algorithm.h"
#include "graph/graph.h"
#include "quant/plan.h"
#include "records/statistics_data.h"
#include "records/tap_request.h"

namespace eightbit::algorithms {

extern const Algorithm kRanges;

void ranges_request(const Graph& graph, const Plan& plan, const QuantizeOptions& options,
                    records::TapRequest& taps);

// Throws InvalidArgument when the
// statistics lack a point that the plan needs.
void find_ranges(const Graph& graph, const records::StatisticsData& statistics,
                 const QuantizeOptions& options, Plan& plan);

}  // namespace eightbit::algorithms
