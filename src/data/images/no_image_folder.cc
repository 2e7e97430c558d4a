#include "base/error.h"
#include "data/images/image_folder.h"

namespace eightbit {

std::shared_ptr<const SampleStore> open_images(FileSet files, const FileDatasetOptions&,
                                               const ImagePreparation&) {
  fail<Unsupported>(
      "data",
      "'{}' is an image, and this build cannot read images. Build eightbit with OpenCV "
      "(libopencv-dev), or save the samples as .npy or .npz",
      files.names.front());
}

}  // namespace eightbit
