#include "pipeline/trial/model_so_far.h"

#include <eightbit/log.h>
#include <gtest/gtest.h>

#include <string>

#include "pipeline/test_framework.h"

namespace eightbit {
namespace {

// What becomes of files, and what a crash says, is in tests/python/test_best_model.py: it takes a
// runtime.
TEST(ModelSoFar, IsNoFileWhereTheFrameworkHasNone) {
  std::string said;
  set_log_sink([&](LogLevel level, std::string_view text) {
    if (level == LogLevel::warning) said += text;
  });
  const Model model = test::chain_model(test::layers_of({4, 4}));
  for (const std::filesystem::path asked : {"", "best.chain"}) {
    ModelSoFar so_far(model, asked);
    so_far.save(model);
    so_far.leave();
    EXPECT_FALSE(std::filesystem::exists("best.chain"));
  }
  set_log_sink({});
  EXPECT_EQ(said, "");
}

}  // namespace
}  // namespace eightbit
