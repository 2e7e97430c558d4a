// A model above the size of a protobuf message takes two files. The one with the weights has the
// hash of its contents in its name, so the order of events is safe: write the weights; replace the
// model, which names them; remove the weights of the old model. At every moment the model that is
// there has its own weights.
#include "backends/onnx/save.h"

#include <algorithm>
#include <array>
#include <optional>

#include "backends/onnx/proto/fingerprint.h"
#include "backends/onnx/proto/types.h"
#include "base/error.h"
#include "base/whole_file.h"

namespace eightbit::onnx {
namespace {

namespace fs = std::filesystem;

// External data is aligned to pages, so that it can be mapped.
constexpr uint64_t kAlignment = 4096;

void check_extension(const fs::path& path) {
  if (path.extension() != ".onnx")
    fail<InvalidArgument>("save", "'{}' does not end in .onnx. ONNX models are saved as .onnx",
                          path.string());
}

void add_entry(TensorProto& proto, const std::string& key, const std::string& value) {
  auto& entry = *proto.add_external_data();
  entry.set_key(key);
  entry.set_value(value);
}

// Readers take a backslash for the end of a folder's name.
std::string weights_stem(const fs::path& model) {
  std::string stem = model.stem().string();
  std::ranges::replace(stem, '\\', '_');
  return stem + "-";
}

// The same for every model of that name; `stem-0123456789abcdef.data`.
bool is_weights_file(const fs::path& file, const fs::path& model) {
  const std::string name = file.filename().string(), start = weights_stem(model);
  return name.size() == start.size() + 16 + 5 && name.starts_with(start) &&
         name.ends_with(".data") &&
         std::all_of(name.begin() + static_cast<std::ptrdiff_t>(start.size()), name.end() - 5,
                     [](char c) {
                       return std::isdigit(static_cast<unsigned char>(c)) || (c >= 'a' && c <= 'f');
                     });
}

void write_weights(const Content& content, const fs::path& file, bool overwrite,
                   ModelProto& model) {
  const std::string name = file.filename().string();
  write_whole_file(file, overwrite, [&](const Write& write) {
    static const std::array<char, kAlignment> zeros{};
    uint64_t at = 0;
    for (auto& initializer : *model.mutable_graph()->mutable_initializer()) {
      const auto it = content.weights.find(initializer.name());
      if (it == content.weights.end()) continue;
      const uint64_t padding = (kAlignment - at % kAlignment) % kAlignment,
                     size = it->second.byte_size();
      write(zeros.data(), padding);
      write(it->second.data, size);
      initializer = to_proto(it->first, it->second, false);
      initializer.set_data_location(TensorProto::EXTERNAL);
      add_entry(initializer, "location", name);
      add_entry(initializer, "offset", std::to_string(at + padding));
      add_entry(initializer, "length", std::to_string(size));
      at += padding + size;
    }
  });
}

// Returns the name of the weights.
std::string save_in_two(const Content& content, const fs::path& path, bool overwrite) {
  const std::string weights =
      fmt::format("{}{:016x}.data", weights_stem(path), fingerprint(content));
  const fs::path file = path.parent_path() / weights;
  std::error_code ignored;
  const bool was_there = fs::exists(fs::symlink_status(file, ignored));
  ModelProto model = content.model;
  write_weights(content, file, overwrite, model);
  try {
    const std::string bytes = model.SerializeAsString();
    write_whole_file(path, overwrite,
                     [&](const Write& write) { write(bytes.data(), bytes.size()); });
  } catch (...) {
    if (!was_there) fs::remove(file, ignored);
    throw;
  }
  return weights;
}

void remove_other_weights(const fs::path& path, const std::string& kept) {
  std::error_code ignored;
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  for (const auto& file : fs::directory_iterator(folder, ignored))
    if (is_weights_file(file.path(), path) && file.path().filename() != kept)
      fs::remove(file.path(), ignored);
}

}  // namespace

void save_model(const Content& content, const fs::path& path, bool overwrite,
                uint64_t largest_message) {
  check_extension(path);
  check_writable(path, overwrite);
  std::string weights;
  if (serialized_size(content) <= largest_message)
    write_whole_file(path, overwrite, [&](const Write& write) { serialize(content, write); });
  else
    weights = save_in_two(content, path, overwrite);
  if (overwrite) remove_other_weights(path, weights);
}

}  // namespace eightbit::onnx
