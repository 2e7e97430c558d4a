#include "texts.h"

#include <eightbit/error.h>
#include <eightbit/openvino.h>
#include <eightbit/texts.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "data_flags.h"
#include "python_process.h"

namespace eightbit::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kModule = "eightbit.data.texts";

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (fs::temp_directory_path() / "eightbit-texts-XXXXXX").string();
    if (!::mkdtemp(name.data()))
      throw FileError(
          fmt::format("[data] no folder can be made in '{}'", fs::temp_directory_path().string()));
    path_ = name;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

std::string inputs_of(const Model& model) {
  nlohmann::ordered_json inputs = nlohmann::ordered_json::array();
  for (const PortInfo& input : model.inputs()) inputs.push_back({input.name, input.shape});
  return inputs.dump();
}

// A tokenizer that OpenVINO runs; empty where `tokenizer` is none.
fs::path converted(const fs::path& tokenizer) {
  std::error_code error;
  if (!fs::is_directory(tokenizer, error))
    return tokenizer.extension() == ".xml" ? tokenizer : fs::path();
  const fs::path inside = tokenizer / "openvino_tokenizer.xml";
  const bool alone = !fs::exists(tokenizer / "tokenizer.json", error);
  return alone && fs::exists(inside, error) ? inside : fs::path();
}

TextDatasetOptions options_of(const TextFlags& flags, const Model& model) {
  TextDatasetOptions options;
  if (!flags.field.empty()) options.fields = CLI::detail::split(flags.field, ',');
  options.max_length = flags.max_length;
  for (const PortInfo& input : model.inputs()) {
    options.model_input_names.push_back(input.name);
    options.model_input_shapes.push_back(input.shape);
  }
  return options;
}

// Where the samples are.
fs::path tokens_by_python(const std::string& source, const TextFlags& flags, const Model& model) {
  static std::vector<std::unique_ptr<TemporaryFolder>> folders;
  const fs::path& folder = folders.emplace_back(std::make_unique<TemporaryFolder>())->path();
  std::vector<std::string> arguments = {source,         "--tokenizer",    flags.tokenizer,
                                        "--inputs",     inputs_of(model), "--out",
                                        folder.string()};
  if (!flags.field.empty()) arguments.insert(arguments.end(), {"--field", flags.field});
  if (flags.max_length)
    arguments.insert(arguments.end(), {"--max-length", std::to_string(flags.max_length)});
  const Ended ended = run_python(kModule, arguments);
  if (ended.status == 0) return folder;
  if (ended.status == kRefusedByPython) throw DataError(ended.last_line);
  throw DataError(fmt::format(
      "[data] text becomes tokens by the Python packages eightbit and tokenizers, which '{}' does "
      "not run: {}. Install them (pip install eightbit tokenizers), or name the Python that has "
      "them in EIGHTBIT_PYTHON",
      python_program(), ended.last_line.empty() ? "it cannot be started" : ended.last_line));
}

}  // namespace

Dataset texts_of(const std::string& source, const TextFlags& flags, const Model& model) {
  if (const fs::path tokenizer = converted(flags.tokenizer); !tokenizer.empty())
    return open_texts(source, openvino::open_tokenizer(tokenizer), options_of(flags, model));
  return open_files(tokens_by_python(source, flags, model).string(), for_model({}, model));
}

}  // namespace eightbit::cli
