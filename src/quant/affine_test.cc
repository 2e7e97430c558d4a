#include "quant/affine.h"

#include <gmock/gmock.h>

#include <numeric>

namespace eightbit {
namespace {

using testing::ElementsAre;

TEST(Affine, OfABatchNorm) {
  const std::vector<float> gamma{2, 3}, beta{1, -1}, mean{4, 8}, variance{3, 0};
  const auto affine = batch_norm<float>(gamma, beta, mean, variance, 1.0f);
  EXPECT_THAT(affine.factor, ElementsAre(1, 3));
  EXPECT_THAT(affine.shift, ElementsAre(-3, -25));
  const auto plain = batch_norm<float>({}, {}, mean, variance, 1.0f);
  EXPECT_THAT(plain.factor, ElementsAre(0.5f, 1));
  EXPECT_THAT(plain.shift, ElementsAre(-2, -8));
}

TEST(Affine, OneBehindTheOtherIsOne) {
  Affine<double> affine{{2, 3}, {1, 1}};
  affine.append({{10, 100}, {5, 7}});
  EXPECT_THAT(affine.factor, ElementsAre(20, 300));
  EXPECT_THAT(affine.shift, ElementsAre(15, 107));
}

TEST(Affine, MovesABias) {
  const Affine<float> affine{{2, 3}, {1, -1}};
  EXPECT_THAT(affine.moved(std::vector<float>{4, 5}), ElementsAre(9, 14));
  EXPECT_THAT(affine.moved({}), ElementsAre(1, -1));
}

TEST(Affine, ScalesTheOutputsOfAWeight) {
  // [groups, inputs, outputs of a group]: the channels of a transposed convolution with groups
  std::vector<float> weight(8);
  std::iota(weight.begin(), weight.end(), 1.0f);
  const std::vector<float> factor{1, 10, 100, 1000};
  scale_outputs<float>(weight, {2, 2, 2}, {0, 2}, factor);
  EXPECT_THAT(weight, ElementsAre(1, 20, 3, 40, 500, 6000, 700, 8000));
}

}  // namespace
}  // namespace eightbit
