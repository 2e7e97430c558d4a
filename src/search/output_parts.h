// What is judged one by one at a model's outputs, and its signal and noise.
//
// An output is one quantity, unless its channels are of two magnitudes that have nothing to do with
// each other, as the boxes (pixels) and scores (0 to 1) that detectors put into one tensor: there
// the noise of the scores, however large, would be nothing beside the boxes' signal.
#pragma once

#include <eightbit/tensor.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace eightbit::search {

struct OutputPart {
  size_t output = 0;
  int64_t axis = -1;           // -1: all of the output
  std::vector<char> channels;  // by channel of the axis: 1: is part of it

  // Behind the output's name: empty for all of it, else "[:, 0:4]" where its channels are one run,
  // or "[:, 17 channels]".
  std::string suffix() const;
};

// Of the outputs in floats. `outputs`: of the float model, called for each of `samples` in order.
// Two parts where an output has
// three axes, of the last two one is eight times as long as the other or more, and the root mean
// square of the channels of the shorter one has a gap of a factor 30 or more, with two channels at
// least on either side. Maps of pixels, whose borders may be silent, are one.
std::vector<OutputPart> output_parts(size_t samples,
                                     const std::function<std::vector<Tensor>(size_t)>& outputs);

// Signal and noise of one part over samples. Elements that are no numbers in the float model cannot
// be judged; where the other model has none, or another shape, the noise is infinite.
class OutputNoise {
 public:
  // Samples that another has taken.
  void add(const OutputNoise& more);
  // A sample.
  void add(const Tensor& reference, const Tensor& other, const OutputPart& part = {});

  double signal() const;
  double noise() const;
  // Infinite where nothing differs.
  double decibels() const;
  // What other samples may come to: with the standard error of the noise over the signal (of a
  // ratio of sums: Cochran, Sampling Techniques, 1977, ch. 6) more, or twice that less. Of one
  // sample decibels().
  double low_decibels() const { return decibels_with(1); }
  double high_decibels() const { return decibels_with(-2); }

 private:
  struct Energies {
    double signal = 0, noise = 0;
  };
  double decibels_with(double standard_errors) const;

  std::vector<Energies> samples_;
};

}  // namespace eightbit::search
