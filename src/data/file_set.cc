#include "data/file_set.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <fstream>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "data/path_text.h"

namespace eightbit {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kKinds =
    "Allowed: images (.jpg .jpeg .png .bmp .webp .tif .tiff .ppm ...), sounds (.wav "
    ".flac .ogg), .npy, .npz, .bin or .raw, .ark or .scp of Kaldi, a "
    "folder or glob of "
    "them, or a .txt file that lists them";

constexpr std::string_view kTexts =
    "Text becomes numbers by a tokenizer: give the command line --tokenizer, or use "
    "eightbit.open_texts in Python";

void add(FileSet& files, fs::path path, std::string name) {
  files.paths.push_back(std::move(path));
  files.names.push_back(std::move(name));
}

// Everything in the set must be of one kind; files of no kind (thumbnails, notes) are passed over
// in folders.
FileSet settle_kind(FileSet files, const std::string& source) {
  FileSet kept;
  size_t passed_over = 0;
  for (size_t i = 0; i < files.paths.size(); ++i) {
    const auto kind = kind_of(files.paths[i]);
    if (!kind) {
      ++passed_over;
      continue;
    }
    if (!kept.paths.empty() && *kind != kept.kind)
      fail<DataError>("data", "'{}' mixes {} ('{}') and {} ('{}'). Keep one kind in it", source,
                      to_string(kept.kind), kept.names.front(), to_string(*kind), files.names[i]);
    kept.kind = *kind;
    add(kept, files.paths[i], files.names[i]);
  }
  if (kept.paths.empty())
    fail<DataError>("data", "'{}' holds no data: {} files in it are of other kinds. {}", source,
                    passed_over, std::ranges::all_of(files.paths, is_text) ? kTexts : kKinds);
  if (passed_over)
    log(LogLevel::info, "'{}': {} files of other kinds are passed over", source, passed_over);
  return kept;
}

// Subfolders included, as data sets with a folder a class have them. Names that begin with a dot
// are left out.
FileSet list_folder(const fs::path& folder, const std::string& source) {
  FileSet files;
  std::vector<std::string> names;
  std::error_code error;
  for (fs::recursive_directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const bool hidden = path_text(entry->path().filename()).starts_with('.');
    if (hidden && entry->is_directory()) entry.disable_recursion_pending();
    if (!hidden && entry->is_regular_file())
      names.push_back(path_text(entry->path().lexically_relative(folder)));
  }
  if (error) fail<DataError>("data", "folder '{}' cannot be read: {}", source, error.message());
  if (names.empty())
    fail<DataError>("data", "folder '{}' is empty. Put calibration samples into it", source);
  std::ranges::sort(names);
  for (std::string& name : names) add(files, folder / path_from_text(name), name);
  return settle_kind(std::move(files), source);
}

std::string clean_line(std::string line, bool first) {
  // byte order mark of some editors
  if (first && line.starts_with("\xef\xbb\xbf")) line.erase(0, 3);
  const size_t end = line.find_last_not_of(" \t\r");
  line.erase(end == std::string::npos ? 0 : end + 1);
  return line;
}

FileSet read_list(const fs::path& list, const std::string& source) {
  std::ifstream stream(list);
  if (!stream) fail<DataError>("data", "list file '{}' cannot be opened", source);
  FileSet files;
  std::string line;
  for (int number = 1; std::getline(stream, line); ++number) {
    const std::string name = clean_line(line, number == 1);
    if (name.empty()) continue;
    const fs::path path = list.parent_path() / path_from_text(name);
    std::error_code error;
    if (!fs::is_regular_file(path, error))
      fail<DataError>("data",
                      "'{}' line {}: '{}' is no file. Paths are relative to the folder of the list",
                      source, number, path_text(path));
    if (!kind_of(path))
      fail<DataError>("data", "'{}' line {}: '{}' is of no known kind. {}", source, number, name,
                      kKinds);
    add(files, path, name);
  }
  if (files.paths.empty())
    fail<DataError>("data", "list file '{}' names no files. Write one path a line", source);
  return settle_kind(std::move(files), source);
}

FileSet match_glob(const std::string& source) {
  FileSet files;
  for (const fs::path& path : expand_glob(source))
    if (fs::is_regular_file(path)) add(files, path, path_text(path.filename()));
  if (files.paths.empty()) fail<DataError>("data", "no file matches '{}'", source);
  return settle_kind(std::move(files), source);
}

}  // namespace

std::string_view to_string(FileKind kind) {
  constexpr std::array<std::string_view, 6> kNames = {
      "images", "sounds", ".npy files", ".npz files", "raw binary files", "Kaldi archives"};
  return kNames[static_cast<size_t>(kind)];
}

std::string FileSet::digest() const { return digest_of(paths, names).hex(); }

Digest digest_of(const std::vector<fs::path>& paths, const std::vector<std::string>& names) {
  Digest digest;
  std::error_code error;
  for (size_t i = 0; i < paths.size(); ++i)
    digest.add(names[i]).add(uint64_t{fs::file_size(paths[i], error)});
  return digest;
}

std::string extension(const fs::path& path) {
  std::string text = path_text(path.extension());
  std::ranges::transform(text, text.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

bool is_text(const fs::path& path) {
  return extension(path) == ".txt" || extension(path) == ".jsonl";
}

std::optional<FileKind> kind_of(const fs::path& path) {
  constexpr std::array<std::string_view, 14> kImages = {".jpg", ".jpeg", ".jpe", ".png",  ".bmp",
                                                        ".dib", ".webp", ".tif", ".tiff", ".ppm",
                                                        ".pgm", ".pbm",  ".pnm", ".jp2"};
  const std::string text = extension(path);
  if (std::ranges::find(kImages, text) != kImages.end()) return FileKind::image;
  if (text == ".wav" || text == ".flac" || text == ".ogg") return FileKind::sound;
  if (text == ".npy") return FileKind::npy;
  if (text == ".npz") return FileKind::npz;
  if (text == ".bin" || text == ".raw") return FileKind::raw;
  if (text == ".ark" || text == ".scp") return FileKind::archive;
  return std::nullopt;
}

FileSet files_of(const std::vector<fs::path>& paths) {
  FileSet files;
  std::error_code error;
  for (const fs::path& path : paths) {
    if (!fs::is_regular_file(path, error))
      fail<DataError>("data", "'{}' is no file. Take it out, or put it there", path_text(path));
    if (!kind_of(path))
      fail<DataError>("data", "'{}' is of no known kind. {}", path_text(path), kKinds);
    add(files, path, path_text(path.filename()));
  }
  return settle_kind(std::move(files), paths.empty() ? "" : path_text(paths.front()));
}

FileSet find_files(const std::string& source) {
  if (source.empty()) fail<InvalidArgument>("data", "the source of samples is empty. {}", kKinds);
  const fs::path path = path_from_text(source);
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (fs::is_directory(status)) return list_folder(path, source);
  if (!fs::exists(status)) {
    if (source.find_first_of("*?[") != std::string::npos) return match_glob(source);
    fail<DataError>("data", "'{}' does not exist. Check the path", source);
  }
  if (extension(path) == ".txt") return read_list(path, source);
  FileSet files;
  const auto kind = kind_of(path);
  if (!kind)
    fail<InvalidArgument>("data", "'{}' is of no known kind. {}", source,
                          is_text(path) ? kTexts : kKinds);
  files.kind = *kind;
  files.single = true;
  add(files, path, path_text(path.filename()));
  return files;
}

}  // namespace eightbit
