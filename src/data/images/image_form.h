// What an image becomes: size, channels, layout, type and normalization, settled once from options
// and model input.
#pragma once

#include <eightbit/dataset.h>

#include <array>
#include <string>
#include <vector>

#include "data/images/image_preparation.h"

namespace eightbit {

struct ImageForm {
  int64_t height = 0, width = 0;  // 0: the image's own
  // in the place of one resizing to height x width
  std::vector<ImageOperation> operations;
  int64_t channels = 3;  // 3 or 1
  bool bgr = false;
  bool nhwc = false;
  DType dtype = DType::f32;  // or u8: as decoded
  // (level - mean) / scale, for each channel of the result
  std::array<std::array<float, 256>, 3> values{};

  std::string text() const;  // for fingerprints
};

// Throws InvalidArgument when an option has no sense for images or does not fit the model's input.
ImageForm image_form(const FileDatasetOptions& options, const ImagePreparation& preparation = {});

}  // namespace eightbit
