// What is done with images between decoding and normalizing, where FileDatasetOptions have no words
// for it; and inputs of a model that are told the size of each image.
#pragma once

#include <eightbit/dataset.h>

#include <array>
#include <filesystem>
#include <string>
#include <variant>
#include <vector>

namespace eightbit {

// Makes images larger. One that is larger already keeps its size.
struct ImagePadding {
  enum class Side { center, right_bottom, left_top };  // where the padding goes

  int64_t height = 0, width = 0;   // 0: the image's own
  int64_t stride = 1;              // both are rounded up to multiples of it
  Side side = Side::center;        // an odd row or column more goes to the right and to the bottom
  std::array<double, 3> levels{};  // of B, G, R, 0 to 255; of grey images the first
};

// Resizes that keep the aspect by a side, or nearly.
struct ImageRescale {
  enum class Rule {
    keeps_height,  // height as given, and width times the image's width over its height
    keeps_width,   // width as given, and height times the image's height over its width
    // The longer side is at most the larger of height and width; then both are cut to multiples of
    // the smaller one, to the next but one below where they are none, and to 32 at least.
    multiples
  };

  Rule rule = Rule::keeps_height;
  int64_t height = 0, width = 0;
  ImageStep::Interpolation interpolation = ImageStep::Interpolation::linear;
};

using ImageOperation = std::variant<ImageStep, ImagePadding, ImageRescale>;

struct ImagePreparation {
  std::vector<ImageOperation> operations;  // in the place of FileDatasetOptions::steps
  // Inputs of the model that are told height, width and 1 of each image, as f32 of the shape
  // [1, 2], [1, 3] or [1, 6] (zeros behind) that they have: as the last resizing left it, and as it
  // was decoded. Empty: there is none.
  std::string image_info, original_image_info;
};

// As open_file_list, for images. Throws Unsupported in a build without OpenCV.
Dataset open_prepared_images(const std::vector<std::filesystem::path>& files,
                             const FileDatasetOptions& options,
                             const ImagePreparation& preparation);

}  // namespace eightbit
