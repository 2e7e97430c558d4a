// Everything that reaches the terminal: results on stdout, log lines, errors and the progress bar
// on stderr.
#pragma once

#include <eightbit/model.h>
#include <eightbit/run.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "progress_bar.h"

namespace spdlog {
class logger;
}

namespace eightbit::cli {

inline constexpr const char* kModelHelp =
    "IR (.xml), ONNX (.onnx), TensorFlow Lite (.tflite), TensorFlow (.pb, a SavedModel's folder) "
    "or PaddlePaddle (.pdmodel)";

// Flags that every verb has.
struct CommonFlags {
  int threads = 0;
  bool json = false;
  bool verbose = false;
  bool quiet = false;
  std::string engine = "auto";

  // The engine for a run that touches these model files. An OpenVINO model among them decides for
  // all that are left to be decided.
  Engine engine_for(const std::vector<std::string>& files) const;
  void add_to(CLI::App& verb);
};

class Console {
 public:
  explicit Console(const CommonFlags& flags);  // takes the library's log
  ~Console();
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;

  // threads, and progress that draws the bar and obeys Ctrl-C
  RunOptions run_options();
  void finish_progress() { bar_.clear(); }
  // Log lines go into this file too, each with its time. Throws FileError.
  void log_to(const std::filesystem::path& file);
  void print(std::string_view text);       // for people: nothing with --quiet or --json
  void print_json(std::string_view json);  // for programs: only with --json
  bool json() const { return flags_.json; }

 private:
  CommonFlags flags_;
  ProgressBar bar_;
  std::shared_ptr<spdlog::logger> logger_;
};

void print_error(std::string_view text);  // one line, "eightbit: " in front

// Columns as wide as their widest cell; numbers and all columns but the first go right.
std::string table(const std::vector<std::vector<std::string>>& rows);
// A line a note. Of many that differ in names and numbers alone, the first and how many there are.
std::string notes_text(const std::vector<std::string>& notes);
std::string megabytes(uint64_t bytes);

}  // namespace eightbit::cli
