// From what a report measured to causes and fixes.
//
// Noise of a layer alone is 10^(-dB/10) of its signal. Its cause is the first that holds of
//   none             above 40 dB: less than one part in 10,000
//   clipping         activations make more than half of the noise, and values outside of the range
//                    err as much as rounding does, or more
//   bias shift       half of the noise or more is the same for all samples, by channel, and no bias
//                    makes up for it
//   weight           the weights alone make half of the noise or more
//   outlier channel  with a range a channel the rounding error would be 4 times smaller (6 dB) or
//                    more
//   rounding         everything else
// Where a layer reads several quantized values, the one whose quantizer is expected to err most.
#pragma once

#include <eightbit/report.h>

namespace eightbit {

// Fills in causes and fixes and puts the worst layers first.
void diagnose(ModelReport& report);

}  // namespace eightbit
