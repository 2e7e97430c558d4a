// FNV-1a over 8-byte lanes, four of them side by side for long buffers, each round followed by a
// rotation so that high bits reach low ones (plain FNV-1a lets them only move up).
#include "base/hash.h"

#include <zlib.h>

#include <array>
#include <bit>
#include <cstring>

namespace eightbit {
namespace {

constexpr uint64_t kPrime = 0x100000001b3u;

uint64_t lane(const std::byte* data) {
  uint64_t value;
  std::memcpy(&value, data, sizeof(value));
  return value;
}

}  // namespace

uint64_t mix_hash(uint64_t hash, uint64_t value) { return std::rotl((hash ^ value) * kPrime, 29); }

uint64_t finish_hash(uint64_t hash) {
  hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccdu;
  return hash ^ (hash >> 29);
}

uint64_t hash_bytes(std::span<const std::byte> bytes) {
  std::array<uint64_t, 4> lanes{kHashStart, kHashStart + 1, kHashStart + 2, kHashStart + 3};
  const std::byte* data = bytes.data();
  size_t left = bytes.size();
  for (; left >= 32; left -= 32, data += 32)
    for (size_t i = 0; i < 4; ++i) lanes[i] = mix_hash(lanes[i], lane(data + 8 * i));
  uint64_t hash = kHashStart;
  for (uint64_t value : lanes) hash = mix_hash(hash, value);
  for (; left >= 8; left -= 8, data += 8) hash = mix_hash(hash, lane(data));
  for (; left > 0; --left, ++data) hash = mix_hash(hash, static_cast<uint64_t>(*data));
  return finish_hash(mix_hash(hash, bytes.size()));
}

uint32_t crc32_of(std::span<const std::byte> bytes, uint32_t crc) {
  if (bytes.empty()) return crc;  // zlib takes no address for the beginning
  return static_cast<uint32_t>(
      ::crc32_z(crc, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

}  // namespace eightbit
