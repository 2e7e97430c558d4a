#include "base/log.h"

#include <mutex>

namespace eightbit {
namespace {

std::mutex g_mutex;
LogSink g_sink;

}  // namespace

void set_log_sink(LogSink sink) {
  std::lock_guard lock(g_mutex);
  g_sink = std::move(sink);
}

void write_log(LogLevel level, std::string_view message) {
  std::lock_guard lock(g_mutex);
  if (!g_sink) return;
  try {
    g_sink(level, message);
  } catch (...) {  // threads and destructors log, which must not throw
  }
}

}  // namespace eightbit
