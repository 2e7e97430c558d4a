#include "backends/openvino_part.h"

#include <eightbit/openvino.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace eightbit::openvino {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(OpenVinoPart, ALibraryIsNamedAfterItsRelease) {
  EXPECT_EQ(release_of("libopenvino.so.2641"), "2026.4.1");
  EXPECT_EQ(release_of("libopenvino.so.2500"), "2025.0.0");
  for (const char* other : {"libopenvino.so", "libopenvino.so.26", "libopenvino.so.264x",
                            "libopenvino_c.so.2641", "libopenvino.so.20261"})
    EXPECT_EQ(release_of(other), "") << other;
}

TEST(OpenVinoPart, TheNewestReleaseComesFirst) {
  std::vector<std::string> releases = {"2025.4.1", "2026.10.0", "2026.2.0", "2026.2.1"};
  sort_releases(releases);
  EXPECT_THAT(releases, ElementsAre("2026.10.0", "2026.2.1", "2026.2.0", "2025.4.1"));
}

// This program lies in a folder without parts.
TEST(OpenVinoPart, ABuildWithoutPartsSaysHowToGetThem) {
  try {
    part();
    FAIL();
  } catch (const Unsupported& error) {
    EXPECT_THAT(error.what(), HasSubstr("has no part for OpenVINO"));
    EXPECT_THAT(error.what(), HasSubstr("pip install --no-binary eightbit eightbit"));
  }
}

}  // namespace
}  // namespace eightbit::openvino
