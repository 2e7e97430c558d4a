// Which of the model's inputs data without names are for.
#pragma once

#include <eightbit/dataset.h>

#include <cstddef>

namespace eightbit {

// The place of `options.input` among the model's inputs, 0 where it is not given; past the end of
// the shapes where the model is not known. Throws InvalidArgument with the nearest names.
size_t target_input(const FileDatasetOptions& options);

}  // namespace eightbit
