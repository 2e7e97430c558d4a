#include "progress_bar.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#ifdef _WIN32
#include <io.h>
#else
#include <sys/ioctl.h>
#include <unistd.h>
#endif

namespace eightbit::cli {
namespace {

constexpr auto kInterval = std::chrono::milliseconds(100);
constexpr int kBarWidth = 24;

bool stderr_is_terminal() {
#ifdef _WIN32
  return _isatty(2) != 0;
#else
  return isatty(STDERR_FILENO) != 0;
#endif
}

size_t terminal_width() {
#ifndef _WIN32
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
#endif
  return 80;
}

std::string clock_text(double seconds) {
  const auto whole = static_cast<int64_t>(seconds + 0.5);
  if (whole >= 3600)
    return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

}  // namespace

ProgressBar::ProgressBar(bool wanted) : enabled_(wanted && stderr_is_terminal()) {}

void ProgressBar::show(const Progress& progress) {
  if (!enabled_) return;
  std::lock_guard lock(mutex_);
  const auto now = Clock::now();
  if (progress.step != step_) {
    step_ = progress.step;
    step_began_ = now;
    first_done_ = progress.done;
  } else if (now - last_drawn_ < kInterval) {
    return;
  }
  last_drawn_ = now;
  std::string line = text(progress, std::chrono::duration<double>(now - step_began_).count());
  if (line.size() >= terminal_width()) line.resize(terminal_width() - 1);
  fmt::print(stderr, "\r{}\x1b[K", line);
  std::fflush(stderr);
  drawn_ = true;
}

std::string ProgressBar::text(const Progress& progress, double elapsed) const {
  if (progress.total <= 0)
    return fmt::format("{}  {}  {}", progress.step, progress.done, clock_text(elapsed));
  const double share = std::clamp(
      static_cast<double>(progress.done) / static_cast<double>(progress.total), 0.0, 1.0);
  const int filled = static_cast<int>(share * kBarWidth);
  const int64_t done_here = progress.done - first_done_;
  const std::string left = done_here > 0
                               ? clock_text(elapsed / static_cast<double>(done_here) *
                                            static_cast<double>(progress.total - progress.done)) +
                                     " left"
                               : "";
  return fmt::format("{:<16} [{}{}] {:3.0f}%  {}/{}  {}", progress.step,
                     std::string(static_cast<size_t>(filled), '#'),
                     std::string(static_cast<size_t>(kBarWidth - filled), '.'), share * 100,
                     progress.done, progress.total, left);
}

void ProgressBar::clear() {
  if (!enabled_) return;
  std::lock_guard lock(mutex_);
  if (!drawn_) return;
  fmt::print(stderr, "\r\x1b[K");
  std::fflush(stderr);
  drawn_ = false;
}

}  // namespace eightbit::cli
