#include "backends/onnx/ort/runtime.h"

#include <dlfcn.h>

#include <charconv>
#include <cstdlib>
#include <optional>
#include <vector>

#include "backends/onnx/ort/library.h"
#include "base/error.h"
#include "base/log.h"

namespace eightbit::onnx {
namespace {

struct Runtime {
  const OrtApi* api = nullptr;
  std::string version;
  std::filesystem::path path;
};

// What one candidate offers; nothing where it cannot be opened or is too old, and why goes to
// `problems`.
std::optional<Runtime> open_library(const std::filesystem::path& path,
                                    std::vector<std::string>& problems) {
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    problems.emplace_back(dlerror());
    return std::nullopt;
  }
  using GetBase = const OrtApiBase* (*)();
  const auto get_base = reinterpret_cast<GetBase>(dlsym(library, "OrtGetApiBase"));
  if (!get_base) {
    problems.push_back(fmt::format("{} is not ONNX Runtime", path.string()));
    return std::nullopt;
  }
  Runtime runtime{nullptr, get_base()->GetVersionString(), path};
  // A library prints to standard error when it is asked for a version that it does not know.
  const size_t dot = runtime.version.find('.');
  unsigned minor = 0;
  if (dot != std::string::npos)
    std::from_chars(runtime.version.data() + dot + 1,
                    runtime.version.data() + runtime.version.size(), minor);
  if (runtime.version.starts_with("1.") && minor >= ORT_API_VERSION)
    runtime.api = get_base()->GetApi(ORT_API_VERSION);
  if (!runtime.api) {
    problems.push_back(fmt::format("{} is version {}", path.string(), runtime.version));
    return std::nullopt;
  }
  return runtime;
}

// ONNX Runtime 1.31 sends its maker what it is used for, from a thread that still runs when the
// process has torn down what it reads. Whoever wants that sets the variable to 0.
void turn_off_telemetry() { ::setenv("ORT_DISABLE_TELEMETRY", "1", 0); }

Runtime find_runtime() {
  turn_off_telemetry();
  std::vector<std::string> problems;
  for (const auto& path : library_candidates())
    if (auto runtime = open_library(path, problems)) return *runtime;
  fail<Unsupported>(
      "onnxruntime",
      "ONNX Runtime 1.{} or newer was not found ({}). Install it with: pip install onnxruntime, or "
      "name its library in EIGHTBIT_ONNXRUNTIME",
      ORT_API_VERSION, fmt::join(problems, "; "));
}

void forward_log(void*, OrtLoggingLevel, const char*, const char*, const char*,
                 const char* message) {
  log(LogLevel::debug, "ONNX Runtime: {}", message);
}

const Runtime& runtime() {
  static const Runtime runtime = [] {
    Runtime found = find_runtime();
    Ort::InitApi(found.api);
    log(LogLevel::debug, "ONNX Runtime {} of {}", found.version, found.path.string());
    return found;
  }();
  return runtime;
}

}  // namespace

// Never destroyed: sessions that a static object may still hold need it.
Ort::Env& environment() {
  runtime();
  static auto* environment =
      new Ort::Env(ORT_LOGGING_LEVEL_ERROR, "eightbit", forward_log, nullptr);
  return *environment;
}

std::string cause_of(const std::exception& error) {
  std::string text = error.what();
  // "file.cc:123 function message": positions end with the name of a function and its parameters.
  constexpr size_t kLongest = 500;
  if (text.size() > kLongest) text = text.substr(0, kLongest) + "...";
  return text.empty() ? "no cause was given" : text;
}

}  // namespace eightbit::onnx
