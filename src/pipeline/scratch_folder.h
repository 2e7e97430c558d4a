// A folder of our own among the temporary ones, gone with its contents at the end.
#pragma once

#include <eightbit/model.h>

#include <filesystem>
#include <string>

namespace eightbit {

class ScratchFolder {
 public:
  ScratchFolder();  // throws FileError
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  void keep() { kept_ = true; }  // for the user

 private:
  std::filesystem::path path_;
  bool kept_ = false;
};

// Of the file that a model is saved to: ".xml" or ".onnx".
std::string file_extension(const Model& model);

}  // namespace eightbit
