#include "texts.h"

#include <eightbit/error.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

extern char** environ;

namespace eightbit::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kModule = "eightbit.data.texts";
constexpr int kRefused = 2;  // what the module ends with where the request is wrong

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

struct Ended {
  int status = 0;  // -1: it could not be started
  std::string errors;
};

// Runs the command to its end. What it prints as errors is kept, and not shown.
Ended run(std::vector<std::string> command) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return {-1, ""};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
  std::vector<char*> words;
  for (std::string& word : command) words.push_back(word.data());
  words.push_back(nullptr);
  pid_t child = 0;
  const int error = ::posix_spawnp(&child, words[0], &actions, nullptr, words.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  Ended ended{error ? -1 : 0, ""};
  std::array<char, 4096> piece;
  for (ssize_t count = 0; !error && (count = ::read(ends[0], piece.data(), piece.size())) > 0;)
    ended.errors.append(piece.data(), static_cast<size_t>(count));
  ::close(ends[0]);
  int status = 0;
  if (!error && ::waitpid(child, &status, 0) == child)
    ended.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return ended;
}

std::string inputs_of(const Model& model) {
  nlohmann::ordered_json inputs = nlohmann::ordered_json::array();
  for (const PortInfo& input : model.inputs()) inputs.push_back({input.name, input.shape});
  return inputs.dump();
}

std::string last_line(std::string text) {
  text.erase(text.find_last_not_of("\r\n ") + 1);
  const size_t line = text.rfind('\n');
  return line == std::string::npos ? text : text.substr(line + 1);
}

}  // namespace

fs::path tokens_of(const std::string& source, const TextFlags& flags, const Model& model) {
  static std::vector<std::unique_ptr<TemporaryFolder>> folders;
  const char* named = std::getenv("EIGHTBIT_PYTHON");
  const std::string python = named && *named ? named : "python3";
  const fs::path& folder = folders.emplace_back(std::make_unique<TemporaryFolder>())->path();
  std::vector<std::string> command = {
      python,          "-m",       kModule,          source,  "--tokenizer",
      flags.tokenizer, "--inputs", inputs_of(model), "--out", folder.string()};
  if (!flags.field.empty()) command.insert(command.end(), {"--field", flags.field});
  if (!flags.max_length.empty()) command.insert(command.end(), {"--max-length", flags.max_length});
  const Ended ended = run(std::move(command));
  if (ended.status == 0) return folder;
  if (ended.status == kRefused) throw DataError(last_line(ended.errors));
  throw DataError(fmt::format(
      "[data] text becomes tokens by the Python packages eightbit and tokenizers, which '{}' does "
      "not run: {}. Install them (pip install eightbit tokenizers), or name the Python that has "
      "them in EIGHTBIT_PYTHON",
      python, ended.errors.empty() ? "it cannot be started" : last_line(ended.errors)));
}

}  // namespace eightbit::cli
