#include "data/labels.h"

#include <eightbit/accuracy_control.h>
#include <eightbit/error.h>
#include <gmock/gmock.h>

#include "data/test_files.h"

namespace eightbit {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;
using testing::npy;
using testing::zip;

class Labels : public testing::FolderTest {};

std::string classes() { return npy<int64_t>("<i8", "(3,)", std::vector<int64_t>{4, 0, 7}); }

// Elements of three characters.
std::string texts() {
  const std::u32string characters(U"ab\0\u00fc\u20ac\U0001f600\0\0\0", 9);
  return npy<char32_t>("<U3", "(3,)",
                       std::span<const char32_t>(characters.data(), characters.size()));
}

TEST_F(Labels, ClassesFromEveryKindOfFile) {
  const std::string bundle = write(
      "all.npz", zip({{"labels.npy", classes()}, {"x.npy", testing::npy_floats("(1,)", {1})}}));
  EXPECT_THAT(read_class_labels(bundle, "labels"), ElementsAre(4, 0, 7));
  EXPECT_THAT(read_class_labels(write("one.npy", classes()), "labels"), ElementsAre(4, 0, 7));
  EXPECT_THAT(read_class_labels(write("lines.txt", "4\r\n0\n7\n"), "labels"), ElementsAre(4, 0, 7));
  EXPECT_THAT(read_class_labels(write("floats.npy", testing::npy_floats("(2,)", {2, 3})), "labels"),
              ElementsAre(2, 3));
}

TEST_F(Labels, TextsInUtf8) {
  const std::string bundle = write("all.npz", zip({{"text.npy", texts(), true}}));
  EXPECT_THAT(read_text_labels(bundle, "text"), ElementsAre("ab", "\u00fc\u20ac\U0001f600", ""));
  EXPECT_THAT(read_text_labels(write("one.npy", texts()), "text"),
              ElementsAre("ab", "\u00fc\u20ac\U0001f600", ""));
  EXPECT_THAT(read_text_labels(write("lines.txt", "a b\n\nc"), "text"),
              ElementsAre("a b", "", "c"));
}

TEST_F(Labels, TellWhatIsWrong) {
  const std::string bundle =
      write("all.npz", zip({{"labels.npy", classes()}, {"text.npy", texts()}}));
  EXPECT_THAT(message_of<InvalidArgument>([&] { read_class_labels(bundle, "truth"); }),
              HasSubstr("It has: labels, text"));
  EXPECT_THAT(message_of<DataError>([&] { read_text_labels(bundle, "labels"); }),
              HasSubstr("holds no texts"));
  EXPECT_THAT(message_of<DataError>([&] { read_class_labels(bundle, "text"); }),
              HasSubstr("'<U3'"));
  EXPECT_THAT(message_of<DataError>([&] { read_class_labels(write("l.txt", "1\ncat\n"), ""); }),
              HasSubstr("the line 'cat'"));
  EXPECT_THAT(message_of<DataError>([&] {
                read_class_labels(write("h.npy", testing::npy_floats("(1,)", {0.5f})), "");
              }),
              HasSubstr("holds 0.5"));
  EXPECT_THAT(message_of<FileError>([&] { read_lines(path("none.txt")); }), HasSubstr("none.txt"));
}

TEST_F(Labels, AreFoundByTheirArray) {
  const std::string bundle = write("all.npz", zip({{"labels.npy", classes()}}));
  EXPECT_TRUE(has_labels(bundle, "labels"));
  EXPECT_FALSE(has_labels(bundle, "text"));
  EXPECT_TRUE(has_labels(path("lines.txt"), "labels"));
}

}  // namespace
}  // namespace eightbit
