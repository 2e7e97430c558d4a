// A progress bar with the time left, on stderr and only where that is a terminal.
#pragma once

#include <eightbit/log.h>

#include <chrono>
#include <mutex>
#include <string>

namespace eightbit::cli {

class ProgressBar {
 public:
  explicit ProgressBar(bool wanted);
  ~ProgressBar() { clear(); }

  void show(const Progress& progress);  // drawn at most ten times a second
  void clear();                         // takes the bar off, so that other lines can be written

 private:
  using Clock = std::chrono::steady_clock;
  std::string text(const Progress& progress, double elapsed) const;

  bool enabled_;
  bool drawn_ = false;
  std::string step_;
  int64_t first_done_ = 0;  // where this step began: a resumed one does not begin at 0
  Clock::time_point step_began_{}, last_drawn_{};
  std::mutex mutex_;  // log lines may come from other threads
};

}  // namespace eightbit::cli
