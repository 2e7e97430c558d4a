#include "analysis/as_they_are.h"

#include <utility>

namespace eightbit {

AsTheyAre::AsTheyAre(const backends::Network& reference, const backends::Network& quantized)
    : reference_(reference.runner(backends::FloatPrecision::f32)),
      quantized_(quantized.runner(backends::FloatPrecision::f32)) {}

void AsTheyAre::run(const Sample& sample) {
  constexpr int64_t kMost = 64;
  if (samples_++ == kMost) reference_.reset(), quantized_.reset();
  if (!reference_) return;
  const std::vector<Tensor> a = reference_->run(sample), b = quantized_->run(sample);
  noise_.resize(a.size());
  for (size_t i = 0; i < a.size() && i < b.size(); ++i)
    if (is_float(a[i].dtype)) noise_[i].add(a[i], b[i]);
}

void AsTheyAre::tell(std::vector<LayerDifference>& outputs) const {
  for (size_t i = 0; i < outputs.size() && outputs.size() == noise_.size(); ++i)
    outputs[i].measured_db = std::exchange(outputs[i].sqnr_db, noise_[i].decibels());
}

}  // namespace eightbit
