// Where the library's messages and progress go. Nothing is printed by the library itself.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

namespace eightbit {

// warning: an option without effect, a result that a user should look at. info: what was decided.
// debug: for those who look for a defect. Failures are thrown, not logged.
enum class LogLevel { debug, info, warning, error };

// Receives every message. May be called from any thread, one call at a time, and in destructors:
// what it throws is dropped, and the message with it, and the run goes on. (To stop a run throw
// from its ProgressSink.) It must not call the library, which may wait for it.
using LogSink = std::function<void(LogLevel level, std::string_view message)>;

// Replaces the sink for the whole process; an empty function silences the library (the default).
void set_log_sink(LogSink sink);

// How far a step is. A step is reported each time some of its units are finished, and not at all
// where it is over at once.
struct Progress {
  std::string_view step;  // what is going on: "calibrate", "bias correction", ...
  int64_t done = 0;       // units finished
  int64_t total = 0;      // units in all; 0 when unknown
};

// Called from the thread that called the library. Throw Interrupted from it to stop the run: what
// was measured so far is kept where RunOptions::checkpoint says so. Other exceptions stop it too,
// and reach the caller as they are.
using ProgressSink = std::function<void(const Progress&)>;

}  // namespace eightbit
