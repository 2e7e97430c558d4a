#include "analysis/float_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "backends/binding.h"

namespace eightbit {
namespace {

bool same(const Tensor& a, const Tensor& b) {
  return a.shape == b.shape && a.byte_size() == b.byte_size() &&
         std::memcmp(a.data, b.data, a.byte_size()) == 0;
}

bool is_one_number(const Tensor& tensor) {
  const std::vector<float> values = to_floats(tensor);
  return values.size() > 1 && std::ranges::all_of(values, [&](float x) { return x == values[0]; });
}

template <typename Holds>
int64_t count_samples(const Outputs& outputs, size_t port, Holds&& holds) {
  return std::ranges::count_if(
      outputs, [&](const std::vector<Tensor>& sample) { return holds(sample[port]); });
}

void check_output(const std::string& name, const Outputs& outputs, size_t port, FloatCheck& check) {
  const auto all = static_cast<int64_t>(outputs.size());
  if (const auto bad =
          count_samples(outputs, port, [](const Tensor& t) { return !backends::all_finite(t); }))
    check.problems.push_back(
        fmt::format("output '{}' holds NaN or infinity in {} of {} samples", name, bad, all));
  else if (const auto flat = count_samples(outputs, port, is_one_number))
    check.problems.push_back(fmt::format(
        "output '{}' is one and the same number everywhere in {} of {} samples", name, flat, all));
  const auto as_first =
      count_samples(outputs, port, [&](const Tensor& t) { return same(t, outputs[0][port]); });
  if (all > 1 && as_first == all)
    check.problems.push_back(fmt::format(
        "output '{}' is the same for all {} samples: it does not depend on the input, or the "
        "loader gives one sample again and again",
        name, all));
}

int64_t largest(const Tensor& tensor) {
  const std::vector<float> values = to_floats(tensor);
  return std::ranges::max_element(values) - values.begin();
}

bool has_one_vector(const std::vector<Tensor>& outputs) {
  return outputs.size() == 1 && is_float(outputs[0].dtype) && element_count(outputs[0].shape) > 1;
}

}  // namespace

FloatCheck check_float_model(const std::vector<PortInfo>& ports, const Outputs& outputs) {
  FloatCheck check{static_cast<int64_t>(outputs.size()), {}};
  for (size_t port = 0; port < ports.size() && !outputs.empty(); ++port)
    if (is_float(outputs[0].at(port).dtype)) check_output(ports[port].name, outputs, port, check);
  return check;
}

std::optional<double> agreement_of(const Outputs& reference, const Outputs& quantized) {
  if (reference.empty() || reference.size() != quantized.size()) return std::nullopt;
  double agree = 0;
  for (size_t i = 0; i < reference.size(); ++i) {
    if (!has_one_vector(reference[i]) || !has_one_vector(quantized[i])) return std::nullopt;
    agree += largest(reference[i][0]) == largest(quantized[i][0]);
  }
  return agree / static_cast<double>(reference.size());
}

}  // namespace eightbit
