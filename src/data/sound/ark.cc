#include "data/sound/ark.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <optional>
#include <utility>

#include "base/error.h"

namespace eightbit {
namespace {

constexpr uint64_t kLongestKey = 4096;
constexpr int64_t kMostValues = int64_t{1} << 31;

template <typename T>
T value_at(const std::byte* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof(T));
  return value;
}

[[noreturn]] void damaged(const RandomAccessFile& file, std::string_view key,
                          std::string_view what) {
  fail<DataError>("data", "'{}' record '{}' {}. Replace it or take it out", file.name(), key, what);
}

// Reads on and on, in pieces of the file.
class Cursor {
 public:
  Cursor(const RandomAccessFile& file, uint64_t at) : file_(file), at_(at) {}

  uint64_t at() const { return at_; }
  bool at_end() const { return at_ >= file_.size(); }
  // -1 behind the end.
  int peek() {
    if (at_end()) return -1;
    if (at_ < begin_ || at_ >= begin_ + piece_.size()) {
      begin_ = at_;
      piece_ = file_.read(at_, std::min(kPiece, file_.size() - at_));
    }
    return static_cast<int>(piece_[static_cast<size_t>(at_ - begin_)]);
  }
  int next() {
    const int byte = peek();
    if (byte >= 0) ++at_;
    return byte;
  }
  void jump(uint64_t to) { at_ = to; }
  bool take(std::string_view text) {
    for (const char wanted : text)
      if (next() != static_cast<unsigned char>(wanted)) return false;
    return true;
  }
  // Up to a space or a line's end, which stays.
  std::string word(uint64_t longest) {
    std::string text;
    while (text.size() < longest && peek() > ' ') text += static_cast<char>(next());
    return text;
  }
  void skip_blanks() {
    while (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r') ++at_;
  }

 private:
  static constexpr uint64_t kPiece = 4096;

  const RandomAccessFile& file_;
  uint64_t at_, begin_ = 0;
  std::vector<std::byte> piece_;
};

int width_of(ArkForm form) {
  switch (form) {
    case ArkForm::f64:
      return 8;
    case ArkForm::f32:
      return 4;
    case ArkForm::rows_u16:
      return 2;
    default:
      return 1;
  }
}

// Bytes in front of the values: least and range, and of CM what each column has.
uint64_t header_bytes(const ArkRecord& record) {
  if (record.form == ArkForm::columns_u8) return 16 + 8 * static_cast<uint64_t>(record.columns);
  return record.form == ArkForm::rows_u16 || record.form == ArkForm::rows_u8 ? 16 : 0;
}

uint64_t content_bytes(const ArkRecord& record) {
  return header_bytes(record) + static_cast<uint64_t>(record.rows * record.columns) *
                                    static_cast<uint64_t>(width_of(record.form));
}

void check_size(const RandomAccessFile& file, const ArkRecord& record) {
  if (record.rows < 1 || record.columns < 1)
    damaged(file, record.key, fmt::format("has {} rows of {}", record.rows, record.columns));
  if (record.rows > kMostValues / record.columns ||
      (record.form != ArkForm::text &&
       content_bytes(record) > file.size() - std::min(file.size(), record.content)))
    damaged(file, record.key,
            fmt::format("promises {} rows of {}, which the file does not hold", record.rows,
                        record.columns));
}

int32_t counted(Cursor& cursor, const RandomAccessFile& file, std::string_view key, bool marked) {
  if (marked && cursor.next() != 4) damaged(file, key, "has no size where it should stand");
  std::array<std::byte, 4> bytes{};
  for (std::byte& byte : bytes) {
    const int next = cursor.next();
    if (next < 0) damaged(file, key, "ends early");
    byte = static_cast<std::byte>(next);
  }
  return value_at<int32_t>(bytes.data());
}

void read_plain_header(Cursor& cursor, const RandomAccessFile& file, bool vector,
                       ArkRecord& record) {
  record.rows = vector ? 1 : counted(cursor, file, record.key, true);
  record.columns = counted(cursor, file, record.key, true);
  record.content = cursor.at();
}

// Least and range stand in front of the sizes, and belong to the content.
void read_packed_header(Cursor& cursor, const RandomAccessFile& file, ArkRecord& record) {
  record.content = cursor.at();
  cursor.jump(cursor.at() + 8);
  record.rows = counted(cursor, file, record.key, false);
  record.columns = counted(cursor, file, record.key, false);
}

void read_binary(Cursor& cursor, const RandomAccessFile& file, ArkRecord& record) {
  cursor.next();
  if (cursor.next() != 'B') damaged(file, record.key, "is neither binary nor text");
  const std::string token = cursor.word(8);
  cursor.next();  // the space
  if (token == "FM" || token == "FV" || token == "DM" || token == "DV") {
    record.form = token[0] == 'F' ? ArkForm::f32 : ArkForm::f64;
    read_plain_header(cursor, file, token[1] == 'V', record);
  } else if (token == "CM" || token == "CM2" || token == "CM3") {
    record.form = token == "CM"    ? ArkForm::columns_u8
                  : token == "CM2" ? ArkForm::rows_u16
                                   : ArkForm::rows_u8;
    read_packed_header(cursor, file, record);
  } else {
    damaged(file, record.key,
            fmt::format("is of the kind '{}'. Known: FM, DM, FV, DV, CM, CM2, CM3", token));
  }
  check_size(file, record);
  cursor.jump(record.content + content_bytes(record));
}

// Numbers from "[" to "]"; `each` is called with every one and the row that it stands in.
template <typename Each>
void read_numbers(Cursor& cursor, const RandomAccessFile& file, std::string_view key, Each each) {
  int64_t row = 0, in_row = 0;
  while (true) {
    const int byte = cursor.peek();
    if (byte == '\n') {
      row += in_row > 0;
      in_row = 0;
      cursor.next();
    } else if (byte == ' ' || byte == '\t' || byte == '\r') {
      cursor.next();
    } else if (byte == ']') {
      cursor.next();
      return;
    } else {
      std::string text;
      while (text.size() < 64 && cursor.peek() > ' ' && cursor.peek() != ']')
        text += static_cast<char>(cursor.next());
      float number = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
      if (text.empty() || error != std::errc() || end != text.data() + text.size())
        damaged(file, key, text.empty() ? "ends before its ']'" : "has a number that is none");
      each(row, number);
      ++in_row;
    }
  }
}

void read_text(Cursor& cursor, const RandomAccessFile& file, ArkRecord& record) {
  cursor.skip_blanks();
  if (cursor.next() != '[') damaged(file, record.key, "is neither binary nor text");
  record.form = ArkForm::text;
  record.content = cursor.at();
  int64_t last = -1, in_row = 0;
  const auto end_row = [&] {
    if (last < 0) return;
    if (record.columns == 0) record.columns = in_row;
    if (in_row != record.columns) damaged(file, record.key, "has rows of several lengths");
  };
  read_numbers(cursor, file, record.key, [&](int64_t row, float) {
    if (row != last) {
      end_row();
      last = row;
      in_row = 0;
    }
    ++in_row;
  });
  end_row();
  record.rows = last + 1;
  check_size(file, record);
}

ArkRecord read_record(Cursor& cursor, const RandomAccessFile& file, std::string key) {
  ArkRecord record;
  record.key = std::move(key);
  if (cursor.peek() == 0)
    read_binary(cursor, file, record);
  else
    read_text(cursor, file, record);
  return record;
}

// CM: the range of a column in three stretches, of 64, 128 and 63 steps.
float unpacked(uint8_t byte, const float (&at)[4]) {
  const auto steps = static_cast<float>(byte);
  if (byte <= 64) return at[0] + (at[1] - at[0]) * steps / 64;
  if (byte <= 192) return at[1] + (at[2] - at[1]) * (steps - 64) / 128;
  return at[2] + (at[3] - at[2]) * (steps - 192) / 63;
}

void read_columns(const RandomAccessFile& file, const ArkRecord& record, float* out) {
  const auto rows = static_cast<size_t>(record.rows), columns = static_cast<size_t>(record.columns);
  const std::vector<std::byte> bytes = file.read(record.content, content_bytes(record));
  const float least = value_at<float>(&bytes[0]), step = value_at<float>(&bytes[4]) / 65535;
  const std::byte* values = &bytes[header_bytes(record)];
  for (size_t c = 0; c < columns; ++c) {
    float at[4];
    for (size_t i = 0; i < 4; ++i)
      at[i] = least + step * static_cast<float>(value_at<uint16_t>(&bytes[16 + 8 * c + 2 * i]));
    for (size_t r = 0; r < rows; ++r)
      out[r * columns + c] = unpacked(static_cast<uint8_t>(values[c * rows + r]), at);
  }
}

void read_rows(const RandomAccessFile& file, const ArkRecord& record, float* out) {
  const std::vector<std::byte> bytes = file.read(record.content, content_bytes(record));
  const bool packed = header_bytes(record) > 0;
  const float least = packed ? value_at<float>(&bytes[0]) : 0,
              range = packed ? value_at<float>(&bytes[4]) : 0;
  const auto width = static_cast<size_t>(width_of(record.form));
  const auto values = static_cast<size_t>(record.rows * record.columns);
  for (size_t i = 0; i < values; ++i) {
    const std::byte* at = &bytes[header_bytes(record) + i * width];
    switch (record.form) {
      case ArkForm::f32:
        out[i] = value_at<float>(at);
        break;
      case ArkForm::f64:
        out[i] = static_cast<float>(value_at<double>(at));
        break;
      case ArkForm::rows_u16:
        out[i] = least + range / 65535 * static_cast<float>(value_at<uint16_t>(at));
        break;
      default:
        out[i] = least + range / 255 * static_cast<float>(value_at<uint8_t>(at));
    }
  }
}

}  // namespace

std::vector<ArkRecord> scan_ark(const RandomAccessFile& file) {
  std::vector<ArkRecord> records;
  Cursor cursor(file, 0);
  for (cursor.skip_blanks(); !cursor.at_end(); cursor.skip_blanks()) {
    std::string key = cursor.word(kLongestKey);
    if (key.empty() || cursor.next() != ' ')
      fail<DataError>("data", "'{}' is no Kaldi archive: at byte {} no key begins", file.name(),
                      cursor.at());
    records.push_back(read_record(cursor, file, std::move(key)));
  }
  if (records.empty()) fail<DataError>("data", "archive '{}' is empty", file.name());
  return records;
}

ArkRecord ark_record_at(const RandomAccessFile& file, uint64_t offset, std::string key) {
  if (offset >= file.size())
    damaged(file, key, fmt::format("is to begin at byte {} of {}", offset, file.size()));
  Cursor cursor(file, offset);
  return read_record(cursor, file, std::move(key));
}

Tensor read_ark(const RandomAccessFile& file, const ArkRecord& record) {
  Tensor tensor = Tensor::allocate(DType::f32, {record.rows, record.columns});
  auto* out = reinterpret_cast<float*>(tensor.mutable_data());
  if (record.form == ArkForm::columns_u8) {
    read_columns(file, record, out);
  } else if (record.form == ArkForm::text) {
    const float* end = out + record.rows * record.columns;
    Cursor cursor(file, record.content);
    read_numbers(cursor, file, record.key, [&](int64_t, float number) {
      if (out == end) damaged(file, record.key, "has changed since it was opened");
      *out++ = number;
    });
  } else {
    read_rows(file, record, out);
  }
  return tensor;
}

}  // namespace eightbit
