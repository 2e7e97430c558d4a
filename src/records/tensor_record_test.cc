#include "records/tensor_record.h"

#include <gmock/gmock.h>

#include "records/unseen.h"

namespace eightbit {
namespace {

using testing::ElementsAre;

// min[2] max[2] | mean[2] | finite
Tap tap() {
  Tap tap;
  tap.axis = 1;
  tap.channels = 2;
  tap.statistics = kMinMax | kMean;
  return tap;
}

std::vector<float> folded(const std::vector<float>& records) {
  std::vector<float> out(static_cast<size_t>(tap().record_size()), -7.0f);
  fold_records(tap(), records, out);
  return out;
}

TEST(FoldRecords, KeepsExtremesAndAveragesTheRest) {
  const std::vector<float> records = {-1, 2,  5, 3, 0, 1, 1,  //
                                      0,  -2, 9, 1, 2, 2, 0.5f};
  EXPECT_THAT(folded(records), ElementsAre(-1, -2, 9, 3, 1, 1.5f, 0.75f));
}

TEST(FoldRecords, PassesOverIterationsThatDidNotComputeTheValue) {
  const std::vector<float> records = {0, 0, 0, 0, 0, 0, kUnseen,  //
                                      1, 2, 5, 3, 4, 1, 1};
  EXPECT_THAT(folded(records), ElementsAre(1, 2, 5, 3, 4, 1, 1));
}

TEST(FoldRecords, OfNothingIsUnseen) {
  EXPECT_THAT(folded({}), ElementsAre(0, 0, 0, 0, 0, 0, kUnseen));
  EXPECT_THAT(folded({9, 9, 9, 9, 9, 9, kUnseen}), ElementsAre(0, 0, 0, 0, 0, 0, kUnseen));
}

}  // namespace
}  // namespace eightbit
