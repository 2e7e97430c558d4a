// SOURCE to Dataset: finds the files, refuses options that would have no effect, opens the store of
// their kind.
#include <eightbit/dataset.h>

#include <string_view>
#include <utility>

#include "base/error.h"
#include "data/arrays/array_store.h"
#include "data/arrays/raw_store.h"
#include "data/file_set.h"
#include "data/images/image_folder.h"
#include "data/images/image_preparation.h"
#include "data/read_ahead.h"
#include "data/sound/ark_store.h"
#include "data/sound/sound_folder.h"

namespace eightbit {
namespace {

void refuse(bool given, std::string_view option, std::string_view concerns,
            const std::string& source, FileKind kind) {
  if (given)
    fail<InvalidArgument>("data", "'{}' has no effect on {} ('{}'), it concerns {}. Leave it out",
                          option, to_string(kind), source, concerns);
}

void refuse_without_effect(const std::string& source, FileKind kind,
                           const FileDatasetOptions& options) {
  if (kind != FileKind::image) {
    refuse(!options.mean.empty(), "mean", "images only", source, kind);
    refuse(!options.scale.empty(), "scale", "images only", source, kind);
    refuse(!options.resize.empty(), "resize", "images only", source, kind);
    refuse(!options.steps.empty(), "steps", "images only", source, kind);
    refuse(!options.layout.empty(), "layout", "images only", source, kind);
    refuse(!options.color.empty(), "color", "images only", source, kind);
  }
  if (kind != FileKind::sound) {
    refuse(options.sample_rate != 0, "sample_rate", "sounds only", source, kind);
    refuse(options.channel.has_value(), "channel", "sounds only", source, kind);
    refuse(options.length != 0, "length", "sounds only", source, kind);
  }
  if (kind != FileKind::raw) {
    refuse(!options.shape.empty(), "shape", "raw binary files only", source, kind);
    refuse(options.dtype != DType::f32, "dtype", "raw binary files only", source, kind);
  }
  refuse(kind == FileKind::npz && !options.input.empty(), "input",
         "samples without names; arrays of a .npz have theirs", source, kind);
}

std::shared_ptr<const SampleStore> open_store(FileSet files, const FileDatasetOptions& options) {
  switch (files.kind) {
    case FileKind::image:
      return open_images(std::move(files), options);
    case FileKind::sound:
      return open_sounds(std::move(files), options);
    case FileKind::raw:
      return open_raw_files(files, options);
    case FileKind::archive:
      return open_archives(files, options);
    default:
      break;
  }
  if (files.single) return open_array_rows(files.paths.front(), options);
  return open_array_files(std::move(files), options);
}

Dataset opened(const std::string& source, FileSet files, const FileDatasetOptions& options) {
  refuse_without_effect(source, files.kind, options);
  std::shared_ptr<const SampleStore> store = open_store(std::move(files), options);
  return Dataset::from_source([store] { return read_ahead(store); });
}

}  // namespace

Dataset open_files(const std::string& source, const FileDatasetOptions& options) {
  return opened(source, find_files(source), options);
}

Dataset open_file_list(const std::vector<std::filesystem::path>& files,
                       const FileDatasetOptions& options) {
  if (files.empty()) fail<DataError>("data", "no file is named. Name some");
  return opened(files.front().string(), files_of(files), options);
}

Dataset open_prepared_images(const std::vector<std::filesystem::path>& files,
                             const FileDatasetOptions& options,
                             const ImagePreparation& preparation) {
  if (files.empty()) fail<DataError>("data", "no file is named. Name some");
  FileSet set = files_of(files);
  if (set.kind != FileKind::image)
    fail<DataError>("data", "'{}' is no image, but one of {}. Keep images alone in it",
                    set.names.front(), to_string(set.kind));
  refuse_without_effect(files.front().string(), set.kind, options);
  std::shared_ptr<const SampleStore> store = open_images(std::move(set), options, preparation);
  return Dataset::from_source([store] { return read_ahead(store); });
}

}  // namespace eightbit
