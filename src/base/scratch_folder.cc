#include "base/scratch_folder.h"

#include <random>

#include "base/error.h"

namespace eightbit {

namespace fs = std::filesystem;

ScratchFolder::ScratchFolder() {
  std::error_code error;
  const fs::path all = fs::temp_directory_path(error);
  for (int attempt = 0; attempt < 8 && !error; ++attempt) {
    path_ = all / fmt::format("eightbit-{:08x}", std::random_device{}());
    if (!fs::create_directory(path_, error)) continue;
    fs::permissions(path_, fs::perms::owner_all, error);
    return;
  }
  fail<FileError>("scratch",
                  "no folder can be made in '{}': {}. Set TMPDIR to one that can be written",
                  all.string(), error.message());
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  if (!kept_) fs::remove_all(path_, ignored);
}

}  // namespace eightbit
