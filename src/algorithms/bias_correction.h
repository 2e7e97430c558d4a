// Bias correction: removes the shift that quantization causes in the mean of every layer's output.
//
// Needs:   a plan with all ranges.
// Records: the inputs of a few samples and the channel means of the float network's layers for each
// of them.
// Does:    runs these inputs once through the quantized network; behind every quantized convolution
//          and product of it the difference of channel means is added, sample by sample, so that
//          every layer sees inputs that earlier layers have already corrected, with all quantizers
//          on. The average over samples goes into the biases.
//          In front of a ReLU the means behind it are compared: of what it cuts off nobody sees
//          anything, and the mean of what is in front may be moved by that alone.
// Source:  Nagel et al., Data-Free Quantization Through Weight Equalization and Bias Correction,
//          arXiv 1906.04721, 4.2; the single pass is described in docs/how_it_works.md.
#pragma once

#include <span>
#include <vector>

#include "algorithms/algorithm.h"
#include "graph/graph.h"
#include "quant/plan.h"
#include "records/bias_probe.h"
#include "records/statistics_data.h"

namespace eightbit::algorithms {

extern const Algorithm kBiasCorrection;

// Whether biases are corrected by running samples; else from the means of the records
// (fast_bias_correction.h), or not at all.
bool corrects_by_running(const QuantizeOptions& options);

// Fills in plan.biases. What cannot be measured is left out, with a note.
void correct_biases(Run& run, Plan& plan);

// Samples that are run; and where more time may be taken. Fewer cost no accuracy on the reference
// models down to 16.
inline constexpr int64_t kCorrectionSamples = 16, kCarefulCorrectionSamples = 64;

// Where the differences are measured: layers with a quantized weight or input and a channel axis.
std::vector<BiasProbe> bias_probes(const Graph& graph, const Plan& plan);

// The means that belong to these probes, as the taps of a calibration.
std::vector<records::Point> layer_points(const Graph& graph, const std::vector<BiasProbe>& probes);
// Every layer whose bias could be corrected, whatever is quantized. None in branches of If, which a
// run may not take.
std::vector<BiasProbe> all_layers(const Graph& graph);

// The float means of each probe in turn, a row for each of these kept samples. Empty where a layer
// was not measured.
std::vector<std::vector<float>> reference_means(const Graph& graph,
                                                const std::vector<BiasProbe>& probes,
                                                const records::StatisticsData& statistics,
                                                std::span<const int64_t> samples, const Plan& plan);

// Collects the records of these probes and nothing else.
class BiasCorrection {
 public:
  explicit BiasCorrection(std::vector<BiasProbe> probes);
  void add(std::span<const float> record);
  // The average of each channel over the samples. `checked`: only of layers where the average over
  // the other samples lowers the error of a sample, summed over samples and channels.
  std::vector<BiasShift> shifts(bool checked) const;

 private:
  bool helps(size_t first, int64_t channels) const;
  double trusted_mean(size_t i) const;
  std::vector<BiasProbe> probes_;
  std::vector<double> sum_, square_;
  int64_t count_ = 0;
};

}  // namespace eightbit::algorithms
