// Samples out of NumPy files.
#pragma once

#include <filesystem>
#include <memory>

#include "data/file_set.h"
#include "data/sample_store.h"

namespace eightbit {

// One file, samples along axis 0 of all its arrays.
std::shared_ptr<const SampleStore> open_array_rows(const std::filesystem::path& path,
                                                   const FileDatasetOptions& options);

// Several files, each a whole sample.
std::shared_ptr<const SampleStore> open_array_files(FileSet files,
                                                    const FileDatasetOptions& options);

}  // namespace eightbit
