#include <eightbit/error.h>
#include <eightbit/log.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "data/test_files.h"

namespace eightbit {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::floats;
using ::testing::HasSubstr;
using testing::message_of;
using testing::npy;
using testing::npy_floats;
using testing::npy_header;
using testing::npy_text;
using testing::read_all;
using testing::zip;

class Arrays : public testing::FolderTest {
 protected:
  std::string error_of(const std::string& source, const FileDatasetOptions& options = {}) {
    return message_of<DataError>([&] { read_all(open_files(source, options)); });
  }
};

std::vector<float> counted(size_t count) {
  std::vector<float> values(count);
  std::iota(values.begin(), values.end(), 0.f);
  return values;
}

TEST_F(Arrays, NpyYieldsSlicesOfAxisZero) {
  const auto samples =
      read_all(open_files(write("a.npy", npy_floats("(3, 2)", counted(6))), {.input = "image"}));
  ASSERT_EQ(samples.size(), 3u);
  EXPECT_EQ(samples[1].inputs[0].name, "image");
  EXPECT_THAT(samples[1].inputs[0].tensor.shape, ElementsAre(1, 2));
  EXPECT_THAT(floats(samples[1]), ElementsAre(2, 3));
}

TEST_F(Arrays, NpyReadsFortranOrderAndBigEndian) {
  // [[0,1,2],[3,4,5]]
  const std::vector<int16_t> columns = {0x0000, 0x0300, 0x0100, 0x0400, 0x0200, 0x0500};
  const auto samples =
      read_all(open_files(write("a.npy", npy<int16_t>(">i2", "(2, 3)", columns, true))));
  ASSERT_EQ(samples.size(), 2u);
  EXPECT_THAT(floats(samples[0]), ElementsAre(0, 1, 2));
  EXPECT_THAT(floats(samples[1]), ElementsAre(3, 4, 5));
}

TEST_F(Arrays, NpzYieldsNamedInputs) {
  const auto samples =
      read_all(open_files(write("a.npz", zip({{"ids.npy", npy_floats("(2, 1)", {1, 2})},
                                              {"mask.npy", npy_floats("(2, 1)", {3, 4}), true}}))));
  ASSERT_EQ(samples.size(), 2u);
  EXPECT_EQ(samples[0].inputs[0].name, "ids");
  EXPECT_EQ(samples[0].inputs[1].name, "mask");
  EXPECT_THAT(floats(samples[1], 0), ElementsAre(2));
  EXPECT_THAT(floats(samples[1], 1), ElementsAre(4));
}

TEST_F(Arrays, NpzWithoutNamesGoesByPosition) {
  const auto file = write("a.npz", zip({{"arr_0.npy", npy_floats("(1, 1)", {1})},
                                        {"arr_1.npy", npy_floats("(1, 1)", {2})}}));
  const auto samples = read_all(open_files(file, {.model_input_names = {"x", "y"}}));
  EXPECT_EQ(samples[0].inputs[0].name, "");
  EXPECT_THAT(floats(samples[0], 1), ElementsAre(2));
}

TEST_F(Arrays, LabelsArePassedOverWhenAllInputsAreThere) {
  const auto file =
      write("a.npz", zip({{"text.npy", npy_text(npy_header("<U2", "(2,)"), std::string(16, '\0'))},
                          {"y.npy", npy_floats("(2, 1)", {3, 4})},
                          {"x.npy", npy_floats("(2, 1)", {1, 2})}}));
  const auto samples = read_all(open_files(file, {.model_input_names = {"x", "y"}}));
  ASSERT_EQ(samples.at(0).inputs.size(), 2u);
  EXPECT_EQ(samples[0].inputs[0].name, "x");
  EXPECT_EQ(samples[0].inputs[1].name, "y");
  EXPECT_THAT(error_of(file), AllOf(HasSubstr("array 'text'"), HasSubstr("<U2")));
  EXPECT_THAT(error_of(file, {.model_input_names = {"text"}}), HasSubstr("<U2"));
}

TEST_F(Arrays, ObjectsAreRefusedAndNeverUnpickled) {
  const auto file = write("a.npy", npy_text(npy_header("|O", "(1,)"),
                                            "\x80\x04"
                                            "cos\nsystem\n(S'true'\ntR."));
  EXPECT_THAT(error_of(file), HasSubstr("pickle"));
}

TEST_F(Arrays, LengthsMustAgree) {
  const auto file = write("a.npz", zip({{"x.npy", npy_floats("(2, 1)", {1, 2})},
                                        {"y.npy", npy_floats("(3, 1)", {1, 2, 3})}}));
  EXPECT_THAT(error_of(file), AllOf(HasSubstr("'y' has 3 samples"), HasSubstr("'x' has 2")));
}

TEST_F(Arrays, SizesMustAgreeWithTheShape) {
  EXPECT_THAT(error_of(write("short.npy", npy_floats("(4, 2)", counted(7)))),
              AllOf(HasSubstr("takes 32 bytes"), HasSubstr("28")));
  EXPECT_THAT(error_of(write("long.npy", npy_floats("(4, 2)", counted(9)))),
              HasSubstr("36 are there"));
  EXPECT_THAT(error_of(write("huge.npy", npy_floats("(1000000000, 1000000)", counted(1)))),
              HasSubstr("are there"));
  EXPECT_THAT(error_of(write("none.npy", npy_floats("(0, 2)", {}))), HasSubstr("holds no samples"));
  EXPECT_THAT(error_of(write("scalar.npy", npy_floats("()", {1}))), HasSubstr("single number"));
}

TEST_F(Arrays, NpzHoldsArraysOnly) {
  EXPECT_THAT(error_of(write("a.npz", zip({{"run.py", "print()"}}))), HasSubstr("no array"));
  EXPECT_THAT(error_of(write("b.npz", zip({}))), HasSubstr("no arrays"));
  EXPECT_THAT(error_of(write("c.npz", "PK nothing")), HasSubstr("not a whole zip file"));
}

// Over 16 MiB an array is read in slices and its checksum is followed along.
TEST_F(Arrays, LargeMembersAreCheckedWhileTheyAreRead) {
  const std::vector<float> values(5u << 20, 1.f);
  const std::string whole = zip({{"x.npy", npy_floats("(5, 1048576)", values)}});
  EXPECT_EQ(read_all(open_files(write("good.npz", whole))).size(), 5u);
  std::string damaged = whole;
  damaged[damaged.size() / 2] ^= 1;
  EXPECT_THAT(error_of(write("bad.npz", damaged)), HasSubstr("CRC-32"));
}

TEST_F(Arrays, LargeCompressedMembersAreReportedInTheLog) {
  std::vector<uint32_t> values(5u << 20);
  uint32_t state = 1;
  for (uint32_t& value : values) value = state = state * 1664525u + 1013904223u;
  const auto file =
      write("a.npz", zip({{"x.npy", npy<uint32_t>("<u4", "(5, 1048576)", values), true}}));
  std::string log;
  set_log_sink([&](LogLevel, std::string_view message) { log += message; });
  EXPECT_EQ(read_all(open_files(file)).size(), 5u);
  set_log_sink({});
  EXPECT_THAT(log, HasSubstr("compressed: 20 MB are loaded at once"));
}

TEST_F(Arrays, FolderFilesAreWholeSamplesInSortedOrder) {
  write("d/b.npz", zip({{"x.npy", npy_floats("(2, 2)", {5, 6, 7, 8})}}));
  write("d/a.npz", zip({{"x.npy", npy_floats("(1, 2)", {1, 2})}}));
  write("d/.hidden.npz", "broken");
  write("d/notes.md", "passed over");
  const auto samples = read_all(open_files(path("d")));
  ASSERT_EQ(samples.size(), 2u);
  EXPECT_THAT(floats(samples[0]), ElementsAre(1, 2));
  EXPECT_THAT(samples[1].inputs[0].tensor.shape, ElementsAre(2, 2));
}

TEST_F(Arrays, BrokenFileInAFolderIsNamed) {
  write("d/a.npy", npy_floats("(1, 2)", {1, 2}));
  write("d/b.npy", "broken");
  const auto source = open_files(path("d")).open();
  EXPECT_TRUE(source->next());
  EXPECT_THAT(message_of<DataError>([&] { source->next(); }), HasSubstr("b.npy"));
}

TEST_F(Arrays, SkippingSeeks) {
  const auto dataset = open_files(write("a.npy", npy_floats("(100, 1)", counted(100))));
  const auto source = dataset.open();
  EXPECT_EQ(source->size(), 100);
  for (int i = 1; i < 100; i += 3) {  // shard 1 of 3
    source->skip(i == 1 ? 1 : 2);
    EXPECT_THAT(floats(source->next().value()), ElementsAre(i));
  }
  source->skip(1000);
  EXPECT_FALSE(source->next());
  EXPECT_EQ(read_all(dataset).size(), 100u);  // can be opened again
}

TEST_F(Arrays, FingerprintFollowsTheData) {
  const auto fingerprint = [&](std::string_view name, const std::vector<float>& values) {
    return open_files(write(name, npy_floats("(4, 1)", values))).open()->fingerprint();
  };
  const std::string first = fingerprint("a.npy", {1, 2, 3, 4});
  EXPECT_EQ(fingerprint("elsewhere/b.npy", {1, 2, 3, 4}), first);
  EXPECT_NE(fingerprint("c.npy", {1, 2, 3, 5}), first);
}

}  // namespace
}  // namespace eightbit
