#include "base/freed_memory.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#include <malloc.h>

namespace eightbit {
namespace {

constexpr size_t kMega = 1 << 20;

using Block = std::unique_ptr<void, decltype(&std::free)>;
Block block(size_t bytes) {
  void* volatile memory = std::malloc(bytes);  // which is not optimized away
  return {memory, &std::free};
}

// Blocks that the system gave, each by itself.
size_t mapped() { return ::mallinfo2().hblks; }

TEST(FreedMemory, LargeBlocksAreKeptUntilTheyMayNotBe) {
  block(8 * kMega).reset();  // after which such a size is none that goes back
  const size_t before = mapped();
  Block kept = block(4 * kMega);
  EXPECT_EQ(mapped(), before);
  kept.reset();
  keep_no_large_blocks();
  const Block large = block(4 * kMega), small = block(1000);
  EXPECT_EQ(mapped(), before + 1);
}

}  // namespace
}  // namespace eightbit
#endif
