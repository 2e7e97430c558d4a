#include "console.h"

#include <eightbit/error.h>
#include <eightbit/options.h>
#include <fmt/format.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <map>

#include "interrupt.h"

namespace eightbit::cli {
namespace {

spdlog::level::level_enum level_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warning:
      return spdlog::level::warn;
    default:
      return spdlog::level::err;
  }
}

std::shared_ptr<spdlog::logger> make_logger(const CommonFlags& flags) {
  auto logger = std::make_shared<spdlog::logger>(
      "eightbit", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
  logger->set_pattern("%n: %^%l%$: %v");
  logger->set_level(flags.quiet     ? spdlog::level::err
                    : flags.verbose ? spdlog::level::debug
                                    : spdlog::level::info);
  return logger;
}

// Terminal columns of UTF-8 text, to a good approximation: its code points.
size_t width(std::string_view text) {
  return static_cast<size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

// What a note is about: what stands in front of a colon, without what is quoted and without digits.
std::string kind_of(const std::string& note) {
  std::string out;
  bool quoted = false;
  for (char c : note.substr(0, note.find(": "))) {
    if (c == '\'')
      quoted = !quoted;
    else if (!quoted && !std::isdigit(static_cast<unsigned char>(c)))
      out += c;
  }
  return out;
}

}  // namespace

void CommonFlags::add_to(CLI::App& verb) {
  verb.add_option("--threads", threads, "CPU threads; 0: all cores")
      ->check(CLI::NonNegativeNumber)
      ->group("Common");
  verb.add_flag("--json", json, "Print the result as JSON on stdout")->group("Common");
  CLI::Option* loud = verb.add_flag("-v,--verbose", verbose, "Log details")->group("Common");
  verb.add_flag("-q,--quiet", quiet, "Print errors only")->group("Common")->excludes(loud);
  verb.add_option("--engine", engine, "auto, openvino or onnxruntime: what runs an ONNX model")
      ->capture_default_str()
      ->group("Common");
}

Engine CommonFlags::engine_for(const std::vector<std::string>& files) const {
  const Engine chosen = parse<Engine>(engine);
  if (chosen != Engine::automatic) return chosen;
  const auto is_openvino = [](const std::string& file) {
    return std::filesystem::path(file).extension() == ".xml";
  };
  return std::ranges::any_of(files, is_openvino) ? Engine::openvino : chosen;
}

Console::Console(const CommonFlags& flags)
    : flags_(flags), bar_(!flags.quiet), logger_(make_logger(flags)) {
  set_log_sink([this](LogLevel level, std::string_view message) {
    if (logger_->should_log(level_of(level))) bar_.clear();
    logger_->log(level_of(level), spdlog::string_view_t(message.data(), message.size()));
  });
}

void Console::log_to(const std::filesystem::path& file) {
  try {
    auto sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(file.string(), true);
    sink->set_pattern("%Y-%m-%d %H:%M:%S %l: %v");
    logger_->sinks().push_back(std::move(sink));
    logger_->flush_on(spdlog::level::debug);
  } catch (const spdlog::spdlog_ex& error) {
    throw FileError(fmt::format("[log] '{}' cannot be written: {}", file.string(), error.what()));
  }
}

Console::~Console() { set_log_sink({}); }

RunOptions Console::run_options() {
  RunOptions run;
  run.threads = flags_.threads;
  run.progress = [this](const Progress& progress) {
    throw_if_interrupted();
    bar_.show(progress);
  };
  return run;
}

void Console::print(std::string_view text) {
  bar_.clear();
  if (!flags_.quiet && !flags_.json) fmt::print("{}", text);
}

void Console::print_json(std::string_view json) {
  bar_.clear();
  if (flags_.json) fmt::print("{}\n", json);
}

void print_error(std::string_view text) { fmt::print(stderr, "eightbit: {}\n", text); }

std::string table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string gap(widths[i] - width(row[i]), ' ');
      line += i == 0 ? "  " + row[i] + gap : "  " + gap + row[i];
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

std::string notes_text(const std::vector<std::string>& notes) {
  constexpr size_t kShown = 3;
  std::map<std::string, size_t> counts;
  for (const std::string& note : notes) ++counts[kind_of(note)];
  std::string text;
  for (const std::string& note : notes) {
    size_t& count = counts[kind_of(note)];
    if (count == 0) continue;  // told with the first
    if (count > kShown)
      text += fmt::format("  note: {} (and {} more of this kind; --json lists them)\n", note,
                          count - 1);
    else
      text += fmt::format("  note: {}\n", note);
    if (count > kShown) count = 0;
  }
  return text;
}

std::string megabytes(uint64_t bytes) {
  return fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6);
}

}  // namespace eightbit::cli
