// Sounds as model inputs: one channel, at the model's rate, of a fixed length or whole. One file is
// one sample.
#pragma once

#include <memory>

#include "data/file_set.h"
#include "data/sample_store.h"

namespace eightbit {

// Throws InvalidArgument for options that contradict the model's input, Unsupported in a build
// without libsndfile and libsamplerate.
std::shared_ptr<const SampleStore> open_sounds(FileSet files, const FileDatasetOptions& options);

}  // namespace eightbit
