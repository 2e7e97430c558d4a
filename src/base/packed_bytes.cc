#include "base/packed_bytes.h"

#include <zlib.h>

#include <array>
#include <cstdint>

#include "base/error.h"

namespace eightbit {
namespace {

constexpr std::string_view kDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<int8_t, 256> digit_values() {
  std::array<int8_t, 256> values{};
  values.fill(-1);
  for (size_t i = 0; i < kDigits.size(); ++i)
    values[static_cast<uint8_t>(kDigits[i])] = static_cast<int8_t>(i);
  return values;
}

std::string to_base64(std::span<const uint8_t> bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t count = std::min<size_t>(3, bytes.size() - i);
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k) group = group << 8 | (k < count ? bytes[i + k] : 0u);
    for (size_t k = 0; k < 4; ++k) text += k <= count ? kDigits[group >> (18 - 6 * k) & 63u] : '=';
  }
  return text;
}

std::optional<std::vector<uint8_t>> from_base64(std::string_view text) {
  static constexpr auto kValues = digit_values();
  if (text.size() % 4 != 0) return std::nullopt;
  size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  std::vector<uint8_t> bytes;
  bytes.reserve(text.size() / 4 * 3);
  uint32_t group = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool padded = i + padding >= text.size();
    const int value = padded ? 0 : kValues[static_cast<uint8_t>(text[i])];
    if (value < 0) return std::nullopt;
    group = group << 6 | static_cast<uint32_t>(value);
    if (i % 4 != 3) continue;
    for (int shift : {16, 8, 0}) bytes.push_back(static_cast<uint8_t>(group >> shift));
    group = 0;
  }
  bytes.resize(bytes.size() - padding);
  return bytes;
}

}  // namespace

std::string pack_bytes(std::span<const std::byte> bytes) {
  uLongf size = compressBound(static_cast<uLong>(bytes.size()));
  std::vector<uint8_t> packed(size);
  const int status = compress2(packed.data(), &size, reinterpret_cast<const Bytef*>(bytes.data()),
                               static_cast<uLong>(bytes.size()), Z_DEFAULT_COMPRESSION);
  EIGHTBIT_CHECK(status == Z_OK, "zlib: {} bytes could not be packed ({})", bytes.size(), status);
  return to_base64({packed.data(), size});
}

std::optional<std::vector<std::byte>> unpack_bytes(std::string_view text, size_t size) {
  const auto packed = from_base64(text);
  if (!packed) return std::nullopt;
  std::vector<std::byte> bytes(size + 1);  // one more, so that a longer content shows
  uLongf length = static_cast<uLongf>(bytes.size());
  const int status = uncompress(reinterpret_cast<Bytef*>(bytes.data()), &length, packed->data(),
                                static_cast<uLong>(packed->size()));
  if (status != Z_OK || length != size) return std::nullopt;
  bytes.resize(size);
  return bytes;
}

}  // namespace eightbit
