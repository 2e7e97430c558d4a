#include "records/kept_samples.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace eightbit::records {
namespace {

using testing::ElementsAre;

Sample sample_of(std::vector<float> image, std::vector<float> mask,
                 std::optional<bool> reset = {}) {
  const auto floats = [](const std::vector<float>& v) {
    return Tensor::from_floats(v, {1, static_cast<int64_t>(v.size())});
  };
  return {{{"image", floats(image)}, {"mask", floats(mask)}}, reset};
}

std::vector<std::vector<float>> values_of(const Sample& sample) {
  std::vector<std::vector<float>> values;
  for (const NamedTensor& input : sample.inputs) values.push_back(to_floats(input.tensor));
  return values;
}

TEST(KeptSamples, GiveBackWhatTheyTook) {
  KeptSamples kept;
  kept.add(7, sample_of({1, 2, 3}, {4}, false));
  kept.add(3, sample_of({5}, {6, 7}));
  EXPECT_THAT(kept.numbers(), ElementsAre(3, 7));  // in order, whatever came first
  EXPECT_THAT(values_of(kept.load(3)), ElementsAre(ElementsAre(5), ElementsAre(6, 7)));
  const Sample seventh = kept.load(7);
  EXPECT_THAT(values_of(seventh), ElementsAre(ElementsAre(1, 2, 3), ElementsAre(4)));
  EXPECT_EQ(seventh.inputs[0].name, "image");
  EXPECT_EQ(seventh.inputs[1].name, "mask");
  EXPECT_EQ(seventh.inputs[0].tensor.shape, (Shape{1, 3}));
  EXPECT_EQ(seventh.reset_state, false);
  EXPECT_FALSE(kept.load(3).reset_state.has_value());
}

TEST(KeptSamples, CopyTheBytes) {
  std::vector<float> buffer = {1, 2};
  const Tensor borrowed{
      DType::f32, {2}, reinterpret_cast<const std::byte*>(buffer.data()), nullptr};
  KeptSamples kept;
  kept.add(0, {{{"x", borrowed}}, {}});
  buffer = {8, 9};
  EXPECT_THAT(to_floats(kept.load(0).inputs[0].tensor), ElementsAre(1, 2));
}

TEST(KeptSamples, TypesNarrowerThanAByteAndEmptyTensors) {
  KeptSamples kept;
  Tensor nibbles = Tensor::allocate(DType::u4, {3});  // two bytes
  nibbles.mutable_data()[0] = std::byte{0x21};
  nibbles.mutable_data()[1] = std::byte{0x03};
  kept.add(0, {{{"empty", Tensor::allocate(DType::i64, {0, 4})}, {"nibbles", nibbles}}, {}});
  const Sample back = kept.load(0);
  EXPECT_EQ(back.inputs[0].tensor.shape, (Shape{0, 4}));
  EXPECT_EQ(back.inputs[1].tensor.dtype, DType::u4);
  EXPECT_EQ(back.inputs[1].tensor.byte_size(), 2u);
  EXPECT_EQ(back.inputs[1].tensor.data[1], std::byte{0x03});
}

TEST(KeptSamples, ANumberKeepsItsFirstSample) {
  KeptSamples kept;
  kept.add(1, sample_of({1}, {2}));
  kept.add(1, sample_of({3}, {4}));
  EXPECT_EQ(kept.size(), 1u);
  EXPECT_THAT(values_of(kept.load(1)), ElementsAre(ElementsAre(1), ElementsAre(2)));
}

TEST(KeptSamples, JoinOthers) {
  KeptSamples even, odd;
  even.add(0, sample_of({0}, {1}));
  even.add(2, sample_of({2}, {3}));
  odd.add(1, sample_of({4}, {5}));
  odd.add(2, sample_of({6}, {7}));
  even.add(odd);
  EXPECT_THAT(even.numbers(), ElementsAre(0, 1, 2));
  EXPECT_THAT(values_of(even.load(1)), ElementsAre(ElementsAre(4), ElementsAre(5)));
  EXPECT_THAT(values_of(even.load(2)), ElementsAre(ElementsAre(2), ElementsAre(3)));
}

}  // namespace
}  // namespace eightbit::records
