// A folder of our own among the temporary ones, gone with its contents at the end.
#pragma once

#include <filesystem>

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

}  // namespace eightbit
