#include <eightbit/error.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "data/file_set.h"
#include "data/test_files.h"

namespace eightbit {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::floats;
using ::testing::HasSubstr;
using testing::message_of;
using testing::npy_floats;
using testing::read_all;

class Files : public testing::FolderTest {
 protected:
  std::string argument_error(const std::string& source, const FileDatasetOptions& options = {}) {
    return message_of<InvalidArgument>([&] { open_files(source, options); });
  }
  std::string data_error(const std::string& source, const FileDatasetOptions& options = {}) {
    return message_of<DataError>([&] { open_files(source, options); });
  }
  std::string floats_file(std::string_view name, const std::vector<float>& values) {
    return write(name,
                 {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)});
  }
};

TEST_F(Files, RawHasTheDeclaredShape) {
  const auto file = floats_file("a.bin", {1, 2, 3, 4, 5, 6});
  const auto samples = read_all(open_files(file, {.shape = {1, 3}, .input = "x"}));
  ASSERT_EQ(samples.size(), 2u);
  EXPECT_EQ(samples[1].inputs[0].name, "x");
  EXPECT_THAT(samples[1].inputs[0].tensor.shape, ElementsAre(1, 3));
  EXPECT_THAT(floats(samples[1]), ElementsAre(4, 5, 6));
}

TEST_F(Files, RawFilesOfAFolderFollowEachOther) {
  floats_file("d/b.raw", {3});
  floats_file("d/a.raw", {1, 2});
  const auto samples = read_all(open_files(path("d"), {.shape = {1}}));
  ASSERT_EQ(samples.size(), 3u);
  for (int i = 0; i < 3; ++i)
    EXPECT_THAT(floats(samples[static_cast<size_t>(i)]), ElementsAre(i + 1));
}

TEST_F(Files, RawRefusesWhatDoesNotFit) {
  const auto file = floats_file("a.bin", {1, 2, 3});
  EXPECT_THAT(argument_error(file), HasSubstr("Give 'shape'"));
  EXPECT_THAT(argument_error(file, {.shape = {1, 0}}), HasSubstr("below 1"));
  EXPECT_THAT(argument_error(file, {.shape = {1}, .dtype = DType::i4}), HasSubstr("i4"));
  EXPECT_THAT(argument_error(file, {.shape = {INT64_MAX / 2, 4}}), HasSubstr("too large"));
  EXPECT_THAT(data_error(file, {.shape = {2}}), AllOf(HasSubstr("12 bytes"), HasSubstr("8 bytes")));
  EXPECT_THAT(data_error(write("empty.bin", ""), {.shape = {2}}), HasSubstr("0 bytes"));
}

TEST_F(Files, OptionsWithoutEffectAreRefused) {
  const auto array = write("a.npy", npy_floats("(1, 1)", {1}));
  EXPECT_THAT(argument_error(array, {.mean = {127}}),
              AllOf(HasSubstr("'mean' has no effect on .npy files"), HasSubstr("images")));
  EXPECT_THAT(argument_error(array, {.scale = {127}}), HasSubstr("'scale'"));
  EXPECT_THAT(argument_error(array, {.resize = {1, 1}}), HasSubstr("'resize'"));
  EXPECT_THAT(argument_error(array, {.layout = "NCHW"}), HasSubstr("'layout'"));
  EXPECT_THAT(argument_error(array, {.color = "BGR"}), HasSubstr("'color'"));
  EXPECT_THAT(argument_error(array, {.shape = {1}}), HasSubstr("'shape'"));
  EXPECT_THAT(argument_error(array, {.dtype = DType::u8}), HasSubstr("'dtype'"));
  const auto named = write("a.npz", testing::zip({{"x.npy", npy_floats("(1, 1)", {1})}}));
  EXPECT_THAT(argument_error(named, {.input = "x"}), HasSubstr("'input' has no effect on .npz"));
}

TEST_F(Files, ListsAreRelativeToTheirFolderAndTolerateEditors) {
  write("d/sub/ä b.npy", npy_floats("(1, 1)", {1}));
  write("d/c.npy", npy_floats("(1, 1)", {2}));
  const auto samples = read_all(open_files(write("d/list.txt",
                                                 "\xef\xbb\xbf"
                                                 "c.npy\r\n\r\nsub/ä b.npy\r\nc.npy")));
  ASSERT_EQ(samples.size(), 3u);
  EXPECT_THAT(floats(samples[0]), ElementsAre(2));
  EXPECT_THAT(floats(samples[1]), ElementsAre(1));
}

TEST_F(Files, ListsNameTheLineThatIsWrong) {
  write("a.npy", npy_floats("(1, 1)", {1}));
  EXPECT_THAT(data_error(write("list.txt", "a.npy\nb.npy\n")),
              AllOf(HasSubstr("line 2"), HasSubstr("b.npy")));
  EXPECT_THAT(data_error(write("empty.txt", "\n\n")), HasSubstr("names no files"));
}

TEST_F(Files, GlobsAreSorted) {
  for (const char* name : {"x2.npy", "x10.npy", "y1.npy", ".x3.npy", "sub/x4.npy"})
    write(name, npy_floats("(1, 1)", {1}));
  EXPECT_THAT(find_files(path("x*.npy")).names, ElementsAre("x10.npy", "x2.npy"));
  EXPECT_THAT(find_files(path("?[0-9].npy")).names, ElementsAre("x2.npy", "y1.npy"));
  EXPECT_THAT(find_files(path("[!x]*.npy")).names, ElementsAre("y1.npy"));
  EXPECT_THAT(find_files(path("s*/*.npy")).names, ElementsAre("x4.npy"));
  EXPECT_THAT(data_error(path("z*.npy")), HasSubstr("no file matches"));
}

TEST_F(Files, AFileWhoseNameLooksLikeAGlobIsThatFile) {
  write("a[1].npy", npy_floats("(2, 1)", {1, 2}));
  EXPECT_EQ(read_all(open_files(path("a[1].npy"))).size(), 2u);
}

TEST_F(Files, WhatIsNotThereIsSaid) {
  EXPECT_THAT(data_error(path("nowhere")), HasSubstr("does not exist"));
  EXPECT_THAT(data_error(folder_.string()), HasSubstr("is empty"));
  EXPECT_THAT(argument_error(""), HasSubstr("Allowed"));
  EXPECT_THAT(argument_error(write("a.h5", "x")),
              AllOf(HasSubstr("no known kind"), HasSubstr("Allowed")));
  EXPECT_THAT(data_error(folder_.string()), HasSubstr("holds no data"));
}

TEST_F(Files, KindsDoNotMix) {
  write("d/a.npy", npy_floats("(1, 1)", {1}));
  write("d/b.png", "x");
  EXPECT_THAT(data_error(path("d")),
              AllOf(HasSubstr("mixes"), HasSubstr("a.npy"), HasSubstr("b.png")));
}

TEST(DatasetTest, FunctionsAreReadOnce) {
  int count = 0;
  const Dataset dataset = Dataset::from_function(
      [&]() -> std::optional<Sample> {
        if (count == 3) return std::nullopt;
        return Sample{
            {{"", Tensor::from_floats(std::vector<float>{static_cast<float>(count++)}, {1})}}, {}};
      },
      3);
  const auto source = dataset.open();
  EXPECT_EQ(source->size(), 3);
  source->skip(2);
  EXPECT_THAT(floats(source->next().value()), ElementsAre(2));
  EXPECT_FALSE(source->next());
  EXPECT_THAT(message_of<DataError>([&] { dataset.open(); }), HasSubstr("read already"));
  EXPECT_THROW(Dataset().open(), InvalidArgument);
}

TEST(DatasetTest, MemoryIsReadAgainAndAgain) {
  const Dataset dataset =
      Dataset::from_range(std::vector<Tensor>{Tensor::from_floats(std::vector<float>{1}, {1}),
                                              Tensor::from_floats(std::vector<float>{2}, {1})});
  EXPECT_EQ(read_all(dataset).size(), 2u);
  const auto source = dataset.open();
  source->skip(1);
  EXPECT_THAT(floats(source->next().value()), ElementsAre(2));
  source->skip(5);
  EXPECT_FALSE(source->next());
}

}  // namespace
}  // namespace eightbit
