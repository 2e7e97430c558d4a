// What is said where a library that is called brings the process down.
#pragma once

#include <string>

namespace eightbit {

// While it lives, a signal that tells of a crash (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT) in any
// thread first writes `text` and a line feed to stderr and then takes its course: the handler that
// was installed before, or the end of the process. Of several that live at once the latest speaks.
// Does nothing on systems without sigaction.
class CrashNotice {
 public:
  explicit CrashNotice(std::string text);
  ~CrashNotice();
  CrashNotice(const CrashNotice&) = delete;
  CrashNotice& operator=(const CrashNotice&) = delete;

 private:
  std::string text_;
};

}  // namespace eightbit
