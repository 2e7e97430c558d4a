#include "python_process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>

extern char** environ;

namespace eightbit::cli {
namespace {

// Lines of a stream that comes in pieces. Empty ones are passed over; the last one is kept.
class Lines {
 public:
  explicit Lines(const std::function<void(std::string_view)>& line) : line_(line) {}

  void add(std::string_view piece) {
    for (char c : piece) {
      if (c != '\n')
        open_ += c;
      else
        end_line();
    }
  }

  std::string last() {
    end_line();
    return std::move(last_);
  }

 private:
  void end_line() {
    if (open_.ends_with('\r')) open_.pop_back();
    if (open_.empty()) return;
    if (!last_.empty() && line_) line_(last_);
    last_ = std::exchange(open_, {});
  }

  const std::function<void(std::string_view)>& line_;
  std::string open_, last_;
};

// A signal of the terminal reaches the child too, and ends it: reading goes on until then.
std::string read_lines(int stream, const std::function<void(std::string_view)>& line) {
  Lines lines(line);
  std::array<char, 4096> piece;
  for (;;) {
    const ssize_t count = ::read(stream, piece.data(), piece.size());
    if (count > 0)
      lines.add({piece.data(), static_cast<size_t>(count)});
    else if (count == 0 || errno != EINTR)
      return lines.last();
  }
}

}  // namespace

std::string python_program() {
  const char* named = std::getenv("EIGHTBIT_PYTHON");
  return named && *named ? named : "python3";
}

Ended run_python(const std::string& module, const std::vector<std::string>& arguments,
                 const std::function<void(std::string_view)>& line) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return {-1, ""};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
  std::vector<std::string> command = {python_program(), "-m", module};
  command.insert(command.end(), arguments.begin(), arguments.end());
  std::vector<char*> words;
  for (std::string& word : command) words.push_back(word.data());
  words.push_back(nullptr);
  pid_t child = 0;
  const int error = ::posix_spawnp(&child, words[0], &actions, nullptr, words.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  Ended ended{-1, ""};
  if (!error) ended.last_line = read_lines(ends[0], line);
  ::close(ends[0]);
  int status = 0;
  pid_t over = 0;
  while (!error && (over = ::waitpid(child, &status, 0)) < 0 && errno == EINTR) {
  }
  if (over > 0 && WIFEXITED(status)) ended.status = WEXITSTATUS(status);
  return ended;
}

}  // namespace eightbit::cli
