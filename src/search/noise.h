// Signal and noise between two models, added up over samples.
#pragma once

#include <eightbit/dataset.h>

#include <functional>
#include <optional>
#include <vector>

#include "backends/network.h"

namespace eightbit {

struct Noise {
  double signal = 0, noise = 0, dot = 0, power = 0;
  std::vector<double> shift;  // mean difference of each channel; empty without an axis
  double elements = 0;        // of each channel, over all samples
  int64_t samples = 0;        // that computed the value

  double sqnr_db() const;  // infinite where nothing differs
  double cosine() const;
  // Share of the noise that is the same for all samples and positions of a channel.
  double constant_share() const;
  void take_off_constant();

 private:
  double constant() const;
};

// Runs the comparisons, in order.
std::vector<Noise> measure_noise(const backends::Network& model,
                                 const backends::Measurement& compared, int threads,
                                 const std::function<std::optional<Sample>()>& next,
                                 const std::function<void()>& after_sample);

}  // namespace eightbit
