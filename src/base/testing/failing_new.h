// A test program whose allocations fail where a test says so. Defines operator new: for one file of
// a program.
#pragma once

#include <atomic>
#include <cstdlib>
#include <new>

namespace eightbit::test {

enum class On { this_thread, other_threads };

inline std::atomic<int> g_left = 0;  // until one fails, that included
inline std::atomic<On> g_on = On::this_thread;
inline thread_local bool g_is_this_thread = false;

// The k-th allocation from now on fails, of those on the thread that calls this, or on others.
inline void fail_allocation(int k, On on) {
  g_is_this_thread = true;
  g_on = on;
  g_left = k;
}
// None fails from now on. Whether one has failed.
inline bool end_of_failures() { return g_left.exchange(0) <= 0; }

inline bool fails_now() {
  if (g_left.load() <= 0 || g_is_this_thread != (g_on == On::this_thread)) return false;
  return --g_left == 0;
}

}  // namespace eightbit::test

// All forms: sanitizers bring those that are left out, and miss them where memory is given back.
void* operator new(std::size_t size) {
  void* memory = eightbit::test::fails_now() ? nullptr : std::malloc(size > 0 ? size : 1);
  if (!memory) throw std::bad_alloc();
  return memory;
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return eightbit::test::fails_now() ? nullptr : std::malloc(size > 0 ? size : 1);
}
void* operator new[](std::size_t size) { return operator new(size); }
void* operator new[](std::size_t size, const std::nothrow_t& none) noexcept {
  return operator new(size, none);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
