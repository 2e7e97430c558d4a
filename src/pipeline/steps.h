// Times and logs the steps of a run.
#pragma once

#include <eightbit/run.h>

#include <chrono>
#include <string>
#include <string_view>
#include <utility>

#include "base/freed_memory.h"
#include "base/journal.h"
#include "base/log.h"
#include "pipeline/cpu_time.h"

namespace eightbit {

class Steps {
 public:
  explicit Steps(const RunOptions& run) : run_(run), begin_(Clock::now()) {}

  // Runs `body` as a step; its result is handed through.
  template <typename Body>
  auto operator()(std::string_view name, Body&& body) {
    const Timer timer{*this, name, Clock::now(), cpu_seconds()};
    return std::forward<Body>(body)();
  }
  // Fills in the times of the caller's report, if there is one.
  void finish();
  Report& report() { return report_; }
  // What an earlier run with the same checkpoint has found, once it is known what this one is.
  Journal& journal() { return journal_; }
  double seconds() const { return since(begin_); }  // so far
  // Of the steps of that name so far.
  double seconds_of(std::string_view name) const;

 private:
  using Clock = std::chrono::steady_clock;
  static double since(Clock::time_point begin) {
    return std::chrono::duration<double>(Clock::now() - begin).count();
  }

  struct Timer {
    Steps& steps;
    std::string_view name;
    Clock::time_point begin;
    double cpu_begin;
    ~Timer() {
      return_freed_memory();
      const double seconds = since(begin);
      steps.report_.steps.push_back({std::string(name), seconds});
      log(LogLevel::debug, "{}: {:.3f} s, {:.3f} s of CPU time", name, seconds,
          cpu_seconds() - cpu_begin);
    }
  };

  const RunOptions& run_;
  Clock::time_point begin_;
  Report report_;
  Journal journal_;
};

}  // namespace eightbit
