#include "backends/openvino_part.h"

#include <dlfcn.h>
#include <eightbit/openvino.h>
#include <fmt/ranges.h>
#include <link.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "backends/network.h"
#include "base/error.h"
#include "base/log.h"
#include "base/python_packages.h"

namespace eightbit::openvino {
namespace {

namespace fs = std::filesystem;

constexpr const char* kWhere = "openvino";
constexpr std::string_view kLibrary = "libopenvino.so.", kPart = "libeightbit_openvino_";

const Part* linked_part = nullptr;
fs::path named_folder;

// Year, minor release and patch.
std::vector<int> numbers_of(std::string_view release) {
  std::vector<int> numbers;
  while (!release.empty()) {
    const std::string_view number = release.substr(0, release.find('.'));
    int value = -1;
    std::from_chars(number.data(), number.data() + number.size(), value);
    numbers.push_back(value);
    release.remove_prefix(std::min(release.size(), number.size() + 1));
  }
  return numbers;
}

// The folder that this library lies in.
fs::path own_folder() {
  Dl_info info{};
  return dladdr(reinterpret_cast<const void*>(&part), &info)
             ? fs::path(info.dli_fname).parent_path()
             : fs::path();
}

// Releases that this build has a part for, the newest first.
std::vector<std::string> built_releases() {
  std::vector<std::string> releases;
  for (const fs::path& path : sorted_entries(own_folder())) {
    const std::string name = path.filename().string();
    if (name.starts_with(kPart) && name.ends_with(".so"))
      releases.push_back(name.substr(kPart.size(), name.size() - kPart.size() - 3));
  }
  sort_releases(releases);
  return releases;
}

// Opens the part, for which OpenVINO must be loaded or be found by the system's loader. Null, with
// the reason in `error`, where it cannot be opened.
const Part* opened(const std::string& release, std::string& error) {
  const fs::path path = own_folder() / (std::string(kPart) + release + ".so");
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    error = dlerror();
    return nullptr;
  }
  const auto function = reinterpret_cast<PartFunction>(dlsym(library, kPartFunction));
  EIGHTBIT_CHECK(function != nullptr, "{} is no part of eightbit", path.string());
  const Part& part = *function();
  if (part.built_for != EIGHTBIT_VERSION)
    fail<Unsupported>(kWhere, "'{}' belongs to eightbit {}, and this is {}. Install eightbit again",
                      path.string(), part.built_for, EIGHTBIT_VERSION);
  log(LogLevel::debug, "openvino: release {}", release);
  return &part;
}

// Where OpenVINO's library lies that this process has loaded; empty where it has none.
fs::path loaded_library() {
  fs::path found;
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* out) {
        const fs::path path = info->dlpi_name;
        if (release_of(path.filename().string()).empty()) return 0;
        *static_cast<fs::path*>(out) = path;
        return 1;
      },
      &found);
  return found;
}

// "" where the environment names no folder.
fs::path folder_of_environment() {
  const char* named = std::getenv("EIGHTBIT_OPENVINO");
  return named ? named : "";
}

std::vector<fs::path> folders() {
  if (const fs::path named = folder_of_environment(); !named.empty()) return {named};
  std::vector<fs::path> folders;
  if (!named_folder.empty()) folders.push_back(named_folder);
  for (const fs::path& packages : python_packages())
    folders.push_back(packages / "openvino" / "libs");
  return folders;
}

// The one OpenVINO to be used, whatever its release: two in one process could not share a model.
fs::path installed_library() {
  if (fs::path loaded = loaded_library(); !loaded.empty()) return loaded;
  for (const fs::path& folder : folders())
    for (const fs::path& path : sorted_entries(folder))
      if (!release_of(path.filename().string()).empty()) return path;
  return {};
}

// Without the last three pip would keep what is installed, or what it once built for another
// release.
constexpr std::string_view kBuild =
    "pip install --no-binary eightbit eightbit --force-reinstall --no-deps --no-cache-dir";

// The library is loaded for itself alone, not through the part: names that it looks for, such as
// oneTBB's, are to be found in its own neighbours.
const Part& opened_for(const fs::path& library, const std::vector<std::string>& built) {
  const std::string release = release_of(library.filename().string());
  if (std::ranges::find(built, release) == built.end())
    fail<Unsupported>(
        kWhere,
        "OpenVINO {} is installed ('{}'), and this build of eightbit is for {}. Install one of "
        "these (pip install openvino=={}), or build eightbit for yours: {}",
        release, library.string(), fmt::join(built, ", "), built.front(), kBuild);
  std::string error;
  if (dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL) == nullptr)
    error = dlerror();
  else if (const Part* part = opened(release, error))
    return *part;
  fail<Unsupported>(kWhere, "OpenVINO {} cannot be loaded: {}. Install it again", release, error);
}

const Part& find_part() {
  const std::vector<std::string> built = built_releases();
  if (built.empty())
    fail<Unsupported>(kWhere,
                      "this build of eightbit has no part for OpenVINO, which was missing when it "
                      "was built. Install openvino, then build eightbit again: {}",
                      kBuild);
  if (const fs::path library = installed_library(); !library.empty())
    return opened_for(library, built);
  std::string error;
  if (folder_of_environment().empty())  // what the system's loader finds
    for (const std::string& release : built)
      if (const Part* part = opened(release, error)) return *part;
  fail<Unsupported>(kWhere,
                    "OpenVINO is not installed, and this model needs it. Install it with: pip "
                    "install openvino=={}. Any of {} will do",
                    built.front(), fmt::join(built, ", "));
}

constexpr const char* kTokenizers = "libopenvino_tokenizers.so";

// Beside OpenVINO's library, in the package that is a neighbour of its package, or in any; empty
// where there is none.
fs::path tokenizers_library() {
  const fs::path beside = loaded_library().parent_path();
  std::vector<fs::path> folders = {beside};
  const auto add = [&](const fs::path& packages) {
    folders.push_back(packages / "openvino_tokenizers" / "lib");
  };
  add(beside.parent_path().parent_path());
  for (const fs::path& packages : python_packages()) add(packages);
  std::error_code code;
  for (const fs::path& folder : folders)
    if (fs::exists(folder / kTokenizers, code)) return folder / kTokenizers;
  return {};
}

}  // namespace

const Part& part() {
  if (linked_part) return *linked_part;
  static const Part& found = find_part();
  return found;
}

void use_part(const Part& linked) { linked_part = &linked; }

std::string release_of(const std::string& library) {
  if (!library.starts_with(kLibrary)) return "";
  const std::string digits = library.substr(kLibrary.size());
  if (digits.size() != 4 ||
      !std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; }))
    return "";
  return fmt::format("20{}.{}.{}", digits.substr(0, 2), digits[2], digits[3]);
}

void sort_releases(std::vector<std::string>& releases) {
  std::ranges::sort(releases, std::greater<>(), numbers_of);
}

void look_in(const fs::path& folder) { named_folder = folder; }

std::string release() { return std::string(part().release); }

const std::type_info& model_type() { return part().model_type; }

Model wrap(const std::shared_ptr<ov::Model>& model) {
  if (!model)
    fail<InvalidArgument>("openvino",
                          "the model is empty. Pass what ov::Core::read_model returned");
  return wrap(*model);
}

Model wrap(const ov::Model& model) { return Model(part().wrap(model)); }

std::shared_ptr<ov::Model> unwrap(const Model& model) { return part().unwrap(model.impl()); }

void unwrap_into(const Model& model, ov::Model& target) {
  part().unwrap_into(model.impl(), target);
}

std::shared_ptr<const Tokenizer> open_tokenizer(const fs::path& xml) {
  const Part& opened = part();
  const fs::path library = tokenizers_library();
  if (library.empty())
    fail<Unsupported>(kWhere,
                      "'{}' is read by the library of openvino-tokenizers, which is not installed. "
                      "Install it (pip install --no-deps openvino-tokenizers=={}.*), or name a "
                      "tokenizer.json",
                      xml.string(), opened.release);
  return opened.tokenizer(xml, library);
}

}  // namespace eightbit::openvino
