#include "base/packed_bytes.h"

#include <gtest/gtest.h>

namespace eightbit {
namespace {

std::vector<std::byte> bytes_of(size_t count) {
  std::vector<std::byte> bytes;
  for (size_t i = 0; i < count; ++i) bytes.push_back(static_cast<std::byte>(i * i % 251));
  return bytes;
}

TEST(PackedBytes, ComeBackAsTheyWere) {
  for (size_t count : {0u, 1u, 2u, 3u, 4u, 5u, 1000u}) {
    const auto bytes = bytes_of(count);
    EXPECT_EQ(unpack_bytes(pack_bytes(bytes), count), bytes) << count;
  }
}

TEST(PackedBytes, RefusesOtherSizesAndDamage) {
  const std::string text = pack_bytes(bytes_of(100));
  EXPECT_FALSE(unpack_bytes(text, 99));
  EXPECT_FALSE(unpack_bytes(text, 101));
  EXPECT_FALSE(unpack_bytes(text.substr(1), 100));
  EXPECT_FALSE(unpack_bytes(text.substr(4), 100));
  EXPECT_FALSE(unpack_bytes("", 100));
  EXPECT_FALSE(unpack_bytes("====", 100));
  for (size_t i = 0; i < text.size(); ++i) {
    std::string damaged = text;
    damaged[i] = '!';
    EXPECT_FALSE(unpack_bytes(damaged, 100)) << i;
  }
}

}  // namespace
}  // namespace eightbit
