#include "base/temporary_file.h"

#include <eightbit/error.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace eightbit {
namespace {

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

std::string read(const TemporaryFile& file, int64_t offset, size_t size) {
  std::string text(size, '?');
  file.read(offset, std::as_writable_bytes(std::span(text)));
  return text;
}

// Points TMPDIR elsewhere for the length of a test.
class TemporaryFolder {
 public:
  explicit TemporaryFolder(const std::filesystem::path& folder) {
    if (const char* before = std::getenv("TMPDIR")) before_ = before;
    ::setenv("TMPDIR", folder.c_str(), 1);
  }
  ~TemporaryFolder() {
    before_.empty() ? ::unsetenv("TMPDIR") : ::setenv("TMPDIR", before_.c_str(), 1);
  }

 private:
  std::string before_;
};

TEST(TemporaryFile, HoldsWhatWasWrittenAtEachPlace) {
  TemporaryFile file;
  file.write(0, bytes_of("abcdef"));
  file.write(100, bytes_of("xyz"));
  file.write(2, bytes_of("CD"));
  EXPECT_EQ(read(file, 0, 6), "abCDef");
  EXPECT_EQ(read(file, 101, 2), "yz");
  EXPECT_EQ(read(file, 50, 2), std::string(2, '\0'));
}

TEST(TemporaryFile, MovesWithItsContent) {
  TemporaryFile first;
  first.write(0, bytes_of("abc"));
  TemporaryFile second = std::move(first), third;
  third.write(0, bytes_of("old"));
  third = std::move(second);
  EXPECT_EQ(read(third, 0, 3), "abc");
}

TEST(TemporaryFile, HasNoNameInItsFolder) {
  const auto folder = std::filesystem::path(testing::TempDir()) / "eightbit_temporary_file_test";
  std::filesystem::create_directories(folder);
  const TemporaryFolder use(folder);
  TemporaryFile file;
  file.write(0, bytes_of("abc"));
  EXPECT_TRUE(std::filesystem::is_empty(folder));
  std::filesystem::remove(folder);
  EXPECT_EQ(read(file, 0, 3), "abc");  // the file, and nothing else, is what it reads
}

TEST(TemporaryFile, WhatIsMappedStaysAndCanBeWrittenTo) {
  TemporaryFile file;
  file.write(0, bytes_of("abcdef"));
  const auto mapped = file.map();
  const auto* text = reinterpret_cast<const char*>(mapped->bytes().data());
  EXPECT_EQ(std::string(text, mapped->bytes().size()), "abcdef");
  const_cast<char*>(text)[1] = 'B';
  EXPECT_EQ(text[1], 'B');
  file.write(0, bytes_of("xyz"));  // another file
  EXPECT_EQ(text[0], 'a');
}

TEST(TemporaryFile, NothingBehindTheEnd) {
  TemporaryFile file;
  file.write(0, bytes_of("abc"));
  EXPECT_THROW(read(file, 2, 2), FileError);
  EXPECT_NO_THROW(read(TemporaryFile(), 0, 0));
}

TEST(TemporaryFile, AFolderThatIsNotThereIsNamed) {
  const TemporaryFolder use("/nonexistent/folder");
  TemporaryFile file;
  try {
    file.write(0, bytes_of("abc"));
    FAIL() << "no error";
  } catch (const std::exception& error) {
    EXPECT_NE(std::string(error.what()).find("TMPDIR"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace eightbit
