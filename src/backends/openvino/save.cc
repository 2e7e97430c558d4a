// The order of events keeps xml and bin a pair at every moment:
//   write both to temporaries in the target's folder, sync them; set the old xml aside (from here
//   on there is no model under the name); rename the bin; rename the xml (the new model is there);
//   sync the folder; drop the old xml.
#include "backends/openvino/save.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <openvino/pass/serialize.hpp>

#include "backends/openvino/core.h"
#include "base/error.h"

namespace eightbit::openvino {
namespace {

namespace fs = std::filesystem;

// Swallows and counts what is written.
class CountingBuffer : public std::streambuf {
 public:
  int64_t size() const { return size_; }

 protected:
  int_type overflow(int_type c) override {
    ++size_;
    return traits_type::not_eof(c);
  }
  std::streamsize xsputn(const char*, std::streamsize count) override {
    size_ += count;
    return count;
  }
  pos_type seekoff(off_type, std::ios_base::seekdir, std::ios_base::openmode) override {
    return size_;
  }

 private:
  int64_t size_ = 0;
};

void serialize(const ov::Model& model, std::ostream& xml, std::ostream& bin) {
  ov::pass::Serialize(xml, bin).run_on_model(model.clone());
  xml.flush();
  bin.flush();
}

int64_t bytes_needed(const ov::Model& model) {
  CountingBuffer xml, bin;
  std::ostream xml_stream(&xml), bin_stream(&bin);
  serialize(model, xml_stream, bin_stream);
  return xml.size() + bin.size();
}

// Removed at the end of the scope, unless it was renamed before.
class TemporaryFile {
 public:
  explicit TemporaryFile(fs::path path) : path_(std::move(path)) {}
  TemporaryFile(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    std::error_code ignored;
    fs::remove(path_, ignored);
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

fs::path temporary_name(const fs::path& target, std::string_view extension) {
  static std::atomic<int> counter{0};
  return target.parent_path() /
         fmt::format(".{}.{}-{}{}.tmp", target.stem().string(), getpid(), counter++, extension);
}

fs::path folder_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

// 0, or the errno of what failed.
int sync_to_disk(const fs::path& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return errno;
  const int error = fsync(file) == 0 ? 0 : errno;
  close(file);
  return error == EINVAL ? 0 : error;  // some file systems cannot sync folders
}

[[noreturn]] void fail_to_write(const ov::Model& model, const fs::path& path, int error) {
  std::error_code ignored;
  const auto space = fs::space(folder_of(path), ignored);
  fail<FileError>("save",
                  "'{}' could not be written: {}. {} bytes are needed and {} are free in '{}'; "
                  "free some space or choose "
                  "another folder. Nothing was changed",
                  path.string(), error ? std::strerror(error) : "writing failed",
                  bytes_needed(model), space.available, folder_of(path).string());
}

void write_pair(const ov::Model& model, const fs::path& target, const fs::path& xml_path,
                const fs::path& bin_path) {
  std::ofstream xml(xml_path, std::ios::binary), bin(bin_path, std::ios::binary);
  if (!xml || !bin) {
    const int error = errno;
    fail<FileError>("save",
                    "cannot create files in '{}': {}. Choose a folder that you may write to",
                    folder_of(target).string(), std::strerror(error));
  }
  errno = 0;
  serialize(model, xml, bin);
  const bool written = xml.good() && bin.good();
  const int error = errno;
  xml.close();
  bin.close();
  if (!written || xml.fail() || bin.fail()) fail_to_write(model, target, error);
  for (const auto& path : {xml_path, bin_path})
    if (const int failure = sync_to_disk(path)) fail_to_write(model, target, failure);
}

void rename_pair(const fs::path& xml_from, const fs::path& bin_from, const fs::path& xml,
                 const fs::path& bin) {
  const TemporaryFile old_xml(temporary_name(xml, ".old"));
  const bool replaces = fs::exists(xml);
  std::error_code error;
  if (replaces) fs::rename(xml, old_xml.path(), error);
  if (!error) fs::rename(bin_from, bin, error);
  if (error) {
    std::error_code ignored;
    if (replaces && fs::exists(old_xml.path())) fs::rename(old_xml.path(), xml, ignored);
    fail<FileError>("save",
                    "'{}' cannot be replaced: {}. Close the programs that use the old model",
                    xml.string(), error.message());
  }
  fs::rename(xml_from, xml, error);
  if (error) fail<FileError>("save", "'{}' cannot be written: {}", xml.string(), error.message());
  sync_to_disk(folder_of(xml));
}

void check_target(const fs::path& path, const fs::path& bin, bool overwrite) {
  const auto extension = path.extension();
  if (extension == ".onnx")
    fail<Unsupported>(
        "save",
        "'{}': quantized models are written as OpenVINO IR only. Give a path that ends in .xml",
        path.string());
  if (extension != ".xml")
    fail<InvalidArgument>(
        "save",
        "'{}' does not end in .xml. OpenVINO models are saved as .xml with a .bin beside it",
        path.string());
  if (!fs::is_directory(folder_of(path)))
    fail<FileError>("save", "the folder '{}' does not exist. Create it first",
                    folder_of(path).string());
  if (fs::is_directory(path))
    fail<FileError>("save", "'{}' is a folder. Give the path of a file", path.string());
  for (const auto& file : {path, bin})
    if (!overwrite && fs::exists(file))
      fail<FileError>("save",
                      "'{}' exists already. Choose another path, or ask for it to be overwritten",
                      file.string());
}

}  // namespace

void save_model(const ov::Model& model, const fs::path& path, bool overwrite) {
  const fs::path bin = fs::path(path).replace_extension(".bin");
  check_target(path, bin, overwrite);
  const TemporaryFile new_xml(temporary_name(path, ".xml")), new_bin(temporary_name(path, ".bin"));
  try {
    write_pair(model, path, new_xml.path(), new_bin.path());
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    fail<ModelError>("save", "OpenVINO cannot write this model to '{}': {}", path.string(),
                     cause_of(error));
  }
  rename_pair(new_xml.path(), new_bin.path(), path, bin);
}

}  // namespace eightbit::openvino
