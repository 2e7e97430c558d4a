#include "base/error.h"
#include "data/sound/sound_folder.h"

namespace eightbit {

std::shared_ptr<const SampleStore> open_sounds(FileSet files, const FileDatasetOptions&) {
  fail<Unsupported>(
      "data",
      "'{}' is a sound, and this build cannot read sounds. Build eightbit with libsndfile and "
      "libsamplerate (libsndfile1-dev, libsamplerate0-dev), or save the samples as .npy or .npz",
      files.names.front());
}

}  // namespace eightbit
