#include "data/arrays/stored_array.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "data/file_set.h"

namespace eightbit {
namespace {

constexpr uint64_t kSmall = 16u << 20;  // loaded and checked as a whole

uint64_t bytes_in(const RandomAccessFile& file, const std::optional<ZipMember>& member) {
  return member ? member->size : file.size();
}

Tensor wrap(DType dtype, Shape shape, std::vector<std::byte> bytes) {
  auto owner = std::make_shared<std::vector<std::byte>>(std::move(bytes));
  if (owner->empty()) owner->resize(1);  // an empty tensor still has an address
  Tensor tensor{dtype, std::move(shape), owner->data(), nullptr};
  tensor.owner = std::move(owner);
  return tensor;
}

void append_utf8(std::string& text, char32_t code) {
  const auto byte = [&](char32_t value) { text += static_cast<char>(value); };
  const auto rest = [&](int shift) { byte(0x80 | ((code >> shift) & 0x3f)); };
  if (code < 0x80) return byte(code);
  if (code < 0x800) return byte(0xc0 | (code >> 6)), rest(0);
  if (code < 0x10000) return byte(0xe0 | (code >> 12)), rest(6), rest(0);
  byte(0xf0 | (code >> 18)), rest(12), rest(6), rest(0);
}

Shape row_shape(Shape shape) {
  shape.front() = 1;
  return shape;
}

}  // namespace

StoredArray::StoredArray(std::shared_ptr<const RandomAccessFile> file,
                         std::optional<ZipMember> member, std::string name)
    : file_(std::move(file)), member_(std::move(member)), name_(std::move(name)) {
  header_ =
      parse_npy_header(begin_of_data(), member_ ? file_->name() + ":" + name_ : file_->name());
  const uint64_t present = bytes_in(*file_, member_) - header_.data_offset;
  if (header_.dtype != DType::undefined && present != header_.data_size)
    fail<DataError>(
        "data",
        "{} of shape {} and type {} takes {} bytes, but {} are there. Copy or make the file again",
        label(), to_string(header_.shape), header_.descr, header_.data_size, present);
}

std::vector<std::byte> StoredArray::begin_of_data() const {
  const uint64_t count = std::min<uint64_t>(bytes_in(*file_, member_), kMostNpyHeader);
  return member_ ? read_zip_member(*file_, *member_, count) : file_->read(0, count);
}

std::string StoredArray::label() const {
  return member_ ? fmt::format("'{}' array '{}'", file_->name(), name_)
                 : fmt::format("'{}'", file_->name());
}

void StoredArray::require_type() const {
  if (header_.dtype != DType::undefined) return;
  const bool objects = header_.descr.find('O') != std::string::npos;
  fail<DataError>(
      "data",
      "{} has elements of type '{}'{}. Allowed: booleans, integers and floats of 1 to 8 bytes",
      label(), header_.descr,
      objects ? ", Python objects, which would mean running code (pickle)" : "");
}

void StoredArray::prepare_rows() {
  if (loaded_ || crc_) return;
  const bool column_major = header_.fortran_order && header_.shape.size() > 1;
  const bool deflated = member_ && member_->deflated;
  if (!column_major && !deflated && header_.data_size > kSmall) {
    crc_ = std::make_shared<RunningCrc>();
    if (member_) crc_->crc = crc32_of(file_->read(member_->offset, header_.data_offset));
    return;
  }
  if (header_.data_size > kSmall)
    log(LogLevel::info,
        "{} is {}: {} MB are loaded at once. numpy.save and numpy.savez of C-ordered arrays are "
        "read in "
        "slices",
        label(), deflated ? "compressed" : "in Fortran order", header_.data_size >> 20);
  loaded_ = std::make_shared<const std::vector<std::byte>>(load());
}

std::vector<std::byte> StoredArray::load() const {
  std::vector<std::byte> bytes;
  if (member_) {
    bytes = read_zip_member(*file_, *member_, member_->size);
    bytes.erase(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(header_.data_offset));
  } else {
    bytes = file_->read(header_.data_offset, header_.data_size);
  }
  if (header_.swapped) swap_elements(bytes, header_.item_size);
  if (header_.fortran_order && header_.shape.size() > 1)
    return to_row_major(bytes, header_.shape, header_.item_size);
  return bytes;
}

Tensor StoredArray::row(int64_t index) const {
  const uint64_t size = header_.data_size / static_cast<uint64_t>(rows());
  const uint64_t offset = size * static_cast<uint64_t>(index);
  if (loaded_) {  // elements keep their alignment: rows begin at multiples of the element size
    return {header_.dtype, row_shape(header_.shape), loaded_->data() + offset, loaded_};
  }
  const uint64_t begin = (member_ ? member_->offset : 0) + header_.data_offset;
  std::vector<std::byte> bytes = file_->read(begin + offset, size);
  check_stored(index, bytes);
  if (header_.swapped) swap_elements(bytes, header_.item_size);
  return wrap(header_.dtype, row_shape(header_.shape), std::move(bytes));
}

void StoredArray::check_stored(int64_t index, std::span<const std::byte> bytes) const {
  if (!member_) return;
  std::lock_guard lock(crc_->mutex);
  if (index != crc_->next_row) return;
  crc_->crc = crc32_of(bytes, crc_->crc);
  if (++crc_->next_row == rows() && crc_->crc != member_->crc) fail_crc(*file_, *member_);
}

std::vector<std::string> StoredArray::texts() const {
  size_t length = 0;
  const char* end = header_.descr.data() + header_.descr.size();
  const bool is_text = header_.descr.starts_with("<U") &&
                       std::from_chars(header_.descr.data() + 2, end, length).ptr == end;
  const auto count = static_cast<uint64_t>(element_count(header_.shape));
  const uint64_t present = bytes_in(*file_, member_) - header_.data_offset,
                 wanted = count * length * sizeof(char32_t);
  if (!is_text || length == 0 || present != wanted)
    fail<DataError>("data",
                    "{} of type '{}' holds no texts. An array of strings is needed, as "
                    "numpy.array([...]) makes it",
                    label(), header_.descr);
  auto bytes = member_ ? read_zip_member(*file_, *member_, member_->size)
                       : file_->read(0, header_.data_offset + wanted);
  std::vector<std::string> texts(count);
  for (uint64_t i = 0; i < count * length; ++i) {
    char32_t code = 0;
    std::memcpy(&code, bytes.data() + header_.data_offset + i * sizeof code, sizeof code);
    if (code != 0) append_utf8(texts[i / length], code);
  }
  return texts;
}

Tensor StoredArray::whole() const { return wrap(header_.dtype, header_.shape, load()); }

// Members carry a checksum of their content; plain files are sampled in a few places.
void StoredArray::identify(Digest& digest) const {
  digest.add(name_)
      .add(header_.descr)
      .add(to_string(header_.shape))
      .add(uint64_t{header_.fortran_order});
  if (member_) {
    digest.add(uint64_t{member_->crc});
    return;
  }
  constexpr uint64_t kPlaces = 16, kBytes = 4096;
  for (uint64_t i = 0; i < kPlaces; ++i) {
    const uint64_t offset = header_.data_size / kPlaces * i;
    const auto bytes =
        file_->read(header_.data_offset + offset, std::min(kBytes, header_.data_size - offset));
    digest.add(std::span<const std::byte>(bytes));
  }
}

std::vector<StoredArray> list_arrays(const std::filesystem::path& path) {
  auto file = std::make_shared<const RandomAccessFile>(path);
  std::vector<StoredArray> arrays;
  if (kind_of(path) != FileKind::npz) {
    arrays.emplace_back(std::move(file), std::nullopt, "");
    return arrays;
  }
  for (ZipMember& member : read_zip_directory(*file)) {
    const std::string name =
        member.name.ends_with(".npy") ? member.name.substr(0, member.name.size() - 4) : member.name;
    if (name == member.name)
      fail<DataError>("data", "'{}' holds '{}', which is no array. A .npz holds .npy members only",
                      file->name(), name);
    arrays.emplace_back(file, std::move(member), name);
  }
  if (arrays.empty()) fail<DataError>("data", "'{}' holds no arrays", file->name());
  return arrays;
}

}  // namespace eightbit
