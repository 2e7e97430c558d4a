// What a run decided, as a file that makes the same model again without data: the options, where
// quantizers stand with what ranges, scales, bias shifts, changed weights, and what stays in
// floating point and why. JSON with a line for each decision, so that two recipes can be compared
// with diff.
#pragma once

#include <eightbit/options.h>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace eightbit {

struct RecipeContent;

// A handle: copying it copies a reference. It keeps the float model alive until to_json() or save()
// is called.
class QuantizationRecipe {
 public:
  QuantizationRecipe() = default;
  explicit QuantizationRecipe(std::shared_ptr<const RecipeContent> content)
      : content_(std::move(content)) {}

  // Throw FileError when the file cannot be read; InvalidArgument when it is no recipe, is
  // damaged, or was written by a newer version.
  static QuantizationRecipe load(const std::filesystem::path& path);
  static QuantizationRecipe from_json(std::string_view json);

  // Whole or not at all; an existing file is refused unless `overwrite`. Throws FileError.
  void save(const std::filesystem::path& path, bool overwrite = false) const;
  // The text of the file: docs/recipe_file.md.
  std::string to_json() const;

  // All of them, as the run understood them. Throws InvalidArgument when the handle is empty.
  QuantizeOptions options() const;
  std::string model_fingerprint() const;  // of the float model it belongs to
  bool valid() const { return content_ != nullptr; }
  const RecipeContent& content() const;  // throws InvalidArgument when empty

 private:
  std::shared_ptr<const RecipeContent> content_;
};

// Where the recipe of a model file lies: model.recipe.json beside model.xml, model.onnx.recipe.json
// beside model.onnx.
std::filesystem::path recipe_path(const std::filesystem::path& model);

}  // namespace eightbit
