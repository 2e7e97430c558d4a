#include "data/sound/ark.h"

#include <eightbit/error.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "data/test_files.h"

namespace eightbit {
namespace {

using ::testing::ElementsAre;
using testing::floats;
using ::testing::HasSubstr;
using testing::little;
using testing::message_of;
using testing::read_all;

std::string f32(float value) { return little(std::bit_cast<uint32_t>(value), 4); }
std::string f64(double value) { return little(std::bit_cast<uint64_t>(value), 8); }
std::string size(int64_t value) { return "\4" + little(static_cast<uint64_t>(value), 4); }
std::string record(const std::string& key, const std::string& token, const std::string& content) {
  return key + " " + std::string(1, '\0') + "B" + token + " " + content;
}
std::string matrix(const std::string& key, const std::vector<float>& values, int64_t columns) {
  std::string content = size(static_cast<int64_t>(values.size()) / columns) + size(columns);
  for (float value : values) content += f32(value);
  return record(key, "FM", content);
}
// least 0, range 65535: a step of 16 bits is 1
std::string packed(int64_t rows, int64_t columns) {
  return f32(0) + f32(65535) + little(static_cast<uint64_t>(rows), 4) +
         little(static_cast<uint64_t>(columns), 4);
}

class Ark : public testing::FolderTest {
 protected:
  std::vector<float> values(const std::string& bytes) {
    const RandomAccessFile file(write("a.ark", bytes));
    const auto records = scan_ark(file);
    const Tensor tensor = read_ark(file, records.at(0));
    shape_ = tensor.shape;
    const auto span = tensor.as<float>();
    return {span.begin(), span.end()};
  }
  std::string refusal(const std::string& bytes) {
    return message_of<DataError>([&] { values(bytes); });
  }
  Shape shape_;
};

TEST_F(Ark, Floats) {
  EXPECT_THAT(values(matrix("utt", {1, 2, 3, 4, 5, 6}, 3)), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(shape_, ElementsAre(2, 3));
  EXPECT_THAT(values(record("u", "DM", size(1) + size(2) + f64(0.5) + f64(-7))),
              ElementsAre(0.5f, -7));
  EXPECT_THAT(values(record("u", "FV", size(2) + f32(3) + f32(4))), ElementsAre(3, 4));
  EXPECT_THAT(shape_, ElementsAre(1, 2));
}

TEST_F(Ark, Text) {
  EXPECT_THAT(values("utt  [\n  1 2.5 -3\n  4e0 5 6 ]\n"), ElementsAre(1, 2.5f, -3, 4, 5, 6));
  EXPECT_THAT(shape_, ElementsAre(2, 3));
  EXPECT_THAT(values("utt [ 1 2 ]\n"), ElementsAre(1, 2));
}

TEST_F(Ark, CompressedByColumns) {
  std::string content = packed(4, 1);
  for (uint64_t at : {1000, 2000, 4000, 8000}) content += little(at, 2);
  content +=
      "\x20\x40\x80\xff";  // half of the first stretch, its end, half of the second, the last
  EXPECT_THAT(values(record("u", "CM", content)), ElementsAre(1500, 2000, 3000, 8000));
}

TEST_F(Ark, CompressedByRows) {
  EXPECT_THAT(values(record("u", "CM2", packed(1, 2) + little(7, 2) + little(65535, 2))),
              ElementsAre(7, 65535));
  EXPECT_THAT(values(record("u", "CM3", packed(2, 1) + little(0, 1) + little(255, 1))),
              ElementsAre(0, 65535));
  EXPECT_THAT(shape_, ElementsAre(2, 1));
}

TEST_F(Ark, WhatIsDamagedIsNamed) {
  const std::string whole = matrix("utt7", {1, 2, 3, 4}, 2);
  EXPECT_THAT(refusal(whole.substr(0, whole.size() - 1)), HasSubstr("'utt7' promises 2 rows of 2"));
  EXPECT_THAT(refusal(record("u", "XM", "")), HasSubstr("of the kind 'XM'"));
  EXPECT_THAT(refusal(record("u", "FM", size(-1) + size(2))), HasSubstr("-1 rows"));
  EXPECT_THAT(refusal(record("u", "FM", "\5")), HasSubstr("no size"));
  EXPECT_THAT(refusal("u [ 1 2\n 3 ]"), HasSubstr("several lengths"));
  EXPECT_THAT(refusal("u [ 1 2"), HasSubstr("before its ']'"));
  EXPECT_THAT(refusal("u [ 1 x ]"), HasSubstr("a number that is none"));
  EXPECT_THAT(refusal("u [ ]"), HasSubstr("0 rows"));
  EXPECT_THAT(refusal("some text"), HasSubstr("neither binary nor text"));
  EXPECT_THAT(refusal(""), HasSubstr("is empty"));
  EXPECT_THAT(refusal(record("u", "CM", packed(1 << 30, 1 << 30))), HasSubstr("promises"));
}

class Archives : public Ark {
 protected:
  std::string two() {
    return write("d/a.ark", matrix("a", {1, 2, 3, 4}, 2) + matrix("b", {5, 6}, 2));
  }
  std::vector<Sample> samples(const std::string& source, const Shape& input) {
    FileDatasetOptions options;
    options.model_input_names = {"x"};
    options.model_input_shapes = {input};
    return read_all(open_files(source, options));
  }
};

TEST_F(Archives, FramesOrWholeRecordsAsTheModelTakesThem) {
  const std::string ark = two();
  const auto frames = samples(ark, {1, 2});
  ASSERT_EQ(frames.size(), 3u);
  EXPECT_THAT(floats(frames[1]), ElementsAre(3, 4));
  EXPECT_THAT(floats(frames[2]), ElementsAre(5, 6));
  EXPECT_THAT(frames[1].inputs[0].tensor.shape, ElementsAre(1, 2));
  const auto whole = samples(ark, {1, -1, 2});
  ASSERT_EQ(whole.size(), 2u);
  EXPECT_THAT(whole[0].inputs[0].tensor.shape, ElementsAre(1, 2, 2));
  EXPECT_THAT(samples(ark, {-1, 2})[0].inputs[0].tensor.shape, ElementsAre(2, 2));
  EXPECT_EQ(read_all(open_files(ark)).size(), 2u);
  EXPECT_THAT(message_of<DataError>([&] { samples(ark, {1, 3}); }), HasSubstr("record 'a'"));
  EXPECT_THAT(message_of<InvalidArgument>([&] { samples(ark, {2}); }), HasSubstr("2 to 4 axes"));
}

TEST_F(Archives, TablesNamePlacesInArchives) {
  two();
  write("d/a.scp", "b " + path("d/a.ark") + ":" +
                       std::to_string(matrix("a", {1, 2, 3, 4}, 2).size() + 2) + "\na a.ark:2\n");
  const auto samples = read_all(open_files(path("d/a.scp")));
  ASSERT_EQ(samples.size(), 2u);
  EXPECT_THAT(floats(samples[0]), ElementsAre(5, 6));
  EXPECT_THAT(floats(samples[1]), ElementsAre(1, 2, 3, 4));
  EXPECT_EQ(read_all(open_files(path("d"))).size(), 2u) << "the table names what is read anyway";
  write("d/b.scp", "a gone.ark:2\n");
  EXPECT_THAT(message_of<DataError>([&] { open_files(path("d/b.scp")); }), HasSubstr("gone.ark"));
  write("d/c.scp", "a\n");
  EXPECT_THAT(message_of<DataError>([&] { open_files(path("d/c.scp")); }), HasSubstr("line 1"));
  write("d/e.scp", "a copy-feats ark:x ark:- |\n");
  EXPECT_THAT(message_of<Unsupported>([&] { open_files(path("d/e.scp")); }), HasSubstr("command"));
  write("d/f.scp", "a a.ark:99999\n");
  EXPECT_THAT(message_of<DataError>([&] { open_files(path("d/f.scp")); }), HasSubstr("byte 99999"));
}

}  // namespace
}  // namespace eightbit
