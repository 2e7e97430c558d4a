#include "search/misread_search.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace eightbit::search {
namespace {

using testing::ElementsAre;

// A network of groups that each add `noise`; `faults`: chains of groups that a runtime gets wrong
// where all of them are quantized.
struct Network {
  struct Fault {
    std::vector<int> chain;
    double noise;
  };
  int groups;
  double noise;
  std::vector<Fault> faults;
  int reads = 0, budget = 1000;

  Readings all() const { return read_with({}); }
  Read read() {
    return [this](const std::vector<int>& in_float) -> std::optional<Readings> {
      if (reads++ == budget) return std::nullopt;
      EXPECT_TRUE(std::ranges::is_sorted(in_float));
      return read_with(in_float);
    };
  }

 private:
  Readings read_with(const std::vector<int>& in_float) const {
    const auto is_float = [&](int g) { return std::ranges::binary_search(in_float, g); };
    Readings out;
    out.said = noise * (groups - static_cast<int>(in_float.size()));
    out.done = out.said;
    for (const Fault& fault : faults)
      if (std::ranges::none_of(fault.chain, is_float)) out.done += fault.noise;
    return out;
  }
};

std::vector<int> found(Network& network, int most = 4) {
  const auto misread = find_misread(network.groups, network.all(), most, network.read());
  return misread ? misread->groups : std::vector<int>{};
}

TEST(MisreadSearch, FindsTheGroupWhereverItIs) {
  for (int group : {0, 1, 17, 62, 63}) {
    Network network{64, 1e-4, {{{group}, 0.5}}};
    EXPECT_THAT(found(network), ElementsAre(group));
    EXPECT_LE(network.reads, 7);
  }
}

TEST(MisreadSearch, BreaksAChainAtItsEnd) {
  Network network{20, 1e-4, {{{5, 6, 7}, 0.2}}};
  EXPECT_THAT(found(network), ElementsAre(7));
}

TEST(MisreadSearch, FindsSeveral) {
  Network network{40, 1e-4, {{{3}, 0.3}, {{30}, 0.1}, {{12, 13}, 0.2}}};
  EXPECT_THAT(found(network), ElementsAre(3, 13, 30));
}

TEST(MisreadSearch, TakesTheFirstWhereOneIsAllowed) {
  Network network{40, 1e-4, {{{3}, 0.3}, {{30}, 0.1}}};
  EXPECT_THAT(found(network, 1), ElementsAre(3));
}

TEST(MisreadSearch, FindsNothingWhereFewDoNotHelp) {
  Network network{40, 1e-4, {}};
  for (int group = 0; group < 40; ++group) network.faults.push_back({{group}, 0.01});
  EXPECT_THAT(found(network, 3), ElementsAre());
}

TEST(MisreadSearch, FindsNothingWhereTheRuntimeDoesWhatIsSaid) {
  Network network{8, 0.1, {{{2}, 0.05}}};  // less than 1 dB
  EXPECT_THAT(found(network), ElementsAre());
  EXPECT_EQ(network.reads, 0);
}

// A model that does not compile reads as nothing but noise.
TEST(MisreadSearch, FindsWhatTheRuntimeDoesNotTake) {
  int reads = 0;
  const auto read = [&](const std::vector<int>& in_float) -> std::optional<Readings> {
    ++reads;
    const bool refused =
        !std::ranges::binary_search(in_float, 11) || !std::ranges::binary_search(in_float, 40);
    return Readings{0, refused ? 1.0 : 0.0};
  };
  const auto misread = find_misread(64, {0, 1}, 4, read);
  ASSERT_TRUE(misread);
  EXPECT_THAT(misread->groups, ElementsAre(11, 40));
  EXPECT_LE(reads, 14);
}

TEST(MisreadSearch, GivesUpWhereTimeIsUp) {
  for (int budget : {0, 3}) {
    Network network{64, 1e-4, {{{17}, 0.5}}, 0, budget};
    EXPECT_THAT(found(network), ElementsAre());
  }
}

TEST(MisreadSearch, KeepsWhatItFoundWhereTimeIsUp) {
  Network network{64, 1e-4, {{{17}, 0.5}, {{40}, 0.1}}, 0, 9};
  EXPECT_THAT(found(network), ElementsAre(17));
}

}  // namespace
}  // namespace eightbit::search
