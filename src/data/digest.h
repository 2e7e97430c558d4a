// A 64-bit FNV-1a digest: tells data options apart in fingerprints. Not for anything that must
// resist an attacker.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace eightbit {

class Digest {
 public:
  Digest& add(std::span<const std::byte> bytes) {
    for (std::byte b : bytes) state_ = (state_ ^ static_cast<uint64_t>(b)) * 0x100000001b3ull;
    return *this;
  }
  // Length first, so that ("a", "bc") and ("ab", "c") differ.
  Digest& add(std::string_view text) {
    add(static_cast<uint64_t>(text.size()));
    return add(std::as_bytes(std::span(text)));
  }
  Digest& add(uint64_t value) {
    for (int i = 0; i < 8; ++i) state_ = (state_ ^ ((value >> (8 * i)) & 255)) * 0x100000001b3ull;
    return *this;
  }
  std::string hex() const { return fmt::format("{:016x}", state_); }

 private:
  uint64_t state_ = 0xcbf29ce484222325ull;
};

}  // namespace eightbit
