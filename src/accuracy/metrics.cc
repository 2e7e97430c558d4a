#include "accuracy/metrics.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"

namespace eightbit::accuracy {
namespace {

const Tensor& first_output(const std::vector<Tensor>& outputs) {
  if (outputs.empty() || outputs[0].shape.empty() || outputs[0].shape.back() < 1)
    fail<InvalidArgument>("metric",
                          "the model's first output has no axis of classes. Choose mse or cosine.");
  return outputs[0];
}

// Rows of scores of one sample: one an item where the first axes hold a batch.
struct Scores {
  std::vector<float> values;
  size_t classes = 0;
  size_t rows() const { return values.size() / classes; }
  std::span<const float> row(size_t i) const {
    return std::span(values).subspan(i * classes, classes);
  }
};

Scores scores_of(const Tensor& tensor) {
  return {to_floats(tensor), static_cast<size_t>(tensor.shape.back())};
}

int64_t best_class(std::span<const float> row) {
  return std::ranges::max_element(row) - row.begin();
}

int64_t rank_of(std::span<const float> row, int64_t label) {
  if (label < 0 || label >= static_cast<int64_t>(row.size()))
    fail<InvalidArgument>("metric",
                          "a label is {}, and the model has {} classes. Labels count from 0.",
                          label, row.size());
  const float score = row[static_cast<size_t>(label)];
  int64_t rank = 0;
  for (size_t i = 0; i < row.size(); ++i)
    rank += row[i] > score || (row[i] == score && static_cast<int64_t>(i) < label);
  return rank;
}

std::string without_spaces(std::string text) {
  std::erase(text, ' ');
  return text;
}

double mean_squared_difference(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  double sum = 0;
  size_t count = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const auto x = to_floats(a[i]), y = to_floats(b[i]);
    for (size_t k = 0; k < x.size(); ++k) sum += std::pow(static_cast<double>(x[k]) - y[k], 2);
    count += x.size();
  }
  return count ? sum / static_cast<double>(count) : 0;
}

double cosine(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  double dot = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const auto x = to_floats(a[i]), y = to_floats(b[i]);
    for (size_t k = 0; k < x.size(); ++k) {
      dot += static_cast<double>(x[k]) * y[k];
      aa += static_cast<double>(x[k]) * x[k];
      bb += static_cast<double>(y[k]) * y[k];
    }
  }
  if (aa == 0 || bb == 0) return aa == bb ? 1 : 0;
  return dot / std::sqrt(aa * bb);
}

void check_same_form(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  if (!std::ranges::equal(a, b, {}, &Tensor::shape, &Tensor::shape))
    fail<InvalidArgument>(
        "metric",
        "the models' outputs differ in shape. mse and cosine compare outputs of the same shapes.");
}

std::vector<double> compared(Metric metric, const Outputs& outputs, const Outputs& reference) {
  std::vector<double> values;
  for (size_t i = 0; i < outputs.size(); ++i) {
    check_same_form(reference[i], outputs[i]);
    values.push_back(metric == Metric::mse ? -mean_squared_difference(reference[i], outputs[i])
                                           : cosine(reference[i], outputs[i]));
  }
  return values;
}

void check_count(size_t labels, size_t items) {
  if (labels < items)
    fail<InvalidArgument>(
        "metric", "there are {} labels for {} samples. Give one label a sample, in their order.",
        labels, items);
}

std::vector<double> texts_read(const Outputs& outputs, const Truth& truth) {
  check_count(truth.texts.size(), outputs.size());
  std::vector<double> values;
  for (size_t i = 0; i < outputs.size(); ++i)
    values.push_back(without_spaces(read_greedily(first_output(outputs[i]), truth.alphabet)) ==
                     without_spaces(truth.texts[i]));
  return values;
}

std::vector<double> classes_found(const Outputs& outputs, const Truth& truth, int64_t among) {
  std::vector<double> values;
  for (const auto& of_sample : outputs) {
    const Scores scores = scores_of(first_output(of_sample));
    for (size_t row = 0; row < scores.rows(); ++row) {
      check_count(truth.classes.size(), values.size() + 1);
      values.push_back(rank_of(scores.row(row), truth.classes[values.size()]) < among);
    }
  }
  return values;
}

}  // namespace

std::string read_greedily(const Tensor& tensor, const std::vector<std::string>& alphabet) {
  const Scores scores = scores_of(tensor);
  std::string text;
  int64_t before = -1;
  for (size_t step = 0; step < scores.rows(); ++step) {
    const int64_t best = best_class(scores.row(step));
    if (best != before && best != 0) {
      if (alphabet.empty())
        text += std::to_string(best) + '/';
      else if (static_cast<size_t>(best) <= alphabet.size())
        text += alphabet[static_cast<size_t>(best) - 1];
    }
    before = best;
  }
  return text;
}

Truth truth_from(Metric metric, const Outputs& outputs) {
  Truth truth;
  for (const auto& of_sample : outputs) {
    if (metric == Metric::exact_text)
      truth.texts.push_back(read_greedily(first_output(of_sample), {}));
    if (metric != Metric::top1 && metric != Metric::top5) continue;
    const Scores scores = scores_of(first_output(of_sample));
    for (size_t row = 0; row < scores.rows(); ++row)
      truth.classes.push_back(best_class(scores.row(row)));
  }
  return truth;
}

std::vector<double> item_values(Metric metric, const Outputs& outputs, const Truth& truth,
                                const Outputs& reference) {
  switch (metric) {
    case Metric::top1:
      return classes_found(outputs, truth, 1);
    case Metric::top5:
      return classes_found(outputs, truth, 5);
    case Metric::exact_text:
      return texts_read(outputs, truth);
    case Metric::mse:
    case Metric::cosine:
      break;
  }
  return compared(metric, outputs, reference);
}

}  // namespace eightbit::accuracy
