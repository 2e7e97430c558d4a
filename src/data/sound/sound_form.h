// What a sound becomes: rate, channel, length and shape, settled once from options and model input.
#pragma once

#include <eightbit/dataset.h>

#include <optional>
#include <string>
#include <vector>

namespace eightbit {

struct SoundForm {
  int64_t rate = 0;                // Hz; 0: the file's own
  std::optional<int64_t> channel;  // from 0; unset: the mean of all
  int64_t length = 0;              // samples at that rate; 0: the whole sound
  Shape shape;                     // of the tensor, -1 where the length stands

  // The tensor of a sound that was read and resampled: cut at the end, or followed by silence.
  Tensor tensor_of(std::vector<float> samples) const;
  std::string text() const;  // for fingerprints
};

// Throws InvalidArgument when an option has no sense or does not fit the model's input.
SoundForm sound_form(const FileDatasetOptions& options);

}  // namespace eightbit
