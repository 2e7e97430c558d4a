// The best model of a search so far, on disk with its report as soon as it is found.
#pragma once

#include <eightbit/model.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/scratch_folder.h"

namespace eightbit {

class BestModel {
 public:
  // `path`: where to; empty: a scratch folder, or nowhere for models that their own framework
  // saves. Throws what Model::save would, before any work.
  BestModel(std::filesystem::path path, const Model& like);

  void save(const Model& model);
  // The report goes beside it (.json).
  void save(const Model& model, const std::string& report_json);
  bool saved() const { return saved_; }
  const std::filesystem::path& path() const { return path_; }
  void keep();  // the run ends early: leave a scratch folder to the user

 private:
  std::optional<ScratchFolder> scratch_;
  std::filesystem::path path_;
  bool saved_ = false;
};

}  // namespace eightbit
