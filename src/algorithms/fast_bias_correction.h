// Fast bias correction: takes the mean error of the rounded weights out of every layer, without
// running anything.
//
// Needs:   a plan with the ranges of weights; scales of smooth quant, if any.
// Records: mean of every input channel of the layers.
// Does:    a layer's output is off by (W_q - W) x, on average by
//          sum_i sum_kernel (W_q - W)[o, i] * mean(x_i); the negative of that goes into its bias.
//          Layers are corrected one by one: errors of earlier layers, of activation quantizers and
//          of padding at the borders are not seen. For statistics without sample inputs. Recipe
//          nncf: only layers that have a bias, and only where |shift / bias| stays below the
//          threshold (2).
// Source:  Nagel et al., Data-Free Quantization Through Weight Equalization and Bias Correction,
//          arXiv 1906.04721, 4.2.
#pragma once

#include <eightbit/options.h>

#include <vector>

#include "graph/graph.h"
#include "quant/plan.h"
#include "records/statistics_data.h"
#include "records/tap_request.h"

namespace eightbit::algorithms {

void fast_bias_correction_request(const Graph& graph, const Plan& plan, records::TapRequest& taps);

// Layers whose input means were not measured are left as they are.
std::vector<BiasShift> fast_bias_shifts(const Graph& graph,
                                        const records::StatisticsData& statistics,
                                        const QuantizeOptions& options, const Plan& plan);

}  // namespace eightbit::algorithms
