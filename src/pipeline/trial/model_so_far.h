// The model that a trial is about to run, on disk: a runtime that crashes, or a user who stops the
// run, does not take it away.
#pragma once

#include <eightbit/model.h>

#include <filesystem>
#include <optional>

#include "base/crash_notice.h"
#include "search/best_model.h"

namespace eightbit {

class ModelSoFar {
 public:
  // `asked`: where the user wants it; empty: a scratch folder, unless the model is large.
  // References live as long as the object.
  ModelSoFar(const Model& like, const std::filesystem::path& asked) : like_(like), asked_(asked) {}

  // In the place of the one before. Throws where the user asked for the file and it cannot be
  // written. From here on, a crash of the process says where it is.
  void save(const Model& model);

  // The run ends early: says where the model is, and leaves it there.
  void leave();

 private:
  const Model& like_;
  const std::filesystem::path& asked_;
  std::optional<BestModel> saved_;
  std::optional<CrashNotice> notice_;
};

}  // namespace eightbit
