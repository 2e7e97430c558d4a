// Bytes as text that fits into JSON: deflated (zlib), then base64 (RFC 4648, with padding).
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace eightbit {

std::string pack_bytes(std::span<const std::byte> bytes);
// Exactly `size` bytes; nothing where the text is damaged or holds another number of them. Never
// takes more memory than `size` asks for.
std::optional<std::vector<std::byte>> unpack_bytes(std::string_view text, size_t size);

}  // namespace eightbit
