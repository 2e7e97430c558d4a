// Which groups of quantizers to suspect first: runs a few samples through the quantized network.
#pragma once

#include <eightbit/dataset.h>
#include <eightbit/run.h>

#include <memory>
#include <vector>

#include "backends/network.h"
#include "search/output_parts.h"
#include "search/quantizer_groups.h"

namespace eightbit {

// By group: its estimated share of the noise at the outputs (search/noise_attribution.h).
std::vector<double> noise_shares(const backends::Network& model, const Plan& plan,
                                 const std::vector<search::QuantizerGroup>& groups,
                                 const std::vector<Sample>& samples, const RunOptions& run);

// What these shares are made of: for each sample signal and noise at the values where they are
// wanted. Samples that hold several items come as one. Rows can be measured apart from each other.
std::vector<std::vector<double>> noise_terms(const backends::Network& model, const Plan& plan,
                                             const std::vector<Sample>& samples,
                                             const RunOptions& run);
std::vector<double> noise_shares(const Graph& graph, const Plan& plan,
                                 const std::vector<search::QuantizerGroup>& groups,
                                 const std::vector<std::vector<double>>& terms);

// Measures rows, a sample at a time, with programs that are compiled once.
class TermMeter {
 public:
  virtual ~TermMeter() = default;
  virtual std::vector<double> row(const Sample& sample) = 0;
};
// Rows of noise_terms(). `network` must outlive it.
std::unique_ptr<TermMeter> noise_meter(const backends::Network& network, Plan plan,
                                       const RunOptions& run);

// By group: its noise over the signal at each of these parts of the model's outputs, where it alone
// is quantized, over samples. What each layer does wrong is measured once a sample and then added
// to the float network, group by group: an inference a group and sample, on the first two samples;
// on the others without the groups whose noise together is negligible at all parts. Empty where the
// engine cannot do that, and where these errors would take more than 512 MB, or a quarter of
// max_memory.
std::vector<std::vector<double>> noise_of_each(const backends::Network& network, const Plan& plan,
                                               const std::vector<search::QuantizerGroup>& groups,
                                               const std::vector<search::OutputPart>& parts,
                                               const std::vector<Sample>& samples,
                                               double negligible, const RunOptions& run);

// Items of the dataset with these numbers, in order. Empty where it holds fewer.
std::vector<Sample> samples_at(const Dataset& data, const std::vector<int64_t>& numbers);

}  // namespace eightbit
