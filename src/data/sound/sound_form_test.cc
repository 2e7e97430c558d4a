#include "data/sound/sound_form.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace eightbit {
namespace {

FileDatasetOptions for_input(Shape shape) {
  FileDatasetOptions options;
  options.model_input_names = {"sound"};
  options.model_input_shapes = {std::move(shape)};
  return options;
}

Shape shape_of(const FileDatasetOptions& options, size_t samples) {
  return sound_form(options).tensor_of(std::vector<float>(samples, 0.5f)).shape;
}

TEST(SoundForm, TakesTheShapeOfTheModelsInput) {
  EXPECT_EQ(shape_of({}, 7), (Shape{1, 7}));
  EXPECT_EQ(shape_of(for_input({-1, -1}), 7), (Shape{1, 7}));
  EXPECT_EQ(shape_of(for_input({1, 1, -1}), 7), (Shape{1, 1, 7}));
  EXPECT_EQ(shape_of(for_input({1, -1, 1}), 7), (Shape{1, 7, 1}));
  EXPECT_EQ(shape_of(for_input({-1}), 7), (Shape{7}));
}

TEST(SoundForm, CutsOrFillsWithSilence) {
  EXPECT_EQ(shape_of(for_input({1, 5}), 7), (Shape{1, 5}));
  FileDatasetOptions options = for_input({1, -1});
  options.length = 4;
  const Tensor filled = sound_form(options).tensor_of({1, 2});
  EXPECT_EQ(to_floats(filled), (std::vector<float>{1, 2, 0, 0}));
}

TEST(SoundForm, RefusesWhatDoesNotFit) {
  EXPECT_THROW(sound_form(for_input({1, 64, 100})), InvalidArgument);
  FileDatasetOptions longer = for_input({1, 5});
  longer.length = 6;
  EXPECT_THROW(sound_form(longer), InvalidArgument);
  FileDatasetOptions other = for_input({1, 5});
  other.input = "sond";
  EXPECT_THROW(sound_form(other), InvalidArgument);
  FileDatasetOptions slow;
  slow.sample_rate = -1;
  EXPECT_THROW(sound_form(slow), InvalidArgument);
}

}  // namespace
}  // namespace eightbit
