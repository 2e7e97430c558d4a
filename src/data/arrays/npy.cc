#include "data/arrays/npy.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>

#include "base/error.h"

namespace eightbit {
namespace {

// Reads the dict literal. Anything that NumPy does not write is refused.
class HeaderReader {
 public:
  HeaderReader(std::string_view text, std::string_view name) : text_(text), name_(name) {}

  NpyHeader read() {
    NpyHeader header;
    expect('{');
    while (!accept('}')) {
      const std::string key = string();
      expect(':');
      field(key, header);
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_space();
    if (position_ != text_.size()) malformed("text after the closing brace");
    if (seen_ != (kDescr | kOrder | kShape))
      malformed("'descr', 'fortran_order' or 'shape' is missing");
    return header;
  }

 private:
  enum Key { kDescr = 1, kOrder = 2, kShape = 4 };

  void field(const std::string& key, NpyHeader& header) {
    if (key == "descr") {
      once(kDescr);
      header.descr = descr();
    } else if (key == "fortran_order") {
      once(kOrder);
      header.fortran_order = boolean();
    } else if (key == "shape") {
      once(kShape);
      header.shape = shape();
    } else {
      malformed("it has the unknown key '" + key + "'");
    }
  }

  void once(Key key) {
    if (seen_ & key) malformed("a key comes twice");
    seen_ |= key;
  }

  // A type string, or the list that describes a record, which is kept as text.
  std::string descr() {
    skip_space();
    if (position_ == text_.size() || text_[position_] != '[') return string();
    const size_t begin = position_;
    int depth = 0;
    do {
      if (position_ == text_.size()) malformed("'descr' does not end");
      depth += (text_[position_] == '[') - (text_[position_] == ']');
    } while (++position_, depth > 0);
    return std::string(text_.substr(begin, position_ - begin));
  }

  Shape shape() {
    Shape shape;
    expect('(');
    while (!accept(')')) {
      shape.push_back(integer());
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    if (shape.size() > 64) malformed("it has more than 64 dimensions");
    return shape;
  }

  int64_t integer() {
    skip_space();
    int64_t value = -1;
    const char* begin = text_.data() + position_;
    const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), value);
    if (error == std::errc::result_out_of_range) malformed("a dimension is too large");
    if (error != std::errc{} || value < 0) malformed("a dimension is not a number from 0 on");
    position_ += static_cast<size_t>(end - begin);
    return value;
  }

  bool boolean() {
    skip_space();
    for (const bool value : {true, false}) {
      const std::string_view word = value ? "True" : "False";
      if (text_.substr(position_, word.size()) != word) continue;
      position_ += word.size();
      return value;
    }
    malformed("'fortran_order' is neither True nor False");
  }

  std::string string() {
    skip_space();
    const char quote = position_ < text_.size() ? text_[position_] : '\0';
    if (quote != '\'' && quote != '"') malformed("a quoted word was expected");
    const size_t end = text_.find(quote, position_ + 1);
    if (end == std::string_view::npos) malformed("a quoted word does not end");
    const std::string word(text_.substr(position_ + 1, end - position_ - 1));
    position_ = end + 1;
    return word;
  }

  bool accept(char c) {
    skip_space();
    if (position_ == text_.size() || text_[position_] != c) return false;
    ++position_;
    return true;
  }
  void expect(char c) {
    if (!accept(c)) malformed(fmt::format("'{}' was expected at byte {}", c, position_));
  }
  void skip_space() {
    while (position_ < text_.size() && (text_[position_] == ' ' || text_[position_] == '\n'))
      ++position_;
  }
  [[noreturn]] void malformed(std::string_view what) const {
    fail<DataError>("data", "'{}' has a broken npy header: {}. Write it again with numpy.save",
                    name_, what);
  }

  std::string_view text_, name_;
  size_t position_ = 0;
  int seen_ = 0;
};

struct NpyType {
  std::string_view code;
  DType dtype;
};
constexpr NpyType kTypes[] = {
    {"b1", DType::boolean}, {"i1", DType::i8},  {"u1", DType::u8},  {"i2", DType::i16},
    {"u2", DType::u16},     {"i4", DType::i32}, {"u4", DType::u32}, {"i8", DType::i64},
    {"u8", DType::u64},     {"f2", DType::f16}, {"f4", DType::f32}, {"f8", DType::f64},
};

void resolve_type(NpyHeader& header) {
  if (header.descr.size() != 3) return;
  const char order = header.descr[0];
  for (const NpyType& type : kTypes) {
    if (type.code != std::string_view(header.descr).substr(1)) continue;
    header.dtype = type.dtype;
    header.item_size = bits_of(type.dtype) / 8;
    const bool stored_little =
        order == '<' || (order != '>' && std::endian::native == std::endian::little);
    header.swapped =
        header.item_size > 1 && stored_little != (std::endian::native == std::endian::little);
  }
  if (!std::strchr("<>|=", order)) header.dtype = DType::undefined;
}

uint64_t checked_size(const NpyHeader& header, std::string_view name) {
  constexpr uint64_t kMost = uint64_t{1} << 62;
  uint64_t size = header.item_size;
  for (int64_t d : header.shape) {
    if (d > 0 && size > kMost / static_cast<uint64_t>(d))
      fail<DataError>("data", "'{}' claims the shape {}, which no file can hold", name,
                      to_string(header.shape));
    size *= static_cast<uint64_t>(d);
  }
  return size;
}

}  // namespace

NpyHeader parse_npy_header(std::span<const std::byte> begin, std::string_view name) {
  const auto byte = [&](size_t i) { return static_cast<size_t>(begin[i]); };
  if (begin.size() < 10 || std::memcmp(begin.data(), "\x93NUMPY", 6) != 0)
    fail<DataError>("data", "'{}' is not an npy file: it does not begin with \\x93NUMPY", name);
  const size_t major = byte(6);
  if (major < 1 || major > 3 || byte(7) != 0)
    fail<DataError>("data", "'{}' has npy format version {}.{}. Allowed: 1.0, 2.0, 3.0", name,
                    major, byte(7));
  const size_t prefix = major == 1 ? 10 : 12;
  if (begin.size() < prefix) fail<DataError>("data", "'{}' ends inside its npy header", name);
  size_t length = byte(8) | byte(9) << 8;
  if (major > 1) length |= byte(10) << 16 | byte(11) << 24;
  if (length > kMostNpyHeader - prefix)
    fail<DataError>("data", "'{}' has an npy header of {} bytes. At most {} are read", name, length,
                    kMostNpyHeader - prefix);
  if (length > begin.size() - prefix)
    fail<DataError>("data", "'{}' ends inside its npy header", name);
  NpyHeader header =
      HeaderReader({reinterpret_cast<const char*>(begin.data()) + prefix, length}, name).read();
  header.data_offset = prefix + length;
  resolve_type(header);
  header.data_size = checked_size(header, name);
  return header;
}

void swap_elements(std::span<std::byte> bytes, size_t item_size) {
  for (size_t i = 0; i + item_size <= bytes.size(); i += item_size)
    std::reverse(bytes.begin() + static_cast<ptrdiff_t>(i),
                 bytes.begin() + static_cast<ptrdiff_t>(i + item_size));
}

std::vector<std::byte> to_row_major(std::span<const std::byte> bytes, const Shape& shape,
                                    size_t item_size) {
  std::vector<std::byte> out(bytes.size());
  std::vector<size_t> stride(shape.size(), item_size), index(shape.size(), 0);
  for (size_t axis = 1; axis < shape.size(); ++axis)
    stride[axis] = stride[axis - 1] * static_cast<size_t>(shape[axis - 1]);
  size_t from = 0;
  for (size_t to = 0; to < out.size(); to += item_size) {
    std::memcpy(out.data() + to, bytes.data() + from, item_size);
    for (size_t axis = shape.size(); axis-- > 0;) {  // the next index, last axis fastest
      from += stride[axis];
      if (++index[axis] < static_cast<size_t>(shape[axis])) break;
      from -= stride[axis] * index[axis];
      index[axis] = 0;
    }
  }
  return out;
}

}  // namespace eightbit
