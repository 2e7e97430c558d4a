#include "base/crash_notice.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <memory>
#include <thread>

namespace eightbit {
namespace {

// Sanitizers have handlers of their own, which would speak too and end the program otherwise.
void let_signals_kill() {
  for (int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) ::signal(signal, SIG_DFL);
}

class CrashNoticeDeathTest : public ::testing::Test {
 protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(CrashNoticeDeathTest, SpeaksAndLetsTheSignalTakeItsCourse) {
  for (int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT})
    EXPECT_EXIT(
        {
          let_signals_kill();
          const CrashNotice notice("the result is in m.xml");
          ::raise(signal);
        },
        ::testing::KilledBySignal(signal), "the result is in m.xml");
}

TEST_F(CrashNoticeDeathTest, SpeaksInAnyThread) {
  EXPECT_EXIT(
      {
        let_signals_kill();
        const CrashNotice notice("said once");
        std::thread([] { ::raise(SIGSEGV); }).join();
      },
      ::testing::KilledBySignal(SIGSEGV), "^said once\n$");
}

TEST_F(CrashNoticeDeathTest, TheLatestSpeaks) {
  EXPECT_EXIT(
      {
        let_signals_kill();
        const CrashNotice first("first");
        auto second = std::make_unique<CrashNotice>("second");
        const CrashNotice third("third");
        second.reset();
        ::raise(SIGABRT);
      },
      ::testing::KilledBySignal(SIGABRT), "^third\n$");
}

TEST(CrashNotice, HandlersAreAsBeforeAtTheEnd) {
  struct sigaction before{}, after{};
  ::sigaction(SIGSEGV, nullptr, &before);
  {
    const CrashNotice notice("text");
  }
  ::sigaction(SIGSEGV, nullptr, &after);
  EXPECT_EQ(before.sa_handler, after.sa_handler);
}

}  // namespace
}  // namespace eightbit
