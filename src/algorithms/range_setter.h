// Writes what a quantizer is to cover as its range, and gives the members of a group one range.
#pragma once

#include <eightbit/options.h>

#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "quant/fake_quantize.h"
#include "quant/plan.h"

namespace eightbit::algorithms {

class RangeSetter {
 public:
  explicit RangeSetter(const QuantizeOptions& options) : options_(options) {}

  // By channel, or one. `max` is the largest |x| for symmetric schemes. From any thread.
  void set(Quantizer& q, std::vector<float> min, std::vector<float> max);
  static void assign(Quantizer& q, QuantizedRange range);

  // The members' range is that of all their values together. After each was set.
  void join(const std::vector<Quantizer*>& members);

 private:
  const QuantizeOptions& options_;
  std::mutex extremes_mutex_;
  // what the ranges of groups were made from
  std::map<const Quantizer*, std::pair<float, float>> extremes_;
};

}  // namespace eightbit::algorithms
