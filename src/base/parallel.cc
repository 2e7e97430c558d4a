#include "base/parallel.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>

#include "base/thread_pool.h"

namespace eightbit {
namespace {

// The caller works on its loop itself, and threads of the pool help while they have nothing else to
// do. So loops within loops cannot wait for each other, and a process that was forked, which has
// no such threads, goes on alone.
class Loop {
 public:
  Loop(int64_t count, const std::function<void(int64_t)>& body) : count_(count), body_(body) {}

  void help() {
    {
      std::lock_guard lock(mutex_);
      if (closed_) return;  // the body is gone
      ++helpers_;
    }
    work();
    {
      std::lock_guard lock(mutex_);
      --helpers_;
    }
    left_.notify_all();
  }

  void finish() {
    work();
    std::unique_lock lock(mutex_);
    closed_ = true;
    left_.wait(lock, [this] { return helpers_ == 0; });
    if (error_) std::rethrow_exception(error_);
  }

 private:
  void work() {
    for (int64_t i; (i = next_.fetch_add(1)) < count_;) try {
        body_(i);
      } catch (...) {
        next_ = count_;
        std::lock_guard lock(mutex_);
        if (!error_) error_ = std::current_exception();
      }
  }

  const int64_t count_;
  const std::function<void(int64_t)>& body_;
  std::atomic<int64_t> next_ = 0;
  std::mutex mutex_;
  std::condition_variable left_;
  int helpers_ = 0;
  bool closed_ = false;
  std::exception_ptr error_;
};

int64_t helper_count() {
  static const int64_t count = std::max(1u, std::thread::hardware_concurrency()) - 1;
  return count;
}

// Never destroyed: at the end of a process a loop may still run.
ThreadPool& helpers() {
  static auto* pool = new ThreadPool(static_cast<int>(helper_count()));
  return *pool;
}

}  // namespace

void parallel_for(int64_t count, const std::function<void(int64_t)>& body) {
  const auto loop = std::make_shared<Loop>(count, body);
  try {
    for (int64_t i = 0; i < std::min(count - 1, helper_count()); ++i)
      helpers().submit([loop] { loop->help(); });
  } catch (const std::exception&) {  // no memory, or no threads: those that came help
  }
  loop->finish();
}

}  // namespace eightbit
