#include "search/best_model.h"

#include "backends/network.h"
#include "base/error.h"
#include "base/whole_file.h"

namespace eightbit {

BestModel::BestModel(std::filesystem::path path, const Model& like) : path_(std::move(path)) {
  const std::string extension(like.impl().file_extension());
  if (path_.empty() && extension.empty()) return;
  if (path_.empty()) path_ = scratch_.emplace().path() / ("best_model" + extension);
  if (path_.extension() != extension)
    fail<InvalidArgument>("quantize",
                          "best_model is '{}'. This model is saved to a file that ends in {}.",
                          path_.string(), extension);
  check_writable(path_, true);
}

void BestModel::save(const Model& model) {
  if (path_.empty()) return;
  model.save(path_, true);
  saved_ = true;
}

void BestModel::save(const Model& model, const std::string& report_json) {
  save(model);
  if (!saved_) return;
  auto report = path_;
  write_whole_file(report.replace_extension(".json"), true,
                   [&](const Write& write) { write(report_json.data(), report_json.size()); });
}

void BestModel::keep() {
  if (scratch_ && saved_) scratch_->keep();
}

}  // namespace eightbit
