// SmoothQuant: moves the spread of activation channels into the weights.
//
// Needs:   graph; placement (only matrix products whose input and weight are quantized).
// Records: largest |x| and mean of x^2 of every input channel of the products.
// Does:    x is divided and W multiplied by s = A^alpha / W^(1 - alpha), with A the largest |x| and
//          W the largest |w| of a channel; one s for all products that read the same value. Recipe
//          eightbit chooses alpha for each group: the one with the least expected error of the
//          products; a group is left alone where none helps. Recipe nncf: alpha 0.95, s clipped to
//          [its 0.1 quantile, 100], taken from the member with the flattest s. Convolutions too,
//          behind Swish and its like, where nothing else reads their input and the error falls
//          clearly; nothing is clipped then.
// Source:  Xiao et al., SmoothQuant, arXiv 2211.10438, section 4; error model in smooth_quant.cc.
#pragma once

#include <eightbit/options.h>

#include "algorithms/algorithm.h"
#include "graph/graph.h"
#include "quant/plan.h"
#include "records/statistics_data.h"
#include "records/tap_request.h"

namespace eightbit::algorithms {

extern const Algorithm kSmoothQuant;

bool smooth_quant_applies(const QuantizeOptions& options);
// Moves quantizers that climbed from a product through reshapes and transpositions back to its
// input: the scale goes in front of the quantizer, and channels must be those of the product. Call
// it before anything is requested.
void smooth_quant_prepare(const Graph& graph, const QuantizeOptions& options, Plan& plan);
void smooth_quant_request(const Graph& graph, const Plan& plan, const QuantizeOptions& options,
                          records::TapRequest& taps);
void smooth_quant(const Graph& graph, const records::StatisticsData& statistics,
                  const QuantizeOptions& options, Plan& plan);

}  // namespace eightbit::algorithms
