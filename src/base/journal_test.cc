#include "base/journal.h"

#include <eightbit/error.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/scratch_folder.h"
#include "base/whole_file.h"

namespace eightbit {
namespace {

using Json = Journal::Json;

class JournalTest : public testing::Test {
 protected:
  Journal opened(const Json& about = "this run") { return {path_, about}; }
  std::string bytes() const { return read_whole_file(path_); }
  void write(std::string_view bytes) {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << bytes;
  }

  ScratchFolder folder_;
  std::filesystem::path path_ = folder_.path() / "run.steps";
};

TEST_F(JournalTest, WithoutAFileEverythingIsWorkedOut) {
  Journal none;
  int worked = 0;
  for (int i = 0; i < 2; ++i) none.remembered("key", [&] { return Json(++worked); });
  EXPECT_EQ(worked, 2);
}

TEST_F(JournalTest, ALaterRunFindsWhatAnEarlierOneFound) {
  opened().remembered("a", [] { return Json{{"db", 21.25}, {"name", "x"}}; });
  const Json found = opened().remembered("a", []() -> Json { throw std::logic_error("again"); });
  EXPECT_EQ(found.at("db"), 21.25);
}

TEST_F(JournalTest, AnotherModelIsRefused) {
  opened("a").add("key", 1);
  EXPECT_THROW(opened("b"), InvalidArgument);
  Journal journal = opened("a");
  journal.require("statistics", "1");
  EXPECT_THROW(opened("a").require("statistics", "2"), InvalidArgument);
}

TEST_F(JournalTest, AnotherFileIsRefusedAndLeftAlone) {
  write("something else altogether");
  EXPECT_THROW(opened(), InvalidArgument);
  EXPECT_EQ(bytes(), "something else altogether");
}

TEST_F(JournalTest, CutOffAnywhereItHoldsWhatWasWholeAndGoesOn) {
  Journal journal = opened();
  journal.add("first", 1);
  const size_t one = bytes().size();
  journal.add("second", 2);
  const std::string whole = bytes();
  for (size_t size = 0; size <= whole.size(); ++size) {
    write(std::string_view(whole).substr(0, size));
    Journal cut = opened();
    EXPECT_EQ(cut.find("first").has_value(), size >= one) << size;
    EXPECT_EQ(cut.find("second").has_value(), size == whole.size()) << size;
    cut.add("third", 3);
    EXPECT_EQ(opened().find("third"), Json(3)) << size;
  }
}

TEST_F(JournalTest, AByteThatChangedEndsIt) {
  opened().add("first", "some text");
  std::string damaged = bytes();
  damaged[damaged.size() - 3] ^= 1;
  write(damaged);
  EXPECT_FALSE(opened().find("first"));
}

}  // namespace
}  // namespace eightbit
