// From measured extremes or a histogram to the range that a quantizer should cover.
#pragma once

#include <eightbit/options.h>

#include <span>
#include <vector>

#include "records/histogram.h"
#include "records/statistics_data.h"

namespace eightbit::records {

// One number from one number a sample. The order of samples does not matter, except for rounding.
//   *_no_outliers: values outside the quantiles p and 1-p over the samples are left out (numpy
//   interpolation).
float aggregate(std::span<const float> values, AggregatorType type, double quantile_outlier_prob);

// `value` within the estimator's clipping_value, if it has one.
float clipped(float value, const StatisticsCollectorParameters& estimator);

// A range and the expected squared error, a value, of rounding to it and clipping at its ends.
struct ClippedRange {
  float low = 0, high = 0;
  double error = 0;
};

// The range with the smallest expected squared error over the histogram, between [min, max] and an
// eighth of it. Symmetric: high = -low, or low = 0 where no value is negative. `levels`: how many
// values the quantizer has. Inside the range a value is off by step^2 / 12, or by its own square
// where it rounds to 0; outside by its distance to the range.
ClippedRange least_error_range(const Histogram& histogram, float min, float max, int levels,
                               QuantizationScheme mode);

// The expected squared error of a given range.
double expected_error(const Histogram& histogram, float low, float high, int levels);

// Mean of x^2.
double mean_square(const Histogram& histogram);

}  // namespace eightbit::records
