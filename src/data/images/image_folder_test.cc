#include "data/images/image_folder.h"

#include <eightbit/error.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/images/image_form.h"
#include "data/test_files.h"

namespace eightbit {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using testing::floats;
using ::testing::HasSubstr;
using testing::message_of;
using testing::read_all;

// A binary PPM: the one image format that can be written in a line. Pixels are R, G, B.
std::string ppm(int width, int height, std::string_view pixels) {
  return fmt::format("P6 {} {} 255\n", width, height) + std::string(pixels);
}

class Images : public testing::FolderTest {
 protected:
  Images() {
    try {
      read_all(open_files(write("probe/a.ppm", ppm(1, 1, "abc"))));
    } catch (const Unsupported& error) {
      EXPECT_THAT(error.what(), HasSubstr("OpenCV"));
      missing_ = true;
    }
  }
  void SetUp() override {
    if (missing_) GTEST_SKIP() << "built without OpenCV";
  }
  std::string argument_error(const FileDatasetOptions& options) {
    return message_of<InvalidArgument>([&] { open_files(path("probe"), options); });
  }
  bool missing_ = false;
};

TEST_F(Images, BecomeNormalizedPlanes) {
  const auto file = write("a.ppm", ppm(2, 1, std::string("\x01\x02\x03\x0b\x0c\x0d", 6)));
  const auto samples =
      read_all(open_files(file, {.mean = {1, 2, 3}, .scale = {2}, .input = "image"}));
  ASSERT_EQ(samples.size(), 1u);
  EXPECT_EQ(samples[0].inputs[0].name, "image");
  EXPECT_THAT(samples[0].inputs[0].tensor.shape, ElementsAre(1, 3, 1, 2));
  EXPECT_THAT(floats(samples[0]), ElementsAre(0, 5, 0, 5, 0, 5));
}

TEST_F(Images, FollowLayoutAndColor) {
  const auto file = write("a.ppm", ppm(2, 1, std::string("\x01\x02\x03\x0b\x0c\x0d", 6)));
  EXPECT_THAT(floats(read_all(open_files(file, {.layout = "NHWC"})).at(0)),
              ElementsAre(1, 2, 3, 11, 12, 13));
  EXPECT_THAT(floats(read_all(open_files(file, {.layout = "nhwc", .color = "bgr"})).at(0)),
              ElementsAre(3, 2, 1, 13, 12, 11));
  EXPECT_THAT(read_all(open_files(file, {.color = "GRAY"})).at(0).inputs[0].tensor.shape,
              ElementsAre(1, 1, 1, 2));
}

TEST_F(Images, FollowTheModelsInput) {
  const auto shape_for = [&](const Shape& input) {
    return read_all(open_files(path("probe"), {.model_input_shapes = {input}}))
        .at(0)
        .inputs[0]
        .tensor.shape;
  };
  EXPECT_THAT(shape_for({1, 3, 5, 7}), ElementsAre(1, 3, 5, 7));
  EXPECT_THAT(shape_for({1, 5, 7, 3}), ElementsAre(1, 5, 7, 3));
  EXPECT_THAT(shape_for({-1, 1, 5, 7}), ElementsAre(1, 1, 5, 7));
  // of unknown size: the image's own
  EXPECT_THAT(shape_for({-1, 3, -1, -1}), ElementsAre(1, 3, 1, 1));
  EXPECT_THAT(read_all(open_files(path("probe"),
                                  {.resize = {2, 3}, .model_input_shapes = {{1, 3, -1, -1}}}))
                  .at(0)
                  .inputs[0]
                  .tensor.shape,
              ElementsAre(1, 3, 2, 3));
}

TEST_F(Images, ResizeIsBilinear) {
  const auto file = write("a.ppm", ppm(2, 1, std::string("\x00\x00\x00\x64\x64\x64", 6)));
  EXPECT_THAT(floats(read_all(open_files(file, {.resize = {1, 4}, .color = "GRAY"})).at(0)),
              ElementsAre(0, 25, 75, 100));
}

TEST_F(Images, StayBytesForByteInputs) {
  const auto samples = read_all(open_files(
      path("probe"), {.model_input_shapes = {{1, 3, 1, 1}}, .model_input_dtypes = {DType::u8}}));
  EXPECT_EQ(samples.at(0).inputs[0].tensor.dtype, DType::u8);
  EXPECT_THAT(floats(samples[0]), ElementsAre('a', 'b', 'c'));
  EXPECT_THAT(
      argument_error(
          {.mean = {1}, .model_input_shapes = {{1, 3, 1, 1}}, .model_input_dtypes = {DType::u8}}),
      HasSubstr("takes u8"));
}

TEST_F(Images, AreReadInSortedOrderThroughSubfolders) {
  for (const auto& [name, level] :
       {std::pair{"d/b/1.ppm", "ccc"}, {"d/a/2.ppm", "bbb"}, {"d/a/1.ppm", "aaa"}})
    write(name, ppm(1, 1, level));
  const auto samples = read_all(open_files(path("d")));
  ASSERT_EQ(samples.size(), 3u);
  for (size_t i = 0; i < 3; ++i) EXPECT_THAT(floats(samples[i]), Each('a' + static_cast<float>(i)));
}

TEST_F(Images, UnreadableOnesAreNamed) {
  write("d/a.ppm", ppm(1, 1, "abc"));
  write("d/b.png", "\x89PNG\r\n\x1a\n broken");
  write("d/c.jpg", "");
  const auto source = open_files(path("d")).open();
  EXPECT_TRUE(source->next());
  EXPECT_THAT(message_of<DataError>([&] { source->next(); }), HasSubstr("b.png"));
  EXPECT_THAT(message_of<DataError>([&] { source->next(); }),
              HasSubstr("c.jpg' cannot be decoded: it is empty"));
  EXPECT_FALSE(source->next());
}

TEST_F(Images, OptionsMustFit) {
  EXPECT_THAT(argument_error({.mean = {1, 2}}), HasSubstr("mean has 2 values"));
  EXPECT_THAT(argument_error({.scale = {0}}), HasSubstr("other than 0"));
  EXPECT_THAT(argument_error({.mean = {NAN}}), HasSubstr("finite"));
  EXPECT_THAT(argument_error({.resize = {2}}), HasSubstr("height and width"));
  EXPECT_THAT(argument_error({.resize = {2, 0}}), HasSubstr("out of range"));
  EXPECT_THAT(argument_error({.layout = "CHW"}), HasSubstr("Allowed: NCHW, NHWC"));
  EXPECT_THAT(argument_error({.color = "YUV"}), HasSubstr("Allowed: RGB, BGR, GRAY"));
  EXPECT_THAT(argument_error({.resize = {2, 2}, .model_input_shapes = {{1, 3, 4, 4}}}),
              HasSubstr("does not fit"));
  EXPECT_THAT(argument_error({.model_input_shapes = {{1, 128}}}), HasSubstr("4 dimensions"));
  EXPECT_THAT(argument_error({.model_input_shapes = {{1, 5, 4, 4}}}), HasSubstr("has 5 channels"));
  EXPECT_THAT(argument_error({.input = "imag", .model_input_names = {"image"}}),
              HasSubstr("Did you mean image?"));
}

TEST_F(Images, FingerprintFollowsThePreprocessing) {
  const auto fingerprint = [&](const FileDatasetOptions& options) {
    return open_files(path("probe"), options).open()->fingerprint();
  };
  EXPECT_EQ(fingerprint({}), fingerprint({.layout = "NCHW"}));
  EXPECT_NE(fingerprint({}), fingerprint({.mean = {1}}));
  EXPECT_NE(fingerprint({}), fingerprint({.color = "BGR"}));
  EXPECT_NE(fingerprint({}), fingerprint({.resize = {2, 2}}));
}

// The red plane of the first image, which write() has made.
std::vector<std::vector<float>> red(const Sample& sample) {
  const Tensor& tensor = sample.inputs[0].tensor;
  const auto rows = static_cast<size_t>(tensor.shape[2]),
             columns = static_cast<size_t>(tensor.shape[3]);
  std::vector<std::vector<float>> out(rows);
  for (size_t y = 0; y < rows; ++y)
    out[y].assign(tensor.as<float>().begin() + static_cast<std::ptrdiff_t>(y * columns),
                  tensor.as<float>().begin() + static_cast<std::ptrdiff_t>((y + 1) * columns));
  return out;
}

class Prepared : public Images {
 protected:
  Sample prepared(const std::string& file, ImagePreparation preparation,
                  const FileDatasetOptions& options = {}) {
    return read_all(open_prepared_images({file}, options, preparation)).at(0);
  }
  Shape shape(const std::string& file, const ImageOperation& operation) {
    return prepared(file, {{operation}, "", ""}).inputs[0].tensor.shape;
  }
};

TEST_F(Prepared, PaddingGoesWhereItIsAskedFor) {
  const auto file = write("a.ppm", ppm(2, 1, std::string("\x01\x02\x03\x0b\x0c\x0d", 6)));
  using Side = ImagePadding::Side;
  const auto padded = [&](Side side, int64_t stride = 1) {
    return red(prepared(
        file, {{ImagePadding{
                   .height = 2, .width = 5, .stride = stride, .side = side, .levels = {7, 8, 9}}},
               "",
               ""}));
  };
  EXPECT_THAT(padded(Side::right_bottom),
              ElementsAre(ElementsAre(1, 11, 9, 9, 9), ElementsAre(9, 9, 9, 9, 9)));
  EXPECT_THAT(padded(Side::left_top),
              ElementsAre(ElementsAre(9, 9, 9, 9, 9), ElementsAre(9, 9, 9, 1, 11)));
  EXPECT_THAT(padded(Side::center),
              ElementsAre(ElementsAre(9, 1, 11, 9, 9), ElementsAre(9, 9, 9, 9, 9)));
  EXPECT_THAT(padded(Side::right_bottom, 4).size(), 4u);  // 4x8
  EXPECT_THAT(padded(Side::right_bottom, 4)[0].size(), 8u);
}

TEST_F(Prepared, AnImageThatIsLargerIsNotPadded) {
  const auto file = write("a.ppm", ppm(3, 1, "abcdefghi"));
  EXPECT_THAT(shape(file, ImagePadding{.height = 1, .width = 2}), ElementsAre(1, 3, 1, 3));
  EXPECT_THAT(shape(file, ImagePadding{.stride = 2}), ElementsAre(1, 3, 2, 4));
}

TEST_F(Prepared, RescalingKeepsTheAspectBySideOrNearly) {
  const auto file = write("a.ppm", ppm(6, 3, std::string(54, 'a')));
  using Rule = ImageRescale::Rule;
  EXPECT_THAT(shape(file, ImageRescale{Rule::keeps_height, 4, 4}), ElementsAre(1, 3, 4, 8));
  EXPECT_THAT(shape(file, ImageRescale{Rule::keeps_width, 4, 4}), ElementsAre(1, 3, 2, 4));
  const auto large = write("b.ppm", ppm(200, 100, std::string(60000, 'a')));
  EXPECT_THAT(shape(large, ImageRescale{Rule::multiples, 160, 32}), ElementsAre(1, 3, 32, 160));
}

TEST_F(Prepared, InputsAreToldSizes) {
  const auto file = write("a.ppm", ppm(6, 3, std::string(54, 'a')));
  const FileDatasetOptions options = {.input = "image",
                                      .model_input_names = {"image", "info", "decoded"},
                                      .model_input_shapes = {{1, 3, -1, -1}, {1, 3}, {-1, 2}}};
  const ImagePreparation preparation = {
      .operations = {ImageStep{.height = 4, .width = 4, .aspect = ImageStep::Aspect::fits},
                     ImagePadding{.height = 4, .width = 4}},
      .image_info = "info",
      .original_image_info = "decoded"};
  const Sample sample = prepared(file, preparation, options);
  ASSERT_EQ(sample.inputs.size(), 3u);
  EXPECT_THAT(sample.inputs[0].tensor.shape, ElementsAre(1, 3, 4, 4));
  EXPECT_THAT(sample.inputs[1].name, "info");
  EXPECT_THAT(to_floats(sample.inputs[1].tensor), ElementsAre(2, 4, 1));
  EXPECT_THAT(to_floats(sample.inputs[2].tensor), ElementsAre(3, 6));
  EXPECT_THAT(message_of<InvalidArgument>([&] { prepared(file, {{}, "image", ""}, options); }),
              HasSubstr("[1,3] or [1,6]"));
  EXPECT_THAT(message_of<InvalidArgument>([&] { prepared(file, {{}, "x", ""}, options); }),
              HasSubstr("no input 'x'"));
}

TEST_F(Prepared, WhatTheOperationsLeaveMustFitTheModel) {
  const auto file = write("a.ppm", ppm(6, 3, std::string(54, 'a')));
  const FileDatasetOptions options = {.model_input_shapes = {{1, 3, 4, 4}}};
  const ImagePadding padding{.height = 4, .width = 4};
  const ImageStep fits{.height = 4, .width = 4, .aspect = ImageStep::Aspect::fits};
  EXPECT_THAT(prepared(file, {{fits, padding}, "", ""}, options).inputs[0].tensor.shape,
              ElementsAre(1, 3, 4, 4));
  EXPECT_THAT(message_of<InvalidArgument>([&] { prepared(file, {{fits}, "", ""}, options); }),
              HasSubstr("several sizes"));
  EXPECT_THAT(message_of<InvalidArgument>([&] {
                prepared(file, {{fits, ImagePadding{.height = 5, .width = 4}}, "", ""}, options);
              }),
              HasSubstr("5x4"));
}

TEST_F(Prepared, OnlyImagesAreOpened) {
  const auto file = write("a.npy", testing::npy_floats("(1,)", {1}));
  EXPECT_THAT(message_of<DataError>([&] { prepared(file, {}); }), HasSubstr("is no image"));
}

}  // namespace
}  // namespace eightbit
