// Kaldi's archives as samples: frames or whole records, as the model's input asks.
#pragma once

#include <memory>

#include "data/file_set.h"
#include "data/sample_store.h"

namespace eightbit {

// Of .ark files, and of .scp files that name places in them. Throws DataError naming file and key.
std::shared_ptr<const SampleStore> open_archives(const FileSet& files,
                                                 const FileDatasetOptions& options);

}  // namespace eightbit
