// Whether more samples would still change what was measured.
//
// Needs:   statistics after growing numbers of samples.
// Does:    takes of each point the ends between which all but a small share of its values lie
//          (from its histogram; where there is none, the means of its extremes over samples), and
//          the means of its channels. The statistics have settled once nearly all points have moved
//          by no more than a small share of their width since the last time, twice in a row.
// Source:  own rule; the shares were set on three models, which then came within 0.4 dB of 300
//          samples (docs/use.md).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "records/statistics_data.h"

namespace eightbit::records {

class Settling {
 public:
  // Numbers of samples after which to look: the first of them, and that which follows `samples`.
  static constexpr int64_t kFirst = 64;
  static int64_t next_after(int64_t samples);

  // What is compared, a few numbers a point. Points that no sample has computed have none.
  static std::vector<float> snapshot(const StatisticsData& data);

  // Takes the next snapshot, after so many samples.
  void add(int64_t samples, std::vector<float> snapshot);
  bool settled() const;
  int64_t samples() const { return samples_; }  // of the last snapshot; 0: there was none
  // Points that moved too far at the last step, as a share of all.
  double moving() const { return moving_; }

  // As text, and back: a run that is resumed goes on from there. Throws std::exception for others.
  std::string state() const;
  static Settling from(const std::string& state);

 private:
  int64_t samples_ = 0;
  std::vector<float> last_;
  int calm_ = 0;
  double moving_ = 1;
};

}  // namespace eightbit::records
