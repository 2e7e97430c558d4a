// Where packages of Python lie: some of them bring libraries that are opened at run time.
#pragma once

#include <filesystem>
#include <vector>

namespace eightbit {

// Folders named site-packages or dist-packages, the most wanted first: of what this process was
// loaded from; of the Python that eightbit was built with, in a build folder; of $VIRTUAL_ENV and
// of the python3 that a shell would run.
std::vector<std::filesystem::path> python_packages();

// What is in a folder, by name; nothing where it cannot be read.
std::vector<std::filesystem::path> sorted_entries(const std::filesystem::path& folder);

}  // namespace eightbit
