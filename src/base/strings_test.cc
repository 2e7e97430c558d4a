#include <eightbit/strings.h>
#include <gtest/gtest.h>

namespace eightbit {
namespace {

TEST(Strings, ComeBackWithTheirShapeInFront) {
  const std::vector<std::string> values{"", "one", std::string("a\0b", 3), "żółw"};
  const Tensor tensor = from_strings(values, {2, 2});
  EXPECT_EQ(tensor.shape, (Shape{2, 2, 4 + 7}));
  EXPECT_EQ(to_strings(tensor), values);
}

TEST(Strings, ATensorOfOtherBytesHoldsNone) {
  Tensor tensor = Tensor::allocate(DType::u8, {1, 8});
  tensor.mutable_data()[0] = std::byte{9};
  EXPECT_FALSE(holds_strings(tensor));
  EXPECT_FALSE(holds_strings(Tensor::from_floats(std::vector<float>{1}, {1})));
}

}  // namespace
}  // namespace eightbit
