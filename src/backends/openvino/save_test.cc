#include "backends/openvino/save.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "backends/network.h"
#include "backends/openvino/core.h"
#include "backends/openvino/test_models.h"

namespace eightbit::openvino {
namespace {

using namespace test;
namespace fs = std::filesystem;

class Save : public testing::Test {
 protected:
  Save() {
    std::string name = (fs::temp_directory_path() / "eightbit_save_XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~Save() override { fs::remove_all(folder_); }

  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_))
      names.push_back(entry.path().filename().string());
    std::ranges::sort(names);
    return names;
  }

  fs::path folder_;
};

template <typename E>
std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const E& error) {
    return error.what();
  } catch (const std::exception& error) {
    return std::string("another error: ") + error.what();
  }
  return "no error";
}

// w: `value` in every place, large enough for several file blocks.
std::shared_ptr<ov::Model> large_model(float value) {
  const auto input = parameter("input", {1, 256});
  const auto w = constant("w", {512, 256}, std::vector<float>(512 * 256, value));
  auto values = w->cast_vector<float>();
  for (size_t i = 0; i < values.size(); ++i) values[i] += static_cast<float>(i) * 1e-6f;
  return model_of(
      {named(std::make_shared<op::MatMul>(input, constant("w", {512, 256}, values), false, true),
             "mm")},
      {input});
}

float first_weight(const fs::path& path) {
  const auto model = read_file(path);
  return ov::as_type_ptr<op::Constant>(find(*model, "mm")->get_input_node_shared_ptr(1))
      ->cast_vector<float>()[0];
}

TEST_F(Save, WritesAPairThatReadsBackTheSame) {
  const auto model = read(conv_model());
  model->save(folder_ / "m.xml", false);
  EXPECT_EQ(files(), (std::vector<std::string>{"m.bin", "m.xml"}));
  const OpenVinoModel again(read_file(folder_ / "m.xml"));
  const Sample sample = sample_of(*model);
  EXPECT_EQ(run(again, sample), run(*model, sample));
  EXPECT_EQ(again.inputs()[0].name, "input");
}

TEST_F(Save, KeepsQuantizedWeightsAndMetadata) {
  const auto model = read(conv_model());
  Plan plan;
  plan.quantizers.push_back(weight_quantizer(model->graph(), "conv", 1, {0}, 4));
  model->apply(plan, {{"preset", "mixed"}})->save(folder_ / "q.xml", false);
  const auto again = read_file(folder_ / "q.xml");
  EXPECT_EQ(again->get_rt_info<std::string>("eightbit", "quantization", "preset"), "mixed");
  EXPECT_EQ(find(*again, "conv/fq_weights_1/compressed")->get_output_element_type(0),
            ov::element::i8);
}

TEST_F(Save, RefusesToOverwriteUnlessAsked) {
  large_model(1);
  save_model(*large_model(1), folder_ / "m.xml", false);
  EXPECT_THAT(message_of<FileError>([&] { save_model(*large_model(2), folder_ / "m.xml", false); }),
              testing::HasSubstr("exists already"));
  EXPECT_EQ(first_weight(folder_ / "m.xml"), 1.0f);
  save_model(*large_model(2), folder_ / "m.xml", true);
  EXPECT_EQ(first_weight(folder_ / "m.xml"), 2.0f);
  EXPECT_EQ(files(), (std::vector<std::string>{"m.bin", "m.xml"}));
}

TEST_F(Save, AModelCanReplaceTheFileItWasReadFrom) {
  save_model(*large_model(1), folder_ / "m.xml", false);
  const auto model = read_file(folder_ / "m.xml");
  save_model(*model, folder_ / "m.xml", true);
  EXPECT_EQ(first_weight(folder_ / "m.xml"), 1.0f);
}

TEST_F(Save, ExplainsBadTargets) {
  const auto model = conv_model();
  const auto text = [&](const fs::path& path) {
    return message_of<Error>([&] { save_model(*model, path, false); });
  };
  EXPECT_THROW(save_model(*model, folder_ / "m.onnx", false), Unsupported);
  EXPECT_THAT(text(folder_ / "m.onnx"), testing::HasSubstr(".xml"));
  EXPECT_THROW(save_model(*model, folder_ / "m.txt", false), InvalidArgument);
  EXPECT_THROW(save_model(*model, folder_ / "no" / "m.xml", false), FileError);
  EXPECT_THAT(text(folder_ / "no" / "m.xml"), testing::HasSubstr("does not exist"));
  EXPECT_TRUE(files().empty());
}

// In a child process with a limit on file sizes, which acts as a disk that fills up after `limit`
// bytes.
int save_with_limit(const fs::path& path, rlim_t limit) {
  const pid_t child = fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit sizes{limit, limit};
    setrlimit(RLIMIT_FSIZE, &sizes);
    const std::string text =
        message_of<FileError>([&] { save_model(*large_model(2), path, true); });
    const bool good =
        text.find("bytes are needed") != std::string::npos && text.find(path) != std::string::npos;
    _exit(good ? 0 : text == "no error" ? 2 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_F(Save, AFullDiskLeavesTheOldModelAndNothingElse) {
  save_model(*large_model(1), folder_ / "m.xml", false);
  for (const rlim_t limit : {0, 1, 500, 1500, 4096, 100000, 524287}) {
    EXPECT_EQ(save_with_limit(folder_ / "m.xml", limit), 0) << limit;
    EXPECT_EQ(files(), (std::vector<std::string>{"m.bin", "m.xml"})) << limit;
    EXPECT_EQ(first_weight(folder_ / "m.xml"), 1.0f) << limit;
  }
  EXPECT_EQ(save_with_limit(folder_ / "m.xml", 1 << 20), 2) << "enough room";
  EXPECT_EQ(first_weight(folder_ / "m.xml"), 2.0f);
}

// A model whose xml and bin belong together holds one value in the name of its input and in its
// weight.
TEST_F(Save, KilledAtAnyMomentItLeavesNoWrongPair) {
  const auto path = folder_ / "m.xml";
  save_model(*large_model(1), path, false);
  for (int round = 0; round < 25; ++round) {
    const pid_t child = fork();
    if (child == 0) {
      for (int i = 0;; ++i) {
        const auto model = large_model(static_cast<float>(i % 2 + 1));
        model->set_rt_info(std::to_string(i % 2 + 1), "weight");
        save_model(*model, path, true);
      }
    }
    usleep(static_cast<useconds_t>(15000 + 3100 * round));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    if (!fs::exists(path)) continue;
    const auto model = read_file(path);
    const std::string weight =
        model->has_rt_info("weight") ? model->get_rt_info<std::string>("weight") : "1";
    EXPECT_EQ(first_weight(path), std::stof(weight)) << "round " << round;
  }
}

TEST(ReadFile, ExplainsWhatIsWrong) {
  const auto text = [](const fs::path& path) {
    return message_of<Error>([&] { backends::read(path); });
  };
  const fs::path folder = fs::temp_directory_path() / ("eightbit_read_" + std::to_string(getpid()));
  fs::create_directory(folder);
  EXPECT_THAT(text(folder / "no.xml"), testing::HasSubstr("does not exist"));
  EXPECT_THAT(text(folder / "no.pt"), testing::HasSubstr("Allowed are"));
  std::ofstream(folder / "empty.onnx");
  EXPECT_THAT(text(folder / "empty.onnx"), testing::HasSubstr("is empty"));
  std::ofstream(folder / "broken.onnx") << "this is not a model";
  std::ofstream(folder / "broken.xml") << "<net><layers></net>";
  std::ofstream(folder / "broken.bin") << "x";
  EXPECT_THROW(backends::read(folder / "broken.onnx"), ModelError);
  EXPECT_THROW(backends::read(folder / "broken.xml"), ModelError);
  EXPECT_THAT(text(folder / "broken.xml"), testing::Not(testing::HasSubstr("Exception from")));
  testing::internal::CaptureStderr();
  text(folder / "broken.onnx");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  save_model(*conv_model(), folder / "m.xml", false);
  fs::remove(folder / "m.bin");
  EXPECT_THAT(text(folder / "m.xml"), testing::HasSubstr("m.bin"));
  EXPECT_THROW(backends::read(folder / "m.xml"), FileError);
  fs::remove_all(folder);
}

}  // namespace
}  // namespace eightbit::openvino
