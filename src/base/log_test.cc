#include "base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace eightbit {
namespace {

// Refuses the first message that it gets.
class Refusing {
 public:
  Refusing() {
    set_log_sink([this](LogLevel, std::string_view message) {
      if (refused_++ == 0) throw std::runtime_error("disk full");
      heard_.emplace_back(message);
    });
  }
  ~Refusing() { set_log_sink({}); }
  const std::vector<std::string>& heard() const { return heard_; }

 private:
  int refused_ = 0;
  std::vector<std::string> heard_;
};

struct LogsWhenItGoes {
  ~LogsWhenItGoes() { log(LogLevel::info, "gone"); }
};

TEST(Log, WhatTheSinkThrowsIsDroppedAndTheNextMessageIsHeard) {
  Refusing sink;
  EXPECT_NO_THROW(log(LogLevel::info, "first"));
  log(LogLevel::info, "second");
  EXPECT_THAT(sink.heard(), testing::ElementsAre("second"));
}

// An exception that left either would end the process.
TEST(Log, SinksMayThrowOnThreadsAndInDestructors) {
  {
    Refusing sink;
    std::thread([] { log(LogLevel::warning, "on a thread"); }).join();
    log(LogLevel::warning, "behind it");
    EXPECT_THAT(sink.heard(), testing::ElementsAre("behind it"));
  }
  Refusing sink;
  {
    LogsWhenItGoes object;
  }
  log(LogLevel::info, "still there");
  EXPECT_THAT(sink.heard(), testing::ElementsAre("still there"));
}

}  // namespace
}  // namespace eightbit
