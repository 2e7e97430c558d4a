// Preloaded into a program: the k-th allocation by code of ours fails (FAIL_AT=k). At its end the
// program tells how many there were in the file COUNT_TO.
//
// Counted is `operator new` where it is called from a library or program whose file has "eightbit"
// in its name, from main() on: what runtimes do when they run out of memory is theirs, and so is
// what libraries do before. With FAIL_LATER only once begin_to_fail() is called: nanobind aborts
// where memory runs out while it makes a module or its table of objects grows.
#include <dlfcn.h>
#include <link.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

namespace {

struct Range {
  uintptr_t begin, end;
};
constexpr int kMost = 64;
Range g_ranges[kMost];
std::atomic<int> g_ranges_count{0};
std::atomic<int> g_objects{0};
std::atomic<int64_t> g_count{0};
std::atomic<bool> g_begun{false};
std::atomic_flag g_looking = ATOMIC_FLAG_INIT;

int64_t fail_at() {
  static const char* text = std::getenv("FAIL_AT");
  return text ? std::atoll(text) : 0;
}

int take(dl_phdr_info* info, size_t, void* number) {
  const int index = (*static_cast<int*>(number))++;
  if (index < g_objects) return 0;
  g_objects = index + 1;
  const char* slash = std::strrchr(info->dlpi_name, '/');
  // the program itself has no name here; it is ours where it was started by its name
  const bool ours = index == 0 ? std::strstr(program_invocation_short_name, "eightbit") != nullptr
                               : slash && std::strstr(slash, "eightbit") != nullptr;
  for (int i = 0; ours && i < info->dlpi_phnum; ++i) {
    const auto& header = info->dlpi_phdr[i];
    const int at = g_ranges_count;
    if (header.p_type != PT_LOAD || !(header.p_flags & PF_X) || at == kMost) continue;
    const uintptr_t begin = info->dlpi_addr + header.p_vaddr;
    g_ranges[at] = {begin, begin + header.p_memsz};
    g_ranges_count = at + 1;
  }
  return 0;
}

// Libraries that were opened since the last look are found now and then.
bool is_ours(uintptr_t caller) {
  static std::atomic<uint32_t> calls{0};
  if (calls++ % 1024 == 0 && !g_looking.test_and_set()) {
    int number = 0;
    dl_iterate_phdr(take, &number);
    g_looking.clear();
  }
  for (int i = 0; i < g_ranges_count; ++i)
    if (caller >= g_ranges[i].begin && caller < g_ranges[i].end) return true;
  return false;
}

bool fails(void* caller) {
  if (!g_begun || !is_ours(reinterpret_cast<uintptr_t>(caller))) return false;
  return ++g_count == fail_at();
}

void* allocated(size_t size, size_t alignment) {
  if (size == 0) size = 1;
  if (alignment <= alignof(std::max_align_t)) return std::malloc(size);
  return std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}

void* thrown(size_t size, size_t alignment, void* caller) {
  void* memory = fails(caller) ? nullptr : allocated(size, alignment);
  if (!memory) throw std::bad_alloc();
  return memory;
}

struct AtEnd {
  ~AtEnd() {
    const char* path = std::getenv("COUNT_TO");
    if (std::FILE* file = path ? std::fopen(path, "w") : nullptr) {
      std::fprintf(file, "%lld\n", static_cast<long long>(g_count));
      std::fclose(file);
    }
  }
} g_at_end;

}  // namespace

using Main = int (*)(int, char**, char**);

namespace {

Main g_main = nullptr;

// What is static in the program is made before, by what calls this.
int counted_main(int argc, char** argv, char** environment) {
  g_begun = std::getenv("FAIL_LATER") == nullptr;
  return g_main(argc, argv, environment);
}

}  // namespace

extern "C" void begin_to_fail() { g_begun = true; }

extern "C" int __libc_start_main(Main main, int argc, char** argv, void (*init)(), void (*fini)(),
                                 void (*end)(), void* stack) {
  const auto next =
      reinterpret_cast<decltype(&__libc_start_main)>(dlsym(RTLD_NEXT, "__libc_start_main"));
  g_main = main;
  return next(counted_main, argc, argv, init, fini, end, stack);
}

#define CALLER __builtin_return_address(0)

void* operator new(size_t size) { return thrown(size, 0, CALLER); }
void* operator new[](size_t size) { return thrown(size, 0, CALLER); }
void* operator new(size_t size, std::align_val_t to) {
  return thrown(size, static_cast<size_t>(to), CALLER);
}
void* operator new[](size_t size, std::align_val_t to) {
  return thrown(size, static_cast<size_t>(to), CALLER);
}
void* operator new(size_t size, const std::nothrow_t&) noexcept {
  return fails(CALLER) ? nullptr : allocated(size, 0);
}
void* operator new[](size_t size, const std::nothrow_t&) noexcept {
  return fails(CALLER) ? nullptr : allocated(size, 0);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }
