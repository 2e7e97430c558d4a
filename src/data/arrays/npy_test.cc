#include "data/arrays/npy.h"

#include <eightbit/error.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "data/test_files.h"

namespace eightbit {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::little;
using testing::message_of;
using testing::npy_header;
using testing::npy_text;

NpyHeader parse(const std::string& bytes) {
  return parse_npy_header(std::as_bytes(std::span(bytes)), "a.npy");
}
std::string error_of(const std::string& bytes) {
  return message_of<DataError>([&] { parse(bytes); });
}
std::string header_error(const std::string& header) { return error_of(npy_text(header, "")); }

TEST(NpyHeader, ReadsAllVersions) {
  for (int major : {1, 2, 3}) {
    const std::string bytes = npy_text(npy_header("<f4", "(2, 3)"), "", major);
    const NpyHeader header = parse(bytes);
    EXPECT_EQ(header.dtype, DType::f32);
    EXPECT_THAT(header.shape, ElementsAre(2, 3));
    EXPECT_EQ(header.data_size, 24u);
    EXPECT_EQ(header.data_offset, bytes.size());
    EXPECT_FALSE(header.fortran_order);
  }
}

TEST(NpyHeader, ReadsEveryNumericType) {
  const std::vector<std::pair<std::string, DType>> types = {
      {"|b1", DType::boolean}, {"|i1", DType::i8},  {"|u1", DType::u8},  {"<i2", DType::i16},
      {"<u2", DType::u16},     {"<i4", DType::i32}, {"<u4", DType::u32}, {"<i8", DType::i64},
      {"<u8", DType::u64},     {"<f2", DType::f16}, {"<f4", DType::f32}, {"<f8", DType::f64}};
  for (const auto& [descr, dtype] : types)
    EXPECT_EQ(parse(npy_text(npy_header(descr, "(1,)"), "")).dtype, dtype) << descr;
}

TEST(NpyHeader, ReadsScalarsAndOrderAndByteOrder) {
  EXPECT_TRUE(parse(npy_text(npy_header(">f4", "()", true), "")).fortran_order);
  EXPECT_TRUE(parse(npy_text(npy_header(">f4", "()"), "")).swapped);
  EXPECT_FALSE(parse(npy_text(npy_header(">u1", "()"), "")).swapped);
  EXPECT_TRUE(parse(npy_text(npy_header("<f4", "()"), "")).shape.empty());
}

TEST(NpyHeader, KeepsOtherTypesAsText) {
  for (const char* descr : {"|O", "<U33", "|S5", "<c8", "<f16", "<M8[ns]", "?f4"}) {
    const NpyHeader header = parse(npy_text(npy_header(descr, "(3,)"), ""));
    EXPECT_EQ(header.dtype, DType::undefined) << descr;
    EXPECT_EQ(header.descr, descr);
  }
  const NpyHeader record = parse(npy_text(
      "{'descr': [('a', '<f4'), ('b', [('c', '<i4')])], 'fortran_order': False, 'shape': (1,)}",
      ""));
  EXPECT_EQ(record.dtype, DType::undefined);
  EXPECT_EQ(record.descr, "[('a', '<f4'), ('b', [('c', '<i4')])]");
}

TEST(NpyHeader, RefusesWrongBeginnings) {
  EXPECT_THAT(error_of(""), HasSubstr("not an npy file"));
  EXPECT_THAT(error_of("\x93NUMPX\x01\x00\x00\x00"), HasSubstr("not an npy file"));
  EXPECT_THAT(error_of(npy_text(npy_header("<f4", "(1,)"), "", 4)), HasSubstr("version 4.0"));
}

TEST(NpyHeader, RefusesEveryTruncation) {
  const std::string whole = npy_text(npy_header("<f4", "(2, 3)"), "");
  for (size_t length = 0; length < whole.size(); ++length)
    EXPECT_THROW(parse(whole.substr(0, length)), DataError) << length;
}

TEST(NpyHeader, RefusesHugeHeaders) {
  EXPECT_THAT(error_of("\x93NUMPY" + little(2, 1) + little(0, 1) + little(0xfffffff0, 4)),
              HasSubstr("At most"));
}

TEST(NpyHeader, RefusesShapesThatOverflow) {
  EXPECT_THAT(header_error(npy_header("<f8", "(4294967296, 4294967296, 2)")),
              HasSubstr("no file can hold"));
  EXPECT_THAT(header_error(npy_header("<f8", "(99999999999999999999,)")), HasSubstr("too large"));
  EXPECT_THAT(header_error(npy_header("<f8", "(-1,)")), HasSubstr("not a number from 0 on"));
}

TEST(NpyHeader, RefusesAnythingThatIsNotItsThreeKeys) {
  EXPECT_THAT(header_error("{'descr': '<f4', 'shape': (1,)}"), HasSubstr("missing"));
  EXPECT_THAT(
      header_error("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}"),
      HasSubstr("twice"));
  EXPECT_THAT(header_error("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'x': 1}"),
              HasSubstr("unknown key 'x'"));
  EXPECT_THAT(header_error("{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}"),
              HasSubstr("neither True nor False"));
  EXPECT_THAT(header_error("{'descr': __import__('os'), 'fortran_order': False, 'shape': (1,)}"),
              HasSubstr("quoted word"));
  EXPECT_THAT(header_error("{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} + 1"),
              HasSubstr("after the closing"));
  EXPECT_THAT(header_error("{'descr': [[[[['<f4', 'fortran_order': False"),
              HasSubstr("does not end"));
}

TEST(NpyData, SwapsBytesOfEachElement) {
  std::string bytes = "abcdef";
  swap_elements(std::as_writable_bytes(std::span(bytes)), 2);
  EXPECT_EQ(bytes, "badcfe");
}

TEST(NpyData, TurnsColumnMajorIntoRowMajor) {
  const Shape shape = {2, 3, 4};
  std::string columns(24, '\0'), rows(24, '\0');
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 3; ++j)
      for (int k = 0; k < 4; ++k) {
        const char value = static_cast<char>(i * 12 + j * 4 + k);
        columns[static_cast<size_t>(i + 2 * (j + 3 * k))] = value;
        rows[static_cast<size_t>(value)] = value;
      }
  const auto out = to_row_major(std::as_bytes(std::span(columns)), shape, 1);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(out.data()), out.size()), rows);
}

}  // namespace
}  // namespace eightbit
