#include <eightbit/error.h>
#include <eightbit/run.h>
#include <gtest/gtest.h>

namespace eightbit {
namespace {

TEST(ParseBytes, TakesUnitsOfThousandsAndOf1024) {
  EXPECT_EQ(parse_bytes("2GB"), 2'000'000'000);
  EXPECT_EQ(parse_bytes("512 MiB"), int64_t{512} << 20);
  EXPECT_EQ(parse_bytes("1.5g"), 1'500'000'000);
  EXPECT_EQ(parse_bytes("3Ki"), 3072);
  EXPECT_EQ(parse_bytes("800000000"), 800'000'000);
  EXPECT_EQ(parse_bytes("1e9"), 1'000'000'000);
}

TEST(ParseBytes, RefusesWhatIsNoNumberOfBytes) {
  for (const char* text : {"", "GB", "-1GB", "0", "2XB", "2 GB more", "1e30", "nan", "2i"})
    EXPECT_THROW(parse_bytes(text), InvalidArgument) << text;
}

}  // namespace
}  // namespace eightbit
