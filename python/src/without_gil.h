// What calls into the library run under: without the interpreter's lock, and on a signal stack that
// is there.
//
// OpenVINO's CPU plugin registers an alternate signal stack for each Core. Two Cores that go in the
// order in which they came leave one registered that is freed, and Python's handlers run on it:
// Ctrl-C would then end the process.
#pragma once

#include <nanobind/nanobind.h>
#include <signal.h>
#include <sys/auxv.h>

#include <vector>

namespace eightbit::python {

class SignalStack {
 public:
  SignalStack() {
    // Of the thread: whoever registers another one meanwhile may come back to it later.
    thread_local std::vector<char> memory((64 << 10) + 2 * ::getauxval(AT_MINSIGSTKSZ));
    own_.ss_sp = memory.data();
    own_.ss_size = memory.size();
    registered_ = ::sigaltstack(&own_, &before_) == 0;
  }
  ~SignalStack() {
    stack_t now{};
    if (registered_ && ::sigaltstack(nullptr, &now) == 0 && now.ss_sp == own_.ss_sp &&
        before_.ss_sp != own_.ss_sp)
      ::sigaltstack(&before_, nullptr);
  }
  SignalStack(const SignalStack&) = delete;
  SignalStack& operator=(const SignalStack&) = delete;

 private:
  stack_t own_{}, before_{};
  bool registered_ = false;
};

class WithoutGil {
  SignalStack stack_;
  nanobind::gil_scoped_release lock_;
};

}  // namespace eightbit::python
