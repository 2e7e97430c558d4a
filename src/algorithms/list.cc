// The list of algorithms: one row each, in the order in which they are carried out.
#include <algorithm>

#include "algorithms/algorithm.h"
#include "algorithms/bias_correction.h"
#include "algorithms/channel_alignment.h"
#include "algorithms/ranges.h"
#include "algorithms/smooth_quant.h"
#include "algorithms/weight_rounding.h"

namespace eightbit::algorithms {
namespace {

constexpr const Algorithm* kList[] = {&kSmoothQuant, &kChannelAlignment, &kRanges, &kWeightRounding,
                                      &kBiasCorrection};

}  // namespace

std::span<const Algorithm* const> list() { return kList; }

void prepare(const Graph& graph, const QuantizeOptions& options, Plan& plan) {
  for (const Algorithm* one : list())
    if (one->prepare && one->applies(options)) one->prepare(graph, options, plan);
}

void request(const Graph& graph, const Plan& plan, const QuantizeOptions& options,
             Request& request) {
  for (const Algorithm* one : list())
    if (one->request && one->applies(options)) one->request(graph, plan, options, request);
}

void tell_facts(const Graph& graph, const Plan& plan, const QuantizeOptions& options,
                RunFacts& facts) {
  for (const Algorithm* one : list())
    if (one->facts && one->applies(options)) one->facts(graph, plan, options, facts);
}

int64_t samples_wanted(const QuantizeOptions& options) {
  int64_t most = 0;
  for (const Algorithm* one : list())
    if (one->samples && one->applies(options)) most = std::max(most, one->samples(options));
  return most;
}

void request_all(const Graph& graph, std::span<const Use> inputs, const CalibrateOptions& options,
                 Request& request) {
  for (const Algorithm* one : list())
    if (one->request_all) one->request_all(graph, inputs, options, request);
}

int64_t most_samples() {
  QuantizeOptions careful;
  careful.fast_bias_correction = false;
  careful.weight_rounding = eightbit::WeightRounding::adaptive;
  return samples_wanted(careful);
}

}  // namespace eightbit::algorithms
