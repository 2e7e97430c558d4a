#include "base/parallel.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <stdexcept>
#include <vector>

#include "base/testing/failing_new.h"
#include "base/thread_pool.h"

namespace eightbit {
namespace {

// The threads below the loops.
TEST(ThreadPool, ResultsComeWithTheirFutures) {
  ThreadPool pool(3);
  std::vector<std::future<int>> results;
  for (int i = 0; i < 100; ++i) results.push_back(pool.submit([i] { return i * i; }));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(results[static_cast<size_t>(i)].get(), i * i);
}

TEST(ThreadPool, ExceptionsComeWithTheirFutures) {
  ThreadPool pool(1);
  auto broken = pool.submit([]() -> int { throw std::runtime_error("broken"); });
  auto next = pool.submit([] { return 1; });
  EXPECT_THROW(broken.get(), std::runtime_error);
  EXPECT_EQ(next.get(), 1);
}

TEST(ThreadPool, FinishesAllTasksBeforeItEnds) {
  std::atomic<int> done = 0;
  {
    ThreadPool pool(2);
    for (int i = 0; i < 50; ++i) pool.submit([&] { ++done; });
  }
  EXPECT_EQ(done, 50);
}

TEST(ParallelFor, CallsTheBodyOnceForEachNumber) {
  std::vector<std::atomic<int>> calls(1000);
  parallel_for(1000, [&](int64_t i) { ++calls[static_cast<size_t>(i)]; });
  for (const auto& count : calls) EXPECT_EQ(count, 1);
  parallel_for(0, [](int64_t) { FAIL(); });
}

TEST(ParallelFor, LoopsMayStandWithinLoops) {
  std::atomic<int64_t> sum = 0;
  parallel_for(40, [&](int64_t i) {
    parallel_for(40, [&](int64_t j) { parallel_for(3, [&](int64_t) { sum += i * j; }); });
  });
  EXPECT_EQ(sum, 3 * 780 * 780);
}

TEST(ParallelFor, TheFirstExceptionComesOutAndNothingRunsAfterwards) {
  std::atomic<int> running = 0;
  EXPECT_THROW(parallel_for(100,
                            [&](int64_t i) {
                              ++running;
                              if (i == 7) {
                                --running;
                                throw std::runtime_error("seven");
                              }
                              --running;
                            }),
               std::runtime_error);
  EXPECT_EQ(running, 0);
  std::atomic<int> again = 0;
  parallel_for(10, [&](int64_t) { ++again; });
  EXPECT_EQ(again, 10);
}

// Python's multiprocessing forks: the threads of the parent are not there.
TEST(ParallelFor, AForkedProcessGoesOnAlone) {
  parallel_for(100, [](int64_t) {});
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    std::atomic<int> calls = 0;
    parallel_for(100, [&](int64_t) { ++calls; });
    _exit(calls == 100 ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

// Helpers hold on to the body, which is gone where an exception leaves the loop.
TEST(ParallelFor, GoesOnAloneWhereHelpersCannotBeCalled) {
  parallel_for(2, [](int64_t) {});  // the threads are there
  for (int k = 2; k < 8; ++k) {     // the first one is the loop itself
    std::vector<std::atomic<int>> calls(100);
    const std::function<void(int64_t)> body = [&](int64_t i) { ++calls[static_cast<size_t>(i)]; };
    test::fail_allocation(k, test::On::this_thread);
    EXPECT_NO_THROW(parallel_for(100, body)) << k;
    test::end_of_failures();
    for (const auto& count : calls) EXPECT_EQ(count, 1);
  }
}

}  // namespace
}  // namespace eightbit
