// Metrics over the outputs of models: see Metric in eightbit/accuracy_control.h.
#pragma once

#include <eightbit/accuracy_control.h>
#include <eightbit/tensor.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace eightbit::accuracy {

using Outputs = std::vector<std::vector<Tensor>>;  // of each sample

// What is right: one of them is filled in, or neither.
struct Truth {
  std::vector<int64_t> classes;
  std::vector<std::string> texts;
  // of classes 1, 2, ...; empty: texts are compared class by class
  std::vector<std::string> alphabet;
};

// What the float model's outputs take for right.
Truth truth_from(Metric metric, const Outputs& outputs);

// One value an item, higher is better; their mean is the metric. `reference`: the float model's
// outputs. Throws InvalidArgument where outputs do not suit the metric or there are not as many
// labels as items.
std::vector<double> item_values(Metric metric, const Outputs& outputs, const Truth& truth,
                                const Outputs& reference);

// Greedy CTC over scores [..., time, class] of one sample; each class as a word of `alphabet`, or
// as its number where that is empty.
std::string read_greedily(const Tensor& scores, const std::vector<std::string>& alphabet);

}  // namespace eightbit::accuracy
