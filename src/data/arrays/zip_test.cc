#include "data/arrays/zip.h"

#include <eightbit/error.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/test_files.h"

namespace eightbit {
namespace {

using ::testing::HasSubstr;
using testing::message_of;
using testing::zip;
using testing::ZipPart;

class Zip : public testing::FolderTest {
 protected:
  std::vector<std::string> contents(const std::string& bytes) {
    const RandomAccessFile file(write("a.zip", bytes));
    std::vector<std::string> out;
    for (const ZipMember& member : read_zip_directory(file)) {
      const auto data = read_zip_member(file, member, member.size);
      out.emplace_back(reinterpret_cast<const char*>(data.data()), data.size());
    }
    return out;
  }
  std::string error_of(const std::string& bytes) {
    return message_of<DataError>([&] { contents(bytes); });
  }
};

TEST_F(Zip, ReadsStoredAndDeflatedMembers) {
  const std::string text(5000, 'x');
  EXPECT_THAT(contents(zip({{"a", "hello"}, {"b/c", text, true}, {"empty", "", true}})),
              ::testing::ElementsAre("hello", text, ""));
}

TEST_F(Zip, ReadsZip64Fields) {
  EXPECT_THAT(contents(zip({{.name = "a", .data = "hello", .zip64 = true},
                            {.name = "b", .data = "there", .deflate = true, .zip64 = true}})),
              ::testing::ElementsAre("hello", "there"));
}

TEST_F(Zip, ReadsOnlyTheBeginningWhenAsked) {
  const RandomAccessFile file(
      write("a.zip", zip({{"a", "hello world", true}, {"b", "hello world"}})));
  for (const ZipMember& member : read_zip_directory(file))
    EXPECT_EQ(read_zip_member(file, member, 5).size(), 5u);
}

TEST_F(Zip, RefusesNamesThatLeaveTheArchive) {
  for (const char* name : {"../a", "a/../../b", "/etc/passwd", "..\\a", "C:/a", "a/..", ""})
    EXPECT_THAT(error_of(zip({{name, "x"}})), HasSubstr("unsafe name")) << name;
  EXPECT_THAT(contents(zip({{"a/..b/c..", "x"}})), ::testing::ElementsAre("x"));
}

TEST_F(Zip, RefusesWrongChecksums) {
  EXPECT_THAT(error_of(zip({{.name = "a", .data = "hello", .bad_crc = true}})),
              HasSubstr("CRC-32"));
  EXPECT_THAT(error_of(zip({{.name = "a", .data = "hello", .deflate = true, .bad_crc = true}})),
              HasSubstr("CRC-32"));
}

TEST_F(Zip, RefusesBombsBeforeItAllocates) {
  EXPECT_THAT(
      error_of(
          zip({{.name = "a", .data = "x", .deflate = true, .claimed_size = uint64_t{3} << 30}})),
      HasSubstr("over 1000 to 1"));
  EXPECT_THAT(error_of(zip({{.name = "a", .data = std::string(4u << 20, '\0'), .deflate = true}})),
              HasSubstr("over 1000 to 1"));
}

TEST_F(Zip, RefusesSizesThatAreNotTrue) {
  EXPECT_THAT(
      error_of(zip({{.name = "a", .data = "hello world", .deflate = true, .claimed_size = 5}})),
      HasSubstr("holds more"));
  EXPECT_THAT(error_of(zip({{.name = "a", .data = "hello", .deflate = true, .claimed_size = 500}})),
              HasSubstr("cannot be inflated"));
  EXPECT_THAT(error_of(zip({{.name = "a", .data = "hello", .claimed_size = 4}})),
              HasSubstr("claims two sizes"));
  EXPECT_THAT(error_of(zip(
                  {{.name = "a", .data = "hello", .zip64 = true, .claimed_size = UINT64_MAX - 1}})),
              HasSubstr("claims two sizes"));
}

TEST_F(Zip, RefusesWhatItCanNotRead) {
  EXPECT_THAT(error_of(zip({{.name = "a", .data = "hello", .flags = 1}})), HasSubstr("encrypted"));
  EXPECT_THAT(error_of(zip({{.name = "a", .data = "hello", .method = 12}})),
              HasSubstr("compression 12"));
  EXPECT_THAT(error_of(zip({{"a", "x"}, {"a", "y"}})), HasSubstr("two members named 'a'"));
}

TEST_F(Zip, RefusesOverlappingMembers) {
  // The second entry of the directory points at the data of the first.
  std::string bytes = zip({{"a", std::string(100, 'x')}, {"a", std::string(100, 'x')}});
  const size_t second = bytes.rfind("PK\x01\x02");
  bytes.replace(second + 42, 4, std::string(4, '\0'));
  EXPECT_THAT(error_of(bytes), HasSubstr("overlap"));
}

TEST_F(Zip, RefusesDamagedDeflateData) {
  std::string bytes = zip({{"a", "hello hello hello hello", true}});
  bytes[31] = static_cast<char>(0xff);  // an unknown block type
  EXPECT_THAT(error_of(bytes), HasSubstr("cannot be inflated"));
}

TEST_F(Zip, RefusesEveryTruncation) {
  const std::string whole = zip({{"a", "hello"}, {"b", "hello hello hello", true}});
  for (size_t length = 0; length < whole.size(); ++length)
    EXPECT_THROW(contents(whole.substr(0, length)), DataError) << length;
}

TEST_F(Zip, SurvivesEveryChangedByte) {
  const std::string whole = zip(
      {{"a", "hello"}, {.name = "b", .data = "hello hello hello", .deflate = true, .zip64 = true}});
  size_t refused = 0;
  for (size_t i = 0; i < whole.size(); ++i)
    for (int value : {0x00, 0x7f, 0xff}) {
      std::string changed = whole;
      changed[i] = static_cast<char>(value);
      try {
        contents(changed);
      } catch (const DataError&) {
        ++refused;
      }
    }
  EXPECT_GT(refused, whole.size());  // all but fields without meaning here: times, versions
}

}  // namespace
}  // namespace eightbit
