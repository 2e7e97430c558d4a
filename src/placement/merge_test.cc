#include "placement/merge.h"

#include <gtest/gtest.h>

namespace eightbit::placement {
namespace {

using Rule = QuantizerPropagationRule;

constexpr auto kSym = QuantizationScheme::symmetric;
constexpr auto kAsym = QuantizationScheme::asymmetric;

QuantizerSpec spec(int bits, QuantizationScheme mode, bool per_channel = false) {
  return {bits, mode, {}, per_channel, false, {}};
}

Merged merge(const SpecList& a, const SpecList& b, Rule rule) {
  return merge_branches({&a, &b}, rule);
}

const SpecList kConv{spec(8, kSym), spec(16, kSym)};
const SpecList kDepthwise{spec(8, kSym, true), spec(8, kSym), spec(16, kSym, true), spec(16, kSym)};

TEST(Merge, AllInOneKeepsWhatEveryBranchAccepts) {
  EXPECT_EQ(merge(kConv, kDepthwise, Rule::merge_all_in_one).specs,
            (SpecList{spec(8, kSym), spec(16, kSym)}));
  EXPECT_TRUE(merge({spec(8, kSym)}, {spec(8, kAsym)}, Rule::merge_all_in_one).specs.empty());
}

TEST(Merge, OrderFollowsPlacesThenBits) {
  const SpecList a{spec(8, kSym), spec(16, kSym)}, b{spec(16, kSym), spec(8, kSym)};
  EXPECT_EQ(merge(a, b, Rule::merge_all_in_one).specs, (SpecList{spec(16, kSym), spec(8, kSym)}));
}

TEST(Merge, TiesPreferPerTensorThenSymmetric) {
  const SpecList a{spec(8, kAsym, true), spec(8, kAsym), spec(8, kSym)},
      b{spec(8, kSym), spec(8, kAsym), spec(8, kAsym, true)};
  EXPECT_EQ(merge(a, b, Rule::merge_all_in_one).specs,
            (SpecList{spec(8, kSym), spec(8, kAsym), spec(8, kAsym, true)}));
}

TEST(Merge, SameOnlyComparesWithoutOrder) {
  const SpecList swapped{spec(16, kSym), spec(8, kSym)};
  EXPECT_EQ(merge(kConv, swapped, Rule::merge_if_all_branches_same).specs, kConv);
  EXPECT_TRUE(merge(kConv, kDepthwise, Rule::merge_if_all_branches_same).specs.empty());
}

TEST(Merge, RequantizationKeepsBranchesThatDiffer) {
  const SpecList narrow{spec(8, kSym)}, wide{spec(8, kSym), spec(16, kSym)};
  const Merged merged = merge(narrow, wide, Rule::merge_with_potential_requantization);
  EXPECT_EQ(merged.specs, wide);
  EXPECT_EQ(merged.absorbed, (std::vector<bool>{false, true}));
}

TEST(Merge, NeverWhenAskedNotTo) {
  EXPECT_TRUE(merge(kConv, kConv, Rule::do_not_merge_branches).specs.empty());
}

TEST(Merge, RequantizationMayOnlyLose) {
  EXPECT_TRUE(requantizes(spec(8, kSym), spec(16, kAsym)));
  EXPECT_FALSE(requantizes(spec(16, kSym), spec(8, kSym)));
  EXPECT_FALSE(requantizes(spec(8, kAsym), spec(8, kSym)));
  QuantizerSpec is_signed = spec(8, kSym), is_unsigned = spec(8, kSym), narrow = spec(8, kSym);
  is_signed.signedness = true;
  is_unsigned.signedness = false;
  narrow.narrow_range = true;
  EXPECT_FALSE(requantizes(spec(8, kSym), is_signed));
  EXPECT_TRUE(requantizes(is_signed, spec(8, kSym)));
  EXPECT_FALSE(requantizes(is_signed, is_unsigned));
  EXPECT_FALSE(requantizes(narrow, spec(8, kSym)));
}

}  // namespace
}  // namespace eightbit::placement
