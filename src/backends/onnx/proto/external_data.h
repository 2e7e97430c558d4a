// Weights that an ONNX model keeps in files beside it.
//
// A location is followed only inside the model's own folder: absolute paths, "..", symbolic links,
// hard links and anything but plain files are refused (CVE-2022-25882, CVE-2024-27318 and their
// kind).
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "backends/onnx/proto/proto.h"
#include "base/mapped_file.h"

namespace eightbit::onnx {

class ExternalData {
 public:
  // `folder` of the model file; empty for a model in memory, whose external data cannot be found.
  explicit ExternalData(std::filesystem::path folder) : folder_(std::move(folder)) {}

  // Shares the mapped file. Throws ModelError for a location that is refused or a stretch that the
  // file does not have, FileError for a file that cannot be read.
  Tensor load(const TensorProto& proto);

 private:
  std::shared_ptr<const MappedFile> open(const TensorProto& proto, const std::string& location);

  std::filesystem::path folder_;
  std::map<std::string, std::shared_ptr<const MappedFile>> files_;
};

}  // namespace eightbit::onnx
