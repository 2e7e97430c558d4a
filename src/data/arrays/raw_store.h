// Samples out of raw binary files of a declared shape and element type.
#pragma once

#include <memory>

#include "data/file_set.h"
#include "data/sample_store.h"

namespace eightbit {

// One file: its samples one after another. Several: each may hold as many as fit. All sizes are
// checked at once.
std::shared_ptr<const SampleStore> open_raw_files(const FileSet& files,
                                                  const FileDatasetOptions& options);

}  // namespace eightbit
