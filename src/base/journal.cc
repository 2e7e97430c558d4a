#include "base/journal.h"

#include <eightbit/run.h>
#include <fcntl.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/whole_file.h"

namespace eightbit {
namespace {

constexpr std::string_view kMagic = "8BITJRNL";

// In front of an entry: bytes of key and value, and their checksum.
struct Head {
  uint64_t key = 0, value = 0;
  uint32_t checksum = 0, unused = 0;
};

std::string packed(const std::string& key, const std::string& value) {
  const std::string content = key + value;
  const Head head{key.size(), value.size(), crc32_of(content)};
  std::string out(sizeof(head), '\0');
  std::memcpy(out.data(), &head, sizeof(head));
  return out + content;
}

}  // namespace

std::filesystem::path journal_path(const std::filesystem::path& checkpoint) {
  return checkpoint.empty() ? checkpoint : std::filesystem::path(checkpoint.string() + ".steps");
}

Journal::Json exact(double value) { return std::bit_cast<uint64_t>(value); }

double exact(const Journal::Json& value) { return std::bit_cast<double>(value.get<uint64_t>()); }

Journal::Json exact(const std::vector<double>& values) {
  Journal::Json out = Journal::Json::array();
  for (double value : values) out.push_back(exact(value));
  return out;
}

std::vector<double> exact_list(const Journal::Json& values) {
  std::vector<double> out;
  for (const Journal::Json& value : values) out.push_back(exact(value));
  return out;
}

void remove_checkpoint(const std::filesystem::path& checkpoint) {
  std::error_code missing;
  if (checkpoint.empty()) return;
  std::filesystem::remove(checkpoint, missing);
  std::filesystem::remove(journal_path(checkpoint), missing);
}

std::string digest(std::string_view text) { return fmt::format("{:016x}", hash_bytes(text)); }

Journal::Journal(std::filesystem::path path, const Json& about) : path_(std::move(path)) {
  if (!kept()) return;
  read();
  const size_t entries = entries_.size();
  require("about", about);
  if (entries > 1)
    log(LogLevel::info, "resumed from '{}': {} results are there", path_.string(), entries - 1);
}

void Journal::refuse() const {
  fail<InvalidArgument>("checkpoint",
                        "'{}' belongs to another model, other data or other options. Remove it, or "
                        "name another checkpoint.",
                        path_.string());
}

void Journal::read() {
  std::error_code missing;
  if (!std::filesystem::exists(path_, missing)) return;
  const std::string file = read_whole_file(path_);
  const std::string_view all(file);
  const bool begun = all.size() >= kMagic.size();
  if (begun && !all.starts_with(kMagic)) refuse();
  size_t at = kMagic.size();
  while (begun && all.size() - at >= sizeof(Head)) {
    Head head;
    std::memcpy(&head, all.data() + at, sizeof(head));
    const size_t left = all.size() - at - sizeof(head);
    if (head.key > left || head.value > left - head.key) break;
    const std::string_view content = all.substr(at + sizeof(head), head.key + head.value);
    if (crc32_of(content) != head.checksum) break;
    entries_.emplace(content.substr(0, head.key), content.substr(head.key));
    at += sizeof(head) + content.size();
  }
  if (begun && at == all.size()) return;
  write_whole_file(path_, true, [&](const Write& write) {
    if (begun) write(all.data(), at);
  });
}

std::optional<Journal::Json> Journal::find(const std::string& key) const {
  const auto entry = entries_.find(key);
  return entry == entries_.end() ? std::nullopt : std::optional(Json::parse(entry->second));
}

void Journal::add(const std::string& key, const Json& value) {
  if (has(key)) return;
  std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (kept()) append(key, text);
  entries_.emplace(key, std::move(text));
}

// In one piece, so that processes that share a journal do not mix their entries.
void Journal::append(const std::string& key, const std::string& value) {
  const int file = ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  const std::string bytes = packed(key, value);
  bool whole = file >= 0;
  if (whole && ::lseek(file, 0, SEEK_END) == 0)
    whole = ::write(file, kMagic.data(), kMagic.size()) == static_cast<ssize_t>(kMagic.size());
  whole = whole && ::write(file, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size());
  const int reason = errno;
  if (file >= 0) ::close(file);
  if (!whole)
    fail<FileError>("checkpoint", "'{}' could not be written: {}. Free some space there.",
                    path_.string(), std::strerror(reason));
}

void Journal::require(const std::string& name, const Json& value) {
  if (!kept()) return;
  const auto earlier = find(name);
  if (!earlier) return add(name, value);
  if (*earlier != value) refuse();
}

Journal::Json Journal::remembered(const std::string& key, const std::function<Json()>& work) {
  if (auto earlier = find(key)) return *std::move(earlier);
  Json value = work();
  if (kept()) add(key, value);
  return value;
}

}  // namespace eightbit
