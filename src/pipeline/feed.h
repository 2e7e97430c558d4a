// Picks from a source the samples that a calibration measures, and numbers them.
//
// Which inputs are kept depends on the number of samples alone (kept_numbers), not on shards, on
// what an earlier run has done, or on whether the source tells its length: where it does not, or
// gives batches of any size, every `stride`-th is kept for the time being; the stride doubles
// whenever twice as many as asked for are there. What is not kept after all is handed out then.
#pragma once

#include <eightbit/dataset.h>
#include <eightbit/model.h>
#include <eightbit/statistics.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <set>

#include "records/kept_samples.h"

namespace eightbit {

// Items along axis 0 that count as samples: the size of axis 0 of the first input where all inputs
// lead with a batch (backends/binding.h), else 1.
int64_t batch_of(const Sample& sample, const std::vector<PortInfo>& inputs);
// Items [first, first + count) of `batch`; shares the bytes. A tensor with another number of rows
// belongs to all items.
Sample slice(const Sample& sample, int64_t first, int64_t count, int64_t batch);

// records::spread_of the numbers of `total` samples.
std::set<int64_t> kept_numbers(int64_t total, int64_t keep);

struct FeedOptions {
  int64_t limit = 300;      // samples over all shards
  bool open_ended = false;  // how many it will be is decided on the way: pause_at() and close()
  Shard shard;
  // samples that are already measured; may be empty
  std::function<bool(int64_t)> is_done;
  int64_t keep = 0;        // inputs to keep, spread evenly
  bool set_aside = false;  // kept inputs are not handed out by next()
  // kept are the first ones, not spread: states go on from each to the next
  bool from_front = false;
  // what the source gives is one sample, however many items it has
  bool whole_batches = false;
  // items of a batch that are handed out together, where the model takes them one by one
  int64_t most_together = std::numeric_limits<int64_t>::max();
};

class Feed {
 public:
  // `source`: null where samples are given.
  Feed(std::unique_ptr<SampleSource> source, std::vector<PortInfo> inputs, FeedOptions options);

  // Without a source: what it would give next; next() gives nothing where it has to wait for that.
  void give(const Sample& sample);
  // No more will be given, or taken from the source.
  void close() { ended_ = true; }
  // next() gives nothing in front of the sample of this number, until it is moved on.
  void pause_at(int64_t number) { pause_ = number; }
  bool paused() const { return !ended_ && position_ >= pause_ && given_up_.empty(); }
  // What was given last goes back: nothing of it was measured or is kept.
  void take_back();
  // The number of the next sample.
  int64_t position() const { return position_; }

  // The next samples to be measured (more than one as a batch). Throws DataError naming the sample
  // when the source fails.
  std::optional<Sample> next();
  // The number of the first item that the last next() handed out.
  int64_t handed_out() const { return handed_out_; }
  // The number of the next record, in the order in which samples were handed out.
  int64_t take_number();
  bool finished() const { return finished_; }
  int64_t total() const { return total_; }  // samples of all shards, as far as known
  const records::KeptSamples& kept() const { return kept_; }
  int64_t to_keep() const { return std::min(options_.keep, total_); }  // as far as known
  bool sets_aside() const { return options_.set_aside; }
  bool open_ended() const { return options_.open_ended; }
  // Whether the inputs of this sample are kept in the end; once the feed is finished.
  bool keeps_in_the_end(int64_t number) const {
    return keeps(number, frozen_batch_ ? inputs_.front().shape[0] : 1);
  }
  bool keeps_all() const { return stride_ == 0 && static_cast<int64_t>(to_keep_.size()) == total_; }
  // Records that a kept sample gives.
  int64_t items(int64_t number) const {
    return frozen_batch_ || options_.whole_batches ? batch_of(kept_.load(number), inputs_) : 1;
  }
  // Records that the sample of the next number gives, of those that next() handed out.
  int64_t items_of_next() const { return options_.whole_batches ? items_.front() : 1; }

 private:
  std::optional<Sample> pull();
  void skip_unwanted();
  bool wanted(int64_t number) const;
  bool aside(int64_t number) const {
    return options_.set_aside && !frozen_batch_ && keeps(number, 1);
  }
  void widen_stride();
  void choose_kept();
  void give_up(int64_t number);
  std::optional<Sample> next_given_up();
  bool keeps(int64_t first, int64_t count) const;
  void keep(int64_t first, const Sample& sample, int64_t count);

  std::unique_ptr<SampleSource> source_;
  std::vector<PortInfo> inputs_;
  FeedOptions options_;
  int64_t total_ = 0;
  int64_t position_ = 0;  // number of the next sample of the source
  int64_t pause_ = std::numeric_limits<int64_t>::max();
  int64_t handed_out_ = 0;
  int64_t given_at_ = 0;                 // number of the first item that was given last
  std::optional<Sample> rest_;           // what is left of a batch
  std::deque<int64_t> numbers_, items_;  // items_: of whole batches
  std::set<int64_t> to_keep_;
  // between kept samples while their number is not known; else 0
  int64_t stride_ = 0;
  // set aside at first, and still to be handed out
  std::deque<int64_t> given_up_;
  records::KeptSamples kept_;
  bool frozen_batch_ = false;  // the model takes whole batches only
  bool batched_ = false;       // one pull may hold several samples
  bool ended_ = false;         // the source
  bool finished_ = false;
};

}  // namespace eightbit
