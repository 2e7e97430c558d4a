#include "data/sound/ark_store.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "base/error.h"
#include "data/model_input.h"
#include "data/path_text.h"
#include "data/sound/ark.h"

namespace eightbit {
namespace {

namespace fs = std::filesystem;

// How a record becomes samples.
struct Cut {
  bool frames = false;  // one a row; else the record as a whole
  size_t axes = 2;      // of a sample: the last two are rows and columns, those before are 1
  int64_t rows = -1, columns = -1;  // that the model takes; -1: any number
};

Cut cut_of(const FileDatasetOptions& options) {
  const size_t index = target_input(options);
  if (index >= options.model_input_shapes.size()) return {};
  const Shape& input = options.model_input_shapes[index];
  if (input.size() < 2 || input.size() > 4)
    fail<InvalidArgument>("data",
                          "archives need a model input of 2 to 4 axes, this one has shape {}. Pass "
                          ".npy or .npz files instead",
                          to_string(input));
  const int64_t rows = input[input.size() - 2];
  return {input.size() == 2 && rows == 1, input.size(), rows, input.back()};
}

// One line of a table: "key path:offset" or "key path".
struct Place {
  std::string key;
  fs::path path;
  uint64_t offset = 0;
};

Place place_of(const std::string& line, const fs::path& table, int number) {
  const size_t space = line.find_first_of(" \t");
  const size_t from = space == std::string::npos ? space : line.find_first_not_of(" \t", space);
  if (from == std::string::npos)
    fail<DataError>("data", "'{}' line {}: '{}' is not: key path, or key path:offset",
                    path_text(table), number, line);
  Place place{line.substr(0, space), {}, 0};
  std::string rest = line.substr(from);
  if (rest.ends_with('|') || rest.ends_with(']'))
    fail<Unsupported>("data",
                      "'{}' line {}: '{}' is a command or a part of a matrix. Copy it into an "
                      "archive first",
                      path_text(table), number, rest);
  if (const size_t colon = rest.rfind(':'); colon != std::string::npos) {
    const char* end = rest.data() + rest.size();
    const auto [stop, error] = std::from_chars(rest.data() + colon + 1, end, place.offset);
    if (error == std::errc() && stop == end) rest.resize(colon);
  }
  // tables are written where they are used: paths start there, or at the table
  place.path = path_from_text(rest);
  std::error_code error;
  if (!fs::exists(place.path, error)) place.path = table.parent_path() / path_from_text(rest);
  return place;
}

std::vector<Place> read_table(const fs::path& table) {
  std::ifstream stream(table);
  std::vector<Place> places;
  std::string line;
  for (int number = 1; std::getline(stream, line); ++number) {
    line.erase(line.find_last_not_of(" \t\r") + 1);
    if (!line.empty()) places.push_back(place_of(line, table, number));
  }
  if (places.empty()) fail<DataError>("data", "table '{}' names nothing", path_text(table));
  return places;
}

class ArchiveStore : public SampleStore {
 public:
  ArchiveStore(const FileSet& files, const FileDatasetOptions& options)
      : cut_(cut_of(options)), input_(options.input), digest_(files.digest()) {
    const auto is_table = [](const fs::path& path) { return path.extension() == ".scp"; };
    // beside archives, tables name what is read anyway
    const bool tables = std::ranges::all_of(files.paths, is_table);
    for (const fs::path& path : files.paths) {
      if (is_table(path)) {
        if (!tables) continue;
        for (const Place& place : read_table(path)) {
          const auto& file = open(place.path);
          add(file, ark_record_at(*file, place.offset, place.key));
        }
      } else {
        const auto& file = open(path);
        for (ArkRecord& record : scan_ark(*file)) add(file, std::move(record));
      }
    }
  }

  int64_t count() const override { return ends_.back(); }

  Sample load(int64_t index) const override {
    const auto which = static_cast<size_t>(std::ranges::upper_bound(ends_, index) - ends_.begin());
    Tensor tensor = matrix(which);
    if (cut_.frames) {
      const int64_t row = index - (which ? ends_[which - 1] : 0), columns = tensor.shape.back();
      tensor.shape = {1, columns};
      tensor.data += static_cast<size_t>(row * columns) * sizeof(float);
    }
    tensor.shape.insert(tensor.shape.begin(), cut_.axes - 2, 1);
    return {{{input_, std::move(tensor)}}, {}};
  }

  std::string fingerprint() const override {
    return fmt::format("archives {} frames {} axes {} input '{}' count {}", digest_, cut_.frames,
                       cut_.axes, input_, count());
  }

 private:
  using File = std::shared_ptr<const RandomAccessFile>;

  // The last one is kept: its frames follow each other.
  Tensor matrix(size_t which) const {
    std::lock_guard lock(mutex_);
    if (last_ != which || matrix_.empty()) {
      const auto& [file, record] = records_[which];
      matrix_ = read_ark(*file, record);
      last_ = which;
    }
    return matrix_;
  }

  const File& open(const fs::path& path) {
    File& file = open_[path];
    if (!file) file = std::make_shared<const RandomAccessFile>(path);
    return file;
  }

  void add(const File& file, ArkRecord record) {
    const bool rows_fit =
        cut_.frames || cut_.axes == 2 || cut_.rows < 0 || cut_.rows == record.rows;
    if (!rows_fit || (cut_.columns >= 0 && cut_.columns != record.columns))
      fail<DataError>("data", "'{}' record '{}' has {} rows of {}, the model takes {} of {}",
                      file->name(), record.key, record.rows, record.columns,
                      cut_.rows < 0 ? "any number" : std::to_string(cut_.rows), cut_.columns);
    ends_.push_back((ends_.empty() ? 0 : ends_.back()) + (cut_.frames ? record.rows : 1));
    records_.emplace_back(file, std::move(record));
  }

  Cut cut_;
  std::string input_, digest_;
  std::map<fs::path, File> open_;
  std::vector<std::pair<File, ArkRecord>> records_;
  std::vector<int64_t> ends_;  // number of samples up to and with each record
  mutable std::mutex mutex_;
  mutable size_t last_ = 0;
  mutable Tensor matrix_;
};

}  // namespace

std::shared_ptr<const SampleStore> open_archives(const FileSet& files,
                                                 const FileDatasetOptions& options) {
  return std::make_shared<ArchiveStore>(files, options);
}

}  // namespace eightbit
