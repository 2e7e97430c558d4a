// Validation functions for data from files, and by a program of the user's.
#include <eightbit/accuracy_control.h>

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <numeric>

#include "accuracy/metrics.h"
#include "backends/network.h"
#include "base/error.h"
#include "base/scratch_folder.h"
#include "data/labels.h"

namespace eightbit {
namespace {

class DataValidation {
 public:
  DataValidation(Dataset data, MetricOptions options)
      : data_(std::move(data)), options_(std::move(options)) {
    if (options_.labels.empty()) return;
    const bool texts = options_.metric == Metric::exact_text;
    if (!texts && options_.metric != Metric::top1 && options_.metric != Metric::top5)
      fail<InvalidArgument>(
          "metric",
          "labels have no effect on {}, which compares with the float model. Leave them out.",
          to_string(options_.metric));
    if (texts && options_.alphabet.empty())
      fail<InvalidArgument>("metric",
                            "texts are given, but no alphabet to read them with. Give a file with "
                            "a line for each class.");
    truth_.emplace();
    if (texts) {
      truth_->texts = read_text_labels(options_.labels, options_.labels_array);
      truth_->alphabet = read_lines(options_.alphabet);
    } else {
      truth_->classes = read_class_labels(options_.labels, options_.labels_array);
    }
  }

  Evaluation operator()(const Model& model) {
    accuracy::Outputs outputs = infer(model);
    if (outputs.empty())
      fail<DataError>("metric", "the validation data gave no samples. Check that it is not empty.");
    if (!truth_) truth_ = accuracy::truth_from(options_.metric, outputs);
    const bool compares = options_.metric == Metric::mse || options_.metric == Metric::cosine;
    if (compares && reference_.empty()) reference_ = outputs;
    Evaluation found;
    found.per_item = accuracy::item_values(options_.metric, outputs, *truth_, reference_);
    found.metric = std::reduce(found.per_item.begin(), found.per_item.end()) /
                   static_cast<double>(found.per_item.size());
    return found;
  }

 private:
  accuracy::Outputs infer(const Model& model) const {
    const auto source = data_.open();
    int64_t count = 0;
    return model.impl().infer([&]() -> std::optional<Sample> {
      if (options_.subset_size > 0 && count++ == options_.subset_size) return std::nullopt;
      return source->next();
    });
  }

  Dataset data_;
  MetricOptions options_;
  std::optional<accuracy::Truth> truth_;
  accuracy::Outputs reference_;
};

std::string quoted(const std::string& text) {
  std::string out = "'";
  for (char c : text) out += c == '\'' ? "'\\''" : std::string(1, c);
  return out + "'";
}

// What it printed on stdout. Its stderr goes where ours goes.
std::string output_of(const std::string& command) {
  FILE* pipe = ::popen(command.c_str(), "r");
  if (!pipe)
    fail<InvalidArgument>("metric", "'{}' could not be started. Check that a shell is there.",
                          command);
  std::string text;
  std::array<char, 4096> buffer;
  while (const size_t count = std::fread(buffer.data(), 1, buffer.size(), pipe))
    text.append(buffer.data(), count);
  const int status = ::pclose(pipe);
  if (status != 0)
    fail<InvalidArgument>(
        "metric",
        "'{}' ended with status {}. It must end with 0 and print the metric in its last line.",
        command, status > 255 ? status >> 8 : status);
  return text;
}

double last_number(const std::string& text, const std::string& command) {
  const size_t end = text.find_last_not_of(" \t\r\n");
  const std::string line = end == std::string::npos ? "" : text.substr(0, end + 1);
  const std::string last = line.substr(line.find_last_of('\n') + 1);
  const std::string word = last.substr(last.find_last_of(" \t") + 1);
  double value = 0;
  const auto [at, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc{} || at != word.data() + word.size())
    fail<InvalidArgument>(
        "metric", "the last line that '{}' printed is '{}'. It must end with the metric, a number.",
        command, last);
  return value;
}

}  // namespace

ValidationFunction validation_on(const Dataset& data, const MetricOptions& options) {
  const auto validation = std::make_shared<DataValidation>(data, options);
  return [validation](const Model& model) { return (*validation)(model); };
}

ValidationFunction validation_by_command(const std::string& command) {
  return [command](const Model& model) {
    const ScratchFolder folder;
    const auto path = folder.path() / fmt::format("model{}", model.impl().file_extension());
    model.save(path);
    const std::string full = command + " " + quoted(path.string());
    return Evaluation{last_number(output_of(full), full), {}, {}};
  };
}

}  // namespace eightbit
