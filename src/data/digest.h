// A hash of several things (base/hash.h): tells data and their options apart in fingerprints.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/hash.h"

namespace eightbit {

class Digest {
 public:
  Digest& add(uint64_t value) {
    hash_ = mix_hash(hash_, value);
    return *this;
  }
  // As one thing: ("a", "bc") and ("ab", "c") differ.
  Digest& add(std::span<const std::byte> bytes) { return add(hash_bytes(bytes)); }
  Digest& add(std::string_view text) { return add(hash_bytes(text)); }
  std::string hex() const { return fmt::format("{:016x}", finish_hash(hash_)); }

 private:
  uint64_t hash_ = kHashStart;
};

}  // namespace eightbit
