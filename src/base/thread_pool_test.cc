#include "base/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>

namespace eightbit {
namespace {

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

}  // namespace
}  // namespace eightbit
