#include "base/python_packages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "base/scratch_folder.h"

namespace eightbit {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(PythonPackages, ThoseOfTheActiveEnvironmentAreFound) {
  const ScratchFolder scratch;
  const auto packages = scratch.path() / "lib" / "python3.11" / "site-packages";
  std::filesystem::create_directories(packages);
  setenv("VIRTUAL_ENV", scratch.path().c_str(), 1);
  EXPECT_THAT(python_packages(), Contains(packages));
  unsetenv("VIRTUAL_ENV");
  EXPECT_THAT(python_packages(), testing::Not(Contains(packages)));
}

TEST(PythonPackages, EntriesComeByName) {
  const ScratchFolder scratch;
  for (const char* name : {"b", "a", "c"}) std::ofstream(scratch.path() / name) << name;
  EXPECT_THAT(sorted_entries(scratch.path()),
              ElementsAre(scratch.path() / "a", scratch.path() / "b", scratch.path() / "c"));
  EXPECT_THAT(sorted_entries(scratch.path() / "none"), IsEmpty());
}

}  // namespace
}  // namespace eightbit
