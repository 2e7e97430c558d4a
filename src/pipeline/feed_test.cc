#include "pipeline/feed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

namespace eightbit {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Each item of the data holds its own number.
std::unique_ptr<SampleSource> source_of(int64_t count, int64_t batch) {
  std::vector<Sample> samples;
  for (int64_t first = 0; first < count; first += batch) {
    const int64_t size = std::min(batch, count - first);
    std::vector<float> values(static_cast<size_t>(size));
    std::iota(values.begin(), values.end(), static_cast<float>(first));
    samples.push_back({{{"x", Tensor::from_floats(values, {size, 1, 1, 1})}}, {}});
  }
  return Dataset::from_samples(std::move(samples)).open();
}

std::vector<PortInfo> input_of(int64_t batch) { return {{"x", DType::f32, {batch, 1, 1, 1}}}; }

std::vector<int64_t> items_of(const Sample& sample) {
  std::vector<int64_t> items;
  for (float value : to_floats(sample.inputs.at(0).tensor))
    items.push_back(static_cast<int64_t>(value));
  return items;
}

struct Fed {
  std::vector<int64_t> numbers;                  // of all records, sorted
  std::vector<size_t> batches;                   // sizes of what was handed out
  std::map<int64_t, std::vector<int64_t>> kept;  // number -> items
};

// Hands out everything and checks that numbers say which items they are.
Fed run(Feed& feed) {
  Fed fed;
  while (const auto sample = feed.next()) {
    const auto items = items_of(*sample);
    EXPECT_EQ(feed.handed_out(), items.front());
    fed.batches.push_back(items.size());
    for (int64_t item : items) {
      fed.numbers.push_back(feed.take_number());
      EXPECT_EQ(fed.numbers.back(), item);
    }
  }
  EXPECT_TRUE(feed.finished());
  std::ranges::sort(fed.numbers);
  for (int64_t number : feed.kept().numbers())
    fed.kept[number] = items_of(feed.kept().load(number));
  return fed;
}

Fed run(std::unique_ptr<SampleSource> source, int64_t model_batch, FeedOptions options) {
  Feed feed(std::move(source), input_of(model_batch), std::move(options));
  return run(feed);
}

std::vector<int64_t> keys(const Fed& fed) {
  std::vector<int64_t> out;
  for (const auto& [number, items] : fed.kept) out.push_back(number);
  return out;
}

std::vector<int64_t> all_but(int64_t count, const std::vector<int64_t>& left_out) {
  std::vector<int64_t> out;
  for (int64_t k = 0; k < count; ++k)
    if (std::ranges::find(left_out, k) == left_out.end()) out.push_back(k);
  return out;
}

FeedOptions options_of(int64_t limit, int64_t keep, bool set_aside, Shard shard = {}) {
  FeedOptions options;
  options.limit = limit;
  options.keep = keep;
  options.set_aside = set_aside;
  options.shard = shard;
  return options;
}

TEST(Feed, KeptSamplesAreSpreadEvenly) {
  const Fed fed = run(source_of(10, 1), 1, options_of(10, 4, false));
  EXPECT_THAT(keys(fed), ElementsAre(0, 2, 4, 8));
  EXPECT_EQ(fed.numbers, all_but(10, {}));
  // A limit beyond the data does not bunch them at the front.
  EXPECT_THAT(keys(run(source_of(10, 1), 1, options_of(300, 4, false))), ElementsAre(0, 2, 4, 8));
  EXPECT_EQ(keys(run(source_of(3, 1), 1, options_of(300, 64, false))).size(), 3u);
}

// Whether the source tells its length or not, and whatever the batch.
TEST(Feed, WhichSamplesAreKeptDependsOnTheirNumberAlone) {
  for (int64_t count : {1, 4, 7, 8, 9, 63, 64, 65, 300}) {
    const auto known = keys(run(source_of(count, 1), 1, options_of(300, 4, true)));
    EXPECT_EQ(keys(run(source_of(count, 1), -1, options_of(300, 4, true))), known) << count;
    EXPECT_EQ(keys(run(source_of(count, 5), -1, options_of(300, 4, true))), known) << count;
    EXPECT_EQ(known.size(), std::min<size_t>(static_cast<size_t>(count), 4));
  }
}

TEST(Feed, KeptSamplesOfAModelWithStatesFollowEachOther) {
  FeedOptions options = options_of(10, 4, false);
  options.from_front = true;
  EXPECT_THAT(keys(run(source_of(10, 1), 1, options)), ElementsAre(0, 1, 2, 3));
}

TEST(Feed, SetAsideSamplesAreNotHandedOut) {
  const Fed fed = run(source_of(10, 1), 1, options_of(10, 4, true));
  EXPECT_THAT(keys(fed), ElementsAre(0, 2, 4, 8));
  EXPECT_THAT(fed.kept.at(4), ElementsAre(4));
  EXPECT_EQ(fed.numbers, all_but(10, {0, 2, 4, 8}));
}

TEST(Feed, BatchesAreSplitAroundWhatIsSetAside) {
  const Fed fed = run(source_of(12, 6), -1, options_of(12, 3, true));  // 0, 4, 8
  EXPECT_THAT(keys(fed), ElementsAre(0, 4, 8));
  EXPECT_THAT(fed.kept.at(4), ElementsAre(4));
  EXPECT_EQ(fed.numbers, all_but(12, {0, 4, 8}));
  EXPECT_EQ(fed.batches, (std::vector<size_t>{1, 1, 1, 1, 1, 1, 1, 1, 1}));
}

// Sources without a length, and batches of any size.
TEST(Feed, WhereTheNumberOfSamplesIsNotKnownAsManyAreKeptAndSpread) {
  for (const int64_t count : {1, 3, 4, 7, 8, 10, 40, 150, 300, 1000})
    for (const int64_t batch : {1, 3})
      for (const bool aside : {false, true}) {
        const Fed fed = run(source_of(count, batch), -1, options_of(300, 4, aside));
        const int64_t total = std::min<int64_t>(count, 300);
        ASSERT_EQ(fed.kept.size(), static_cast<size_t>(std::min<int64_t>(total, 4))) << count;
        std::vector<int64_t> all = fed.numbers;
        for (const auto& [number, items] : fed.kept) {
          EXPECT_THAT(items, ElementsAre(number));
          if (aside) all.push_back(number);
        }
        std::ranges::sort(all);
        EXPECT_EQ(all, all_but(total, {}));
        if (total >= 8) EXPECT_GE(keys(fed).back(), total / 2) << count;
      }
}

TEST(Feed, AModelOfAFixedBatchTakesItWhole) {
  // 0 and 8, which begins the third batch
  const Fed fed = run(source_of(12, 4), 4, options_of(12, 2, true));
  EXPECT_THAT(fed.kept.at(0), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(fed.kept.at(8), ElementsAre(8, 9, 10, 11));
  EXPECT_THAT(fed.numbers, ElementsAre(4, 5, 6, 7));
  Feed feed(source_of(12, 4), input_of(4), options_of(12, 2, true));
  run(feed);
  EXPECT_EQ(feed.items(0), 4);
}

TEST(Feed, ShardsShareTheSamplesAndTheKeptOnes) {
  for (const int64_t batch : {1, 5}) {
    const Fed whole = run(source_of(20, batch), batch == 1 ? 1 : -1, options_of(20, 6, true));
    std::vector<int64_t> numbers;
    std::map<int64_t, std::vector<int64_t>> kept;
    for (int64_t index = 0; index < 3; ++index) {
      const Fed part =
          run(source_of(20, batch), batch == 1 ? 1 : -1, options_of(20, 6, true, {index, 3}));
      numbers.insert(numbers.end(), part.numbers.begin(), part.numbers.end());
      for (const auto& [number, items] : part.kept) {
        EXPECT_EQ(number % 3, index);
        EXPECT_TRUE(kept.emplace(number, items).second);
      }
    }
    std::ranges::sort(numbers);
    EXPECT_EQ(numbers, whole.numbers);
    EXPECT_EQ(kept, whole.kept);
  }
}

TEST(Feed, AResumedRunGivesTheRest) {
  for (const int64_t batch : {1, 4}) {
    const int64_t model = batch == 1 ? 1 : -1;
    FeedOptions options = options_of(16, 4, true);  // 0, 4, 8, 12
    options.is_done = [](int64_t number) { return number < 6 && number != 4; };
    const Fed fed = run(source_of(16, batch), model, options);
    EXPECT_EQ(fed.numbers, all_but(16, {0, 1, 2, 3, 4, 5, 8, 12}));
    EXPECT_THAT(keys(fed), ElementsAre(4, 8, 12));
    options.is_done = [](int64_t) { return true; };
    const Fed nothing = run(source_of(16, batch), model, options);
    EXPECT_THAT(nothing.numbers, IsEmpty());
    EXPECT_THAT(nothing.kept, IsEmpty());
  }
}

TEST(Feed, TheLimitCutsABatch) {
  const Fed fed = run(source_of(12, 5), -1, options_of(7, 0, true));
  EXPECT_EQ(fed.numbers, all_but(7, {}));
  EXPECT_THAT(fed.batches, ElementsAre(5, 2));
}

Sample sequence_and_state(int64_t rows, Shape state) {
  const auto ones = [](const Shape& shape) {
    return Tensor::from_floats(std::vector<float>(static_cast<size_t>(element_count(shape)), 1.0f),
                               shape);
  };
  return {{{"x", ones({rows, 4})}, {"h", ones(state)}}, {}};
}

TEST(BatchOf, CountsRowsOnlyWhereAllInputsMayHaveThem) {
  const auto count = [](const Shape& first, const Shape& second, const Shape& state) {
    return batch_of(sequence_and_state(20, state),
                    {{"x", DType::f32, first}, {"h", DType::f32, second}});
  };
  EXPECT_EQ(count({-1, 4}, {-1, 8}, {20, 8}), 20);
  EXPECT_EQ(count({-1, 4}, {1, 1, 8}, {1, 1, 8}), 1);  // the state of one sequence
  EXPECT_EQ(count({-1, 4}, {2, -1, 8}, {2, 20, 8}), 1);
  EXPECT_EQ(count({-1, 4}, {}, {}), 1);  // a number beside it
}

TEST(Slice, ATensorWithOtherRowsBelongsToAllItems) {
  const Sample part = slice(sequence_and_state(20, {1, 1, 8}), 3, 2, 20);
  EXPECT_THAT(part.inputs[0].tensor.shape, ElementsAre(2, 4));
  EXPECT_THAT(part.inputs[1].tensor.shape, ElementsAre(1, 1, 8));
  EXPECT_THAT(slice(sequence_and_state(20, {}), 3, 2, 20).inputs[1].tensor.shape, IsEmpty());
}

TEST(Feed, WhatIsDoneIsSkippedUpToTheLimitAndNoFurther) {
  FeedOptions options = options_of(20, 4, true);
  options.is_done = [](int64_t number) { return number < 20; };
  EXPECT_THAT(run(source_of(50, 1), 1, options).numbers, IsEmpty());
  options.is_done = [](int64_t number) { return number != 3; };
  EXPECT_THAT(run(source_of(50, 1), 1, options).numbers, ElementsAre(3));
}

TEST(Feed, PausesInFrontOfASampleWhateverTheBatchesAndGoesOn) {
  for (int64_t batch : {1, 4, 7}) {
    FeedOptions options = options_of(1000, 4, true);
    options.open_ended = true;
    Feed feed(source_of(50, batch), input_of(batch == 1 ? 1 : -1), options);
    std::vector<int64_t> numbers;
    const auto until_it_gives_nothing = [&] {
      while (const auto sample = feed.next())
        for (size_t i = 0; i < items_of(*sample).size(); ++i) numbers.push_back(feed.take_number());
    };
    feed.pause_at(20);
    until_it_gives_nothing();
    EXPECT_TRUE(feed.paused() && !feed.finished()) << batch;
    EXPECT_EQ(feed.position(), 20);
    for (int64_t number : numbers) EXPECT_LT(number, 20);
    feed.pause_at(32);
    until_it_gives_nothing();
    EXPECT_EQ(feed.position(), 32);
    feed.close();
    until_it_gives_nothing();
    EXPECT_TRUE(feed.finished());
    std::ranges::sort(numbers);
    const auto kept = feed.kept().numbers();
    EXPECT_EQ(kept, std::vector<int64_t>({0, 8, 16, 24}));
    EXPECT_EQ(numbers, all_but(32, kept)) << batch;
  }
}

TEST(Feed, HandsOutAsManyItemsOfABatchAsAreWantedTogether) {
  FeedOptions options = options_of(20, 0, false);
  options.most_together = 2;
  const Fed fed = run(source_of(20, 5), -1, options);
  EXPECT_EQ(fed.numbers.size(), 20u);
  for (size_t size : fed.batches) EXPECT_LE(size, 2u);
}

}  // namespace
}  // namespace eightbit
