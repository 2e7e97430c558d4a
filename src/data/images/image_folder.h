// Images as model inputs: decode, resize, (x - mean) / scale, layout. One file is one sample with
// batch axis 1.
#pragma once

#include <memory>

#include "data/file_set.h"
#include "data/images/image_preparation.h"
#include "data/sample_store.h"

namespace eightbit {

// Throws InvalidArgument for options that contradict the model's input, Unsupported in a build
// without OpenCV.
std::shared_ptr<const SampleStore> open_images(FileSet files, const FileDatasetOptions& options,
                                               const ImagePreparation& preparation = {});

}  // namespace eightbit
