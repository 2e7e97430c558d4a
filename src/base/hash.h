// A 64-bit hash of bytes, for fingerprints, and the checksum of files. Not cryptographic. The same
// on every little-endian machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace eightbit {

inline constexpr uint64_t kHashStart = 0xcbf29ce484222325u;

// Takes one more value into a hash; finish_hash() spreads its bits at the end.
uint64_t mix_hash(uint64_t hash, uint64_t value);
uint64_t finish_hash(uint64_t hash);

uint64_t hash_bytes(std::span<const std::byte> bytes);
inline uint64_t hash_bytes(std::string_view text) {
  return hash_bytes(std::as_bytes(std::span(text)));
}

// CRC-32, as zip and gzip have it: of bytes that follow others whose checksum is `crc`.
uint32_t crc32_of(std::span<const std::byte> bytes, uint32_t crc = 0);
inline uint32_t crc32_of(std::string_view text) { return crc32_of(std::as_bytes(std::span(text))); }

}  // namespace eightbit
