#include "interrupt.h"

#include <eightbit/error.h>
#include <eightbit/run.h>
#include <fmt/format.h>

#include <csignal>
#include <cstdlib>
#include <system_error>

#ifndef _WIN32
#include <unistd.h>
#endif

namespace eightbit::cli {
namespace {

constexpr int kInterruptedStatus = 130;
volatile std::sig_atomic_t g_requested = 0;

// Only async-signal-safe calls from here.
void give_up(int) { std::_Exit(kInterruptedStatus); }

void note(int) {
  if (g_requested) give_up(0);  // asked twice: at once
  g_requested = 1;
#ifndef _WIN32
  std::signal(SIGALRM, give_up);
  alarm(2);
#endif
}

}  // namespace

void catch_signals() {
  std::signal(SIGINT, note);
  std::signal(SIGTERM, note);
#ifndef _WIN32
  std::signal(SIGXFSZ, SIG_IGN);  // a file above the allowed size is an error of its write
#endif
}

void throw_if_interrupted() {
  if (g_requested) throw Interrupted("interrupted");
}

void with_checkpoint(const std::filesystem::path& checkpoint, const std::function<void()>& work) {
  std::error_code error;
  try {
    work();
  } catch (const Interrupted& e) {
    if (!std::filesystem::exists(checkpoint, error)) throw;
    throw Interrupted(
        fmt::format("{}. The same command goes on from '{}'", e.what(), checkpoint.string()));
  }
  // the result holds all of it now
  remove_checkpoint(checkpoint);
}

}  // namespace eightbit::cli
