#include "data/arrays/zip.h"

#include <zlib.h>

#include <algorithm>
#include <bit>
#include <limits>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "base/hash.h"

namespace eightbit {
namespace {

constexpr uint32_t kLocalHeader = 0x04034b50, kDirectoryEntry = 0x02014b50, kEnd = 0x06054b50;
constexpr uint32_t kEnd64 = 0x06064b50, kEnd64Locator = 0x07064b50;
constexpr uint64_t kEndSize = 22, kEnd64Size = 56, kEnd64LocatorSize = 20, kEntrySize = 46,
                   kLocalSize = 30;
constexpr uint64_t kMostDirectory = 64u << 20;
constexpr uint32_t k32 = 0xffffffffu;  // "see the zip64 field"

// Little-endian fields out of bytes, checked.
class Fields {
 public:
  Fields(std::span<const std::byte> bytes, const RandomAccessFile& file)
      : bytes_(bytes), file_(file) {}

  uint64_t number(size_t width) {
    uint64_t value = 0;
    const auto bytes = take(width);
    for (size_t i = 0; i < width; ++i) value |= static_cast<uint64_t>(bytes[i]) << (8 * i);
    return value;
  }
  uint32_t u16() { return static_cast<uint32_t>(number(2)); }
  uint32_t u32() { return static_cast<uint32_t>(number(4)); }
  uint64_t u64() { return number(8); }
  std::span<const std::byte> take(size_t count) {
    if (count > bytes_.size())
      fail<DataError>("data", "'{}' is a broken zip file: a header is cut off", file_.name());
    const auto taken = bytes_.first(count);
    bytes_ = bytes_.subspan(count);
    return taken;
  }
  size_t left() const { return bytes_.size(); }

 private:
  std::span<const std::byte> bytes_;
  const RandomAccessFile& file_;
};

struct Directory {
  uint64_t offset = 0, size = 0, entries = 0;
};

// Position of the end record: its comment must reach exactly to the end of the file.
uint64_t find_end(const RandomAccessFile& file) {
  const uint64_t tail_size = std::min<uint64_t>(file.size(), kEndSize + 0xffff);
  const auto tail = file.read(file.size() - tail_size, tail_size);
  for (uint64_t back = kEndSize; back <= tail_size; ++back) {
    Fields fields(std::span<const std::byte>(tail).subspan(tail_size - back), file);
    if (fields.u32() != kEnd) continue;
    fields.take(16);
    if (fields.u16() == back - kEndSize) return file.size() - back;
  }
  fail<DataError>("data",
                  "'{}' is not a whole zip file: it has no end record. Copy or make the file again",
                  file.name());
}

std::optional<Directory> find_zip64(const RandomAccessFile& file, uint64_t end) {
  if (end < kEnd64LocatorSize) return std::nullopt;
  const auto locator = file.read(end - kEnd64LocatorSize, kEnd64LocatorSize);
  Fields fields(locator, file);
  if (fields.u32() != kEnd64Locator) return std::nullopt;
  fields.u32();
  const auto record = file.read(fields.u64(), kEnd64Size);
  Fields end64(record, file);
  if (end64.u32() != kEnd64)
    fail<DataError>("data", "'{}' is a broken zip file: bad zip64 record", file.name());
  end64.take(8 + 2 + 2 + 4 + 4 + 8);
  const uint64_t entries = end64.u64(), size = end64.u64(), offset = end64.u64();
  return Directory{offset, size, entries};
}

Directory find_directory(const RandomAccessFile& file) {
  const uint64_t end = find_end(file);
  const auto record = file.read(end, kEndSize);
  Fields fields(record, file);
  fields.u32();
  const uint32_t disk = fields.u16(), directory_disk = fields.u16();
  fields.u16();
  Directory directory;
  directory.entries = fields.u16();
  directory.size = fields.u32();
  directory.offset = fields.u32();
  if (const auto large = find_zip64(file, end))
    directory = *large;
  else if (disk != 0 || directory_disk != 0)
    fail<DataError>("data", "'{}' is one part of a zip file in several. Join the parts first",
                    file.name());
  if (directory.offset > end || directory.size > end - directory.offset ||
      directory.size > kMostDirectory || directory.entries > directory.size / kEntrySize)
    fail<DataError>("data", "'{}' is a broken zip file: its directory does not fit into it",
                    file.name());
  return directory;
}

// Sizes and offset that did not fit into 32 bits stand in an extra field, in this order, each only
// where needed.
void read_zip64_field(std::span<const std::byte> extra, ZipMember& member,
                      const RandomAccessFile& file) {
  Fields fields(extra, file);
  while (fields.left() >= 4) {
    const uint32_t id = fields.u16();
    Fields body(fields.take(fields.u16()), file);
    if (id != 1) continue;
    if (member.size == k32) member.size = body.u64();
    if (member.stored_size == k32) member.stored_size = body.u64();
    if (member.offset == k32) member.offset = body.u64();
    return;
  }
}

void check_name(const std::string& name, const RandomAccessFile& file) {
  bool escapes = name.empty() || name.front() == '/' || name.find('\\') != std::string::npos ||
                 name.find('\0') != std::string::npos ||
                 (name.size() > 1 && name[1] == ':' && name.size() > 2 && name[2] == '/');
  for (size_t begin = 0; begin <= name.size() && !escapes;) {
    const size_t end = std::min(name.find('/', begin), name.size());
    escapes = std::string_view(name).substr(begin, end - begin) == "..";
    begin = end + 1;
  }
  if (escapes)
    fail<DataError>(
        "data",
        "'{}' holds a member with the unsafe name '{}'. Names are relative, with '/' and no '..'",
        file.name(), name);
}

ZipMember read_entry(Fields& fields, const RandomAccessFile& file) {
  if (fields.u32() != kDirectoryEntry)
    fail<DataError>("data", "'{}' is a broken zip file: bad entry in its directory", file.name());
  ZipMember member;
  fields.take(4);
  const uint32_t flags = fields.u16(), method = fields.u16();
  fields.take(4);
  member.crc = fields.u32();
  member.stored_size = fields.u32();
  member.size = fields.u32();
  const uint32_t name_size = fields.u16(), extra_size = fields.u16(), comment_size = fields.u16();
  fields.take(8);
  member.offset = fields.u32();
  const auto name = fields.take(name_size);
  member.name.assign(reinterpret_cast<const char*>(name.data()), name.size());
  read_zip64_field(fields.take(extra_size), member, file);
  fields.take(comment_size);
  check_name(member.name, file);
  if (flags & 1)
    fail<DataError>("data", "'{}': member '{}' is encrypted. Save it without", file.name(),
                    member.name);
  if (method != 0 && method != 8)
    fail<DataError>("data",
                    "'{}': member '{}' has compression {}. Allowed: 0 (stored), 8 (deflated)",
                    file.name(), member.name, method);
  member.deflated = method == 8;
  return member;
}

// Turns the offset of the local header into that of the data behind it.
void locate_data(ZipMember& member, const RandomAccessFile& file) {
  const auto local = file.read(member.offset, kLocalSize);
  Fields fields(local, file);
  if (fields.u32() != kLocalHeader)
    fail<DataError>("data", "'{}' is a broken zip file: no data for member '{}'", file.name(),
                    member.name);
  fields.take(22);
  const uint64_t name_size = fields.u16(), extra_size = fields.u16();
  const auto name = file.read(member.offset + kLocalSize, name_size);
  if (std::string_view(reinterpret_cast<const char*>(name.data()), name.size()) != member.name)
    fail<DataError>("data", "'{}' is a broken zip file: member '{}' has two names", file.name(),
                    member.name);
  member.offset += kLocalSize + name_size + extra_size;
}

void check_sizes(const ZipMember& member, const RandomAccessFile& file) {
  if (member.offset > file.size() || member.stored_size > file.size() - member.offset)
    fail<DataError>("data", "'{}': member '{}' reaches over the end of the file", file.name(),
                    member.name);
  if (!member.deflated && member.size != member.stored_size)
    fail<DataError>("data", "'{}': member '{}' is stored but claims two sizes", file.name(),
                    member.name);
  if (member.deflated && member.size / kMostRatio > member.stored_size)
    fail<DataError>("data",
                    "'{}': member '{}' claims {} bytes out of {}, over {} to 1. Use numpy.savez to "
                    "store it plainly",
                    file.name(), member.name, member.size, member.stored_size, kMostRatio);
}

void check_apart(std::vector<ZipMember> members, const RandomAccessFile& file) {
  std::ranges::sort(members, {}, &ZipMember::offset);
  for (size_t i = 1; i < members.size(); ++i)
    if (members[i - 1].offset + members[i - 1].stored_size > members[i].offset)
      fail<DataError>("data", "'{}' is a broken zip file: members '{}' and '{}' overlap",
                      file.name(), members[i - 1].name, members[i].name);
  std::ranges::sort(members, {}, &ZipMember::name);
  const auto twin = std::ranges::adjacent_find(members, {}, &ZipMember::name);
  if (twin != members.end())
    fail<DataError>("data", "'{}' holds two members named '{}'", file.name(), twin->name);
}

// One run of zlib's inflate over a member.
class Inflater {
 public:
  Inflater(const RandomAccessFile& file, const ZipMember& member) : file_(file), member_(member) {
    if (inflateInit2(&stream_, -MAX_WBITS) != Z_OK)
      fail<InternalError>("data", "zlib cannot be started");
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  // Fills `out`; true when the data ends exactly there.
  bool run(std::span<std::byte> out) {
    size_t done = 0;
    int state = Z_OK;
    std::byte beyond;  // one byte more than asked for shows that the data goes on
    while (state != Z_STREAM_END) {
      refill();
      const bool full = done == out.size();
      const size_t room =
          full ? 1 : std::min<size_t>(out.size() - done, std::numeric_limits<uInt>::max());
      stream_.next_out = reinterpret_cast<Bytef*>(full ? &beyond : out.data() + done);
      stream_.avail_out = static_cast<uInt>(room);
      state = inflate(&stream_, Z_NO_FLUSH);
      if (full && stream_.avail_out == 0) return false;
      if (!full) done += room - stream_.avail_out;
      if (state != Z_OK && state != Z_STREAM_END) broken();
    }
    if (done != out.size()) broken();
    return true;
  }

 private:
  void refill() {
    if (stream_.avail_in) return;
    input_ = file_.read(member_.offset + read_,
                        std::min<uint64_t>(member_.stored_size - read_, 1u << 20));
    read_ += input_.size();
    stream_.next_in = reinterpret_cast<Bytef*>(input_.data());
    stream_.avail_in = static_cast<uInt>(input_.size());
  }
  [[noreturn]] void broken() const {
    fail<DataError>(
        "data", "'{}': member '{}' cannot be inflated to its {} bytes. Copy or make the file again",
        file_.name(), member_.name, member_.size);
  }

  const RandomAccessFile& file_;
  const ZipMember& member_;
  z_stream stream_{};
  std::vector<std::byte> input_;
  uint64_t read_ = 0;
};

}  // namespace

std::vector<ZipMember> read_zip_directory(const RandomAccessFile& file) {
  const Directory directory = find_directory(file);
  const auto bytes = file.read(directory.offset, directory.size);
  Fields fields(bytes, file);
  std::vector<ZipMember> members;
  for (uint64_t i = 0; i < directory.entries; ++i) {
    members.push_back(read_entry(fields, file));
    locate_data(members.back(), file);
    check_sizes(members.back(), file);
  }
  if (fields.left())
    fail<DataError>("data", "'{}' is a broken zip file: its directory is longer than its entries",
                    file.name());
  check_apart(members, file);
  return members;
}

std::vector<std::byte> read_zip_member(const RandomAccessFile& file, const ZipMember& member,
                                       uint64_t limit) {
  if (limit > member.size) limit = member.size;
  if (limit > kMostInflated && member.deflated)
    fail<DataError>(
        "data",
        "'{}': member '{}' inflates to {} bytes; at most {} are kept in memory. Use numpy.savez to "
        "store it plainly, then it is read in slices",
        file.name(), member.name, member.size, kMostInflated);
  std::vector<std::byte> bytes;
  bool whole = limit == member.size;
  if (member.deflated) {
    bytes.resize(limit);
    const bool ended = Inflater(file, member).run(bytes);
    if (whole && !ended)
      fail<DataError>("data", "'{}': member '{}' holds more than the {} bytes it claims",
                      file.name(), member.name, member.size);
  } else {
    bytes = file.read(member.offset, limit);
  }
  if (whole && crc32_of(bytes) != member.crc) fail_crc(file, member);
  return bytes;
}

void fail_crc(const RandomAccessFile& file, const ZipMember& member) {
  fail<DataError>(
      "data",
      "'{}': member '{}' is damaged, its checksum (CRC-32) differs. Copy or make the file again",
      file.name(), member.name);
}

}  // namespace eightbit
