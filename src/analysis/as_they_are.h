// Both models of a comparison as users run them, beside the program that measures their layers.
#pragma once

#include <eightbit/compare.h>

#include <memory>
#include <vector>

#include "backends/network.h"
#include "pipeline/trial/trial_run.h"

namespace eightbit {

class AsTheyAre {
 public:
  AsTheyAre(const backends::Network& reference, const backends::Network& quantized);

  // Up to 64 samples; more are passed over.
  void run(const Sample& sample);
  // Puts what users get into `sqnr_db`, and what was there into `measured_db`.
  void tell(std::vector<LayerDifference>& outputs) const;

 private:
  std::unique_ptr<backends::Runner> reference_, quantized_;
  std::vector<search::OutputNoise> noise_;  // of each output
  int64_t samples_ = 0;
};

}  // namespace eightbit
