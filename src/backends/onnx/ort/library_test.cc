#include "backends/onnx/ort/library.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

namespace eightbit::onnx {
namespace {

TEST(Library, IsTheSharedObjectInThePackage) {
  const auto packages = std::filesystem::path(testing::TempDir()) / "packages";
  const auto folder = packages / "onnxruntime" / "capi";
  std::filesystem::create_directories(folder);
  for (const char* name : {"libonnxruntime_providers_shared.so", "libonnxruntime.so.1.99.0"})
    std::ofstream(folder / name) << "x";
  EXPECT_EQ(library_in_package(packages), folder / "libonnxruntime.so.1.99.0");
  EXPECT_TRUE(library_in_package(packages / "onnxruntime").empty());
}

TEST(Library, TheVariableDecidesAlone) {
  setenv("EIGHTBIT_ONNXRUNTIME", "/somewhere/libonnxruntime.so", 1);
  EXPECT_EQ(library_candidates(),
            std::vector<std::filesystem::path>{"/somewhere/libonnxruntime.so"});
  unsetenv("EIGHTBIT_ONNXRUNTIME");
  EXPECT_GT(library_candidates().size(), 1u) << "the system's loader at least";
}

}  // namespace
}  // namespace eightbit::onnx
