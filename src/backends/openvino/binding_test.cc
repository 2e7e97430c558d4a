#include "backends/openvino/binding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "backends/openvino/test_models.h"

namespace eightbit::openvino {
namespace {

using namespace test;
using testing::HasSubstr;

std::shared_ptr<ov::Model> two_inputs() {
  const auto ids = parameter("input_ids", {1, -1}, ov::element::i64);
  const auto image = parameter("image", {-1, 2});
  return model_of({named(std::make_shared<op::Relu>(image), "relu"),
                   named(std::make_shared<op::Abs>(ids), "abs")},
                  {ids, image});
}

template <typename T>
Tensor tensor_of(DType dtype, const Shape& shape, std::vector<T> values) {
  Tensor tensor = Tensor::allocate(dtype, shape);
  std::copy(values.begin(), values.end(), reinterpret_cast<T*>(tensor.mutable_data()));
  return tensor;
}

const Tensor kIds = tensor_of<int64_t>(DType::i64, {1, 3}, {1, 2, 3});
const Tensor kImage = Tensor::from_floats(std::vector<float>{1, 2}, {1, 2});

std::string error_of(const Sample& sample) {
  try {
    Binding(*two_inputs()).bind(sample, 7);
  } catch (const DataError& error) {
    return error.what();
  }
  return "no error";
}

TEST(Binding, MatchesByNameThenByPlace) {
  const Binding binding(*two_inputs());
  const auto swapped = binding.bind({{{"image", kImage}, {"", kIds}}, {}}, 0);
  EXPECT_EQ(swapped.tensors[0].get_element_type(), ov::element::i64);
  EXPECT_EQ(swapped.tensors[1].data<float>()[1], 2.0f);
  EXPECT_EQ(static_cast<const void*>(swapped.tensors[1].data()), kImage.data) << "copied";
}

TEST(Binding, ConvertsWhereNothingIsLost) {
  const Binding binding(*two_inputs());
  const auto bound = binding.bind({{{"", tensor_of<int32_t>(DType::i32, {1, 2}, {4, -5})},
                                    {"", tensor_of<uint8_t>(DType::u8, {1, 2}, {7, 255})}},
                                   {}},
                                  0);
  EXPECT_EQ(bound.tensors[0].data<int64_t>()[1], -5);
  EXPECT_EQ(bound.tensors[1].data<float>()[1], 255.0f);
  const auto wide =
      binding.bind({{{"", kIds}, {"", tensor_of<double>(DType::f64, {1, 2}, {0.5, 1})}}, {}}, 0);
  EXPECT_EQ(wide.tensors[1].data<float>()[0], 0.5f);
}

TEST(Binding, NamesSampleAndInputInErrors) {
  EXPECT_THAT(error_of({{{"", kIds}}, {}}), HasSubstr("sample 7 has 1 tensors"));
  EXPECT_THAT(error_of({{{"", kIds}, {"imag", kImage}}, {}}), HasSubstr("image"));
  EXPECT_THAT(error_of({{{"image", kImage}, {"image", kImage}}, {}}), HasSubstr("twice"));
  EXPECT_THAT(
      error_of({{{"", kIds}, {"", Tensor::from_floats(std::vector<float>{1, 2, 3}, {1, 3})}}, {}}),
      HasSubstr("[?,2]"));
  EXPECT_THAT(
      error_of({{{"", kIds}, {"", Tensor::from_floats(std::vector<float>{1, 2}, {2})}}, {}}),
      HasSubstr("'image' has shape"));
  EXPECT_THAT(error_of({{{"", kImage}, {"", kImage}}, {}}),
              HasSubstr("takes i64, the tensor is f32"));
  EXPECT_THAT(error_of({{{"", kIds}, {"", Tensor{}}}, {}}), HasSubstr("empty"));
}

TEST(Binding, RefusesIntegersThatDoNotFit) {
  const auto input = parameter("x", {1}, ov::element::i8);
  const Binding binding(*model_of({named(std::make_shared<op::Abs>(input), "abs")}, {input}));
  EXPECT_THROW(binding.bind({{{"", tensor_of<int64_t>(DType::i64, {1}, {128})}}, {}}, 0),
               DataError);
  EXPECT_EQ(binding.bind({{{"", tensor_of<int64_t>(DType::i64, {1}, {-128})}}, {}}, 0)
                .tensors[0]
                .data<int8_t>()[0],
            -128);
}

TEST(Binding, FindsOneBadValueAnywhere) {
  for (const float bad : {NAN, -INFINITY, INFINITY}) {
    for (const size_t place : {size_t{0}, size_t{4095}, size_t{4096}, size_t{9999}}) {
      std::vector<float> values(10000, std::numeric_limits<float>::max());
      EXPECT_TRUE(backends::all_finite(Tensor::from_floats(values, {10000})));
      values[place] = bad;
      EXPECT_FALSE(backends::all_finite(Tensor::from_floats(values, {10000})));
    }
  }
  EXPECT_THAT(
      error_of({{{"", kIds}, {"", Tensor::from_floats(std::vector<float>{1, NAN}, {1, 2})}}, {}}),
      HasSubstr("'image' holds NaN or Inf"));
  EXPECT_FALSE(backends::all_finite(tensor_of<uint16_t>(DType::f16, {1}, {0xfc00})));
  EXPECT_FALSE(backends::all_finite(tensor_of<uint16_t>(DType::bf16, {1}, {0x7f80})));
  EXPECT_FALSE(backends::all_finite(tensor_of<double>(DType::f64, {1}, {INFINITY})));
}

}  // namespace
}  // namespace eightbit::openvino
