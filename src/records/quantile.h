// Quantiles between the values of a set, and which of them an end of a range reads.
#pragma once

#include <eightbit/options.h>

#include <optional>
#include <span>

namespace eightbit::records {

// The value at position p (n - 1) of the n values in order, linear between two neighbours: numpy's
// default. Reorders `values`, which must not be empty; p in [0, 1].
double quantile(std::span<float> values, double p);

// The quantile that the estimator of one end of a range reads, as Tap::quantiles stores it; none
// for other statistics. The upper end of a symmetric range is that of |x|.
std::optional<double> quantile_of(const StatisticsCollectorParameters& estimator, bool upper,
                                  bool symmetric);

}  // namespace eightbit::records
