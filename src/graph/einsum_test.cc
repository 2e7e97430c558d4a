#include "graph/einsum.h"

#include <gtest/gtest.h>

namespace eightbit {
namespace {

using Axes = std::vector<int64_t>;

TEST(Einsum, HeadsAreTakenApartAndJoined) {
  const auto query = einsum_product("abc,cde->abde", 1, std::nullopt);
  ASSERT_TRUE(query);
  EXPECT_EQ(query->kept, 2);
  EXPECT_EQ(query->summed, 1);
  EXPECT_EQ(query->order, (Axes{0, 1, 2}));
  EXPECT_TRUE(query->takes_apart() && !query->joins());
  const auto output = einsum_product("abcd, cde -> abe", 1, std::nullopt);
  ASSERT_TRUE(output);
  EXPECT_EQ(output->kept, 2);
  EXPECT_EQ(output->summed, 2);
  EXPECT_TRUE(output->joins() && !output->takes_apart());
}

TEST(Einsum, WeightsStandOnEitherSideInAnyOrder) {
  const auto product = einsum_product("edc,abc->abde", 0, std::nullopt);
  ASSERT_TRUE(product);
  EXPECT_EQ(product->order, (Axes{2, 1, 0}));
  const auto mixed = einsum_product("abc,ecd->abde", 1, std::nullopt);
  ASSERT_TRUE(mixed);
  EXPECT_EQ(mixed->order, (Axes{1, 2, 0}));
}

TEST(Einsum, AnEllipsisNeedsARankWhereAxesAreJoined) {
  const auto plain = einsum_product("...x,xy->...y", 1, std::nullopt);
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->kept, 0);
  EXPECT_FALSE(einsum_product("...x,xyz->...yz", 1, std::nullopt));
  const auto heads = einsum_product("...x,xyz->...yz", 1, 4);
  ASSERT_TRUE(heads);
  EXPECT_EQ(heads->kept, 3);
}

TEST(Einsum, WhatIsNoSuchProductIsLeft) {
  for (const char* equation : {"abc,acd->abd",  // a batch of weights
                               "abc,cd->adb",   // another order of the result
                               "acb,cd->abd",   // summed over in the middle
                               "abc,cde->abd",  // summed over in the weight alone
                               "abc,c->ab",     // no columns
                               "aab,bc->ac",    // a diagonal
                               "abc,cd", "abc->ab", "ab,bc,cd->ad"})
    EXPECT_FALSE(einsum_product(equation, 1, std::nullopt)) << equation;
}

}  // namespace
}  // namespace eightbit
