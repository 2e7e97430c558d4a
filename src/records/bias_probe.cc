#include "records/bias_probe.h"

#include <algorithm>

#include "base/error.h"
#include "records/tensor_record.h"

namespace eightbit {

std::vector<float> mean_shift(const BiasProbe& probe, std::span<const float> reference,
                              const float* data, std::span<const int64_t> shape) {
  std::vector<float> passed, active;
  if (probe.relu != kNone) {
    int64_t size = 1;
    for (int64_t extent : shape) size *= extent;
    passed.assign(data, data + size);
    for (float& x : passed) x = std::max(x, 0.0f);
    active = passed;
    for (float& x : active) x = x > 0 ? 1.0f : 0.0f;
    active = channel_means(active.data(), shape, probe.axis);
  }
  std::vector<float> shift =
      channel_means(probe.relu != kNone ? passed.data() : data, shape, probe.axis);
  EIGHTBIT_CHECK(shift.size() == reference.size(), "{} channels where {} are known", shift.size(),
                 reference.size());
  for (size_t c = 0; c < shift.size(); ++c) {
    shift[c] = reference[c] - shift[c];
    if (!active.empty()) shift[c] /= std::max(active[c], kLeastActive);
  }
  return shift;
}

}  // namespace eightbit
