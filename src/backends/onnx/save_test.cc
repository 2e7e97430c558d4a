#include "backends/onnx/save.h"

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <map>

#include "backends/onnx/test_graphs.h"
#include "base/error.h"

namespace eightbit::onnx {
namespace {

namespace fs = std::filesystem;
using test::TestGraph;
using testing::ElementsAre;
using testing::SizeIs;

// bytes of the largest message: weights always go to a file of their own
constexpr uint64_t kInTwo = 1;

std::string text_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_text(const fs::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

// Files above `bytes` are refused while it lives, as on a full disk.
class SizeLimit {
 public:
  explicit SizeLimit(rlim_t bytes) {
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~SizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int) = nullptr;
};

class OnnxSave : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(folder_ / "elsewhere"); }
  void TearDown() override { fs::remove_all(folder_); }

  // Two models that differ in a weight have weights files of different names.
  static std::shared_ptr<const Content> model(float first = 0.5f, size_t notes = 0) {
    std::vector<float> values(64 * 64, 0.25f);
    values[0] = first;
    TestGraph g;
    g.input("x", {1, 64}).output("y", {1, 64}).constant("w", {64, 64}, values);
    g.node("MatMul", {"x", "w"}, "y", "product");
    if (notes > 0) {
      auto& property = *g.model().add_metadata_props();
      property.set_key("notes");
      property.set_value(std::string(notes, 'n'));
    }
    return g.parse();
  }

  fs::path path(const std::string& name = "m.onnx") const { return folder_ / name; }
  // All that is there, by name; what links lead to is named instead of read.
  std::map<std::string, std::string> listing() const {
    std::map<std::string, std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(folder_))
      if (entry.is_symlink())
        found[entry.path().filename()] = "-> " + fs::read_symlink(entry.path()).string();
      else if (entry.is_regular_file())
        found[entry.path().filename()] = text_of(entry.path());
    return found;
  }
  // The name that the weights of a model get.
  std::string weights_name(const Content& content) const {
    save_model(content, path(), true, kInTwo);
    std::string name;
    for (const auto& [file, text] : listing())
      if (file.ends_with(".data")) name = file;
    fs::remove(path());
    fs::remove(path(name));
    return name;
  }
  static float first_weight(const fs::path& path) {
    return read_file(path)->weights.at("w").as<float>()[0];
  }

  fs::path folder_ =
      fs::path(testing::TempDir()) / ("eightbit_save_test_" + std::to_string(::getpid()));
};

TEST_F(OnnxSave, WeightsBesideTheModelAreReadBack) {
  save_model(*model(7), path(), false, kInTwo);
  EXPECT_EQ(first_weight(path()), 7);
  EXPECT_THAT(listing(), SizeIs(2));
  EXPECT_LT(fs::file_size(path()), 1000u);
}

TEST_F(OnnxSave, TheLocationIsAPlainNameWhateverThePathIs) {
  fs::create_directory_symlink(path("elsewhere"), path("link"));
  save_model(*model(7), path("elsewhere/../link") / "..m\\n.onnx", false, kInTwo);
  EXPECT_EQ(first_weight(path("elsewhere") / "..m\\n.onnx"), 7);
}

TEST_F(OnnxSave, AnExistingFileIsRefusedUnlessItMayBeOverwritten) {
  const auto saved = model(7);
  const std::string weights = weights_name(*saved);
  for (const std::string& taken : {std::string("m.onnx"), weights}) {
    write_text(path(taken), "mine");
    const auto before = listing();
    EXPECT_THROW(save_model(*saved, path(), false, kInTwo), FileError) << taken;
    EXPECT_EQ(listing(), before);
    save_model(*saved, path(), true, kInTwo);
    EXPECT_EQ(first_weight(path()), 7);
    EXPECT_THAT(listing(), SizeIs(2));
    fs::remove(path());
    fs::remove(path(weights));
  }
}

TEST_F(OnnxSave, LinksInThePlaceOfAFileAreNotFollowed) {
  const auto saved = model(7);
  const std::string weights = weights_name(*saved);
  const fs::path other = path("elsewhere") / "other";
  for (const std::string& taken : {std::string("m.onnx"), weights})
    for (const bool symbolic : {true, false}) {
      write_text(other, "mine");
      symbolic ? fs::create_symlink(other, path(taken)) : fs::create_hard_link(other, path(taken));
      EXPECT_THROW(save_model(*saved, path(), false, kInTwo), FileError);
      save_model(*saved, path(), true, kInTwo);
      EXPECT_EQ(text_of(other), "mine") << taken << symbolic;
      EXPECT_EQ(first_weight(path()), 7);
      fs::remove(path());
      fs::remove(path(weights));
    }
}

TEST_F(OnnxSave, ALinkToNothingIsAFileThatExists) {
  fs::create_symlink(path("elsewhere") / "none", path());
  EXPECT_THROW(save_model(*model(), path(), false), FileError);
  EXPECT_THAT(listing(), SizeIs(1));
}

TEST_F(OnnxSave, FoldersAndLinksToThemAreRefused) {
  const auto saved = model(7);
  const std::string weights = weights_name(*saved);
  for (const std::string& taken : {std::string("m.onnx"), weights})
    for (const bool symbolic : {true, false}) {
      symbolic ? fs::create_directory_symlink(path("elsewhere"), path(taken))
               : (void)fs::create_directory(path(taken));
      const auto before = listing();
      EXPECT_THROW(save_model(*saved, path(), true, kInTwo), FileError);
      EXPECT_EQ(listing(), before) << taken << symbolic;
      fs::remove(path(taken));
    }
}

TEST_F(OnnxSave, AFullDiskLeavesNothing) {
  const auto saved = model(7, 100'000);  // the message is larger than the weights
  for (const uint64_t largest : {kInTwo, kLargestMessage})
    for (const rlim_t room : {1000, 50'000}) {
      {
        const SizeLimit limit(room);
        EXPECT_THROW(save_model(*saved, path(), false, largest), FileError);
      }
      EXPECT_THAT(listing(), SizeIs(0)) << largest << " " << room;
    }
}

TEST_F(OnnxSave, AFullDiskLeavesTheOldModelWhole) {
  save_model(*model(3), path(), false, kInTwo);
  const auto before = listing();
  for (const rlim_t room : {1000, 50'000}) {
    {
      const SizeLimit limit(room);
      EXPECT_THROW(save_model(*model(7, 100'000), path(), true, kInTwo), FileError);
    }
    EXPECT_EQ(listing(), before) << room;
    EXPECT_EQ(first_weight(path()), 3);
  }
}

TEST_F(OnnxSave, TheSameWeightsStayWhereTheirModelIsNotReplaced) {
  save_model(*model(3), path(), false, kInTwo);
  const auto before = listing();
  const SizeLimit limit(50'000);
  EXPECT_THROW(save_model(*model(3, 100'000), path(), true, kInTwo), FileError);
  EXPECT_EQ(listing(), before);
}

TEST_F(OnnxSave, OverwritingRemovesTheWeightsOfTheOldModelAndNoOthers) {
  save_model(*model(3), path(), false, kInTwo);
  write_text(path("m-n-0123456789abcdef.data"), "another model's");
  write_text(path("m-0123456789abcdeg.data"), "no hash");
  save_model(*model(7), path(), true, kInTwo);
  EXPECT_EQ(first_weight(path()), 7);
  EXPECT_THAT(listing(), SizeIs(4));
}

}  // namespace
}  // namespace eightbit::onnx
