#include "base/crash_notice.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>
#include <utility>
#include <vector>

#ifndef _WIN32
#include <signal.h>
#include <unistd.h>
#endif

namespace eightbit {

#ifndef _WIN32
namespace {

constexpr std::array kSignals = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

std::array<struct sigaction, kSignals.size()> g_before;
std::atomic<const std::string*> g_text = nullptr;

// Guarded by g_mutex: what lives, in the order in which it began.
std::mutex g_mutex;
std::vector<const std::string*> g_living;

// Only async-signal-safe calls from here. An instruction that faults does so again once this
// returns, with the earlier handler in place; raise() serves signals that were sent.
void speak(int signal) {
  if (const std::string* text = g_text.exchange(nullptr)) {
    ssize_t written = ::write(STDERR_FILENO, text->data(), text->size());
    (void)written;
  }
  for (size_t i = 0; i < kSignals.size(); ++i)
    if (kSignals[i] == signal) ::sigaction(signal, &g_before[i], nullptr);
  ::raise(signal);
}

void install() {
  struct sigaction action{};
  action.sa_handler = speak;
  action.sa_flags = SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  for (size_t i = 0; i < kSignals.size(); ++i) ::sigaction(kSignals[i], &action, &g_before[i]);
}

// A handler that somebody installed meanwhile stays.
void uninstall() {
  for (size_t i = 0; i < kSignals.size(); ++i) {
    struct sigaction now{};
    ::sigaction(kSignals[i], nullptr, &now);
    if (now.sa_handler == speak) ::sigaction(kSignals[i], &g_before[i], nullptr);
  }
}

}  // namespace

CrashNotice::CrashNotice(std::string text) : text_(std::move(text) + "\n") {
  const std::lock_guard lock(g_mutex);
  if (g_living.empty()) install();
  g_living.push_back(&text_);
  g_text = &text_;
}

CrashNotice::~CrashNotice() {
  const std::lock_guard lock(g_mutex);
  std::erase(g_living, &text_);
  g_text = g_living.empty() ? nullptr : g_living.back();
  if (g_living.empty()) uninstall();
}
#else
CrashNotice::CrashNotice(std::string text) : text_(std::move(text)) {}
CrashNotice::~CrashNotice() = default;
#endif

}  // namespace eightbit
