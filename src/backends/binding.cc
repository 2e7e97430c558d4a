#include "backends/binding.h"

#include <eightbit/strings.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/float_tensor.h"
#include "base/nearest.h"

namespace eightbit::backends {
namespace {

// NaN and infinity have all exponent bits set. Blocks keep the loop free of branches, so that it
// vectorizes.
template <typename Bits>
bool exponents_finite(std::span<const Bits> values, Bits mask) {
  constexpr size_t kBlock = 4096;
  for (size_t first = 0; first < values.size(); first += kBlock) {
    const size_t last = std::min(values.size(), first + kBlock);
    unsigned bad = 0;
    for (size_t i = first; i < last; ++i) bad |= static_cast<unsigned>((values[i] & mask) == mask);
    if (bad) return false;
  }
  return true;
}

template <typename From, typename To>
bool convert_integers(const Tensor& from, Tensor& to) {
  const auto source = from.as<From>();
  auto* target = reinterpret_cast<To*>(to.mutable_data());
  bool fits = true;
  for (size_t i = 0; i < source.size(); ++i) {
    fits &= std::in_range<To>(source[i]);
    target[i] = static_cast<To>(source[i]);
  }
  return fits;
}

// Calls f with a value of the C++ type of an integer dtype.
template <typename F>
bool with_integer(DType dtype, F&& f) {
  switch (dtype) {
    case DType::boolean:
    case DType::u8:
      return f(uint8_t{});
    case DType::i8:
      return f(int8_t{});
    case DType::i16:
      return f(int16_t{});
    case DType::u16:
      return f(uint16_t{});
    case DType::i32:
      return f(int32_t{});
    case DType::u32:
      return f(uint32_t{});
    case DType::i64:
      return f(int64_t{});
    case DType::u64:
      return f(uint64_t{});
    default:
      return false;
  }
}

// False when a value does not fit or there is no such conversion.
bool convert_any_integer(const Tensor& from, Tensor& to) {
  return with_integer(from.dtype, [&](auto source) {
    return with_integer(to.dtype, [&](auto target) {
      return convert_integers<decltype(source), decltype(target)>(from, to);
    });
  });
}

// Strings are rows of bytes along one more axis; a tensor that is all zeros may have no type of
// bytes yet.
Shape shape_of(const BoundInput& input, const Tensor& tensor) {
  const bool rows = input.port.dtype == DType::string && tensor.dtype != DType::string;
  return rows && !tensor.shape.empty() ? Shape(tensor.shape.begin(), tensor.shape.end() - 1)
                                       : tensor.shape;
}

bool fits(const BoundInput& input, const Tensor& tensor) {
  return !input.rank_known ||
         std::ranges::equal(input.port.shape, shape_of(input, tensor),
                            [](int64_t a, int64_t b) { return a < 0 || a == b; });
}

void check_strings(const BoundInput& input, const Tensor& tensor, int64_t index) {
  const bool wanted = input.port.dtype == DType::string;
  if (wanted && tensor.dtype != DType::string && !holds_strings(tensor))
    fail<DataError>(
        "data", "sample {}: input '{}' takes strings, the tensor is {}. Pass an array of strings",
        index, input.port.name, to_string(tensor.dtype));
  // Rows of bytes are told from bytes by the axis more that they have.
  if (!wanted && !fits(input, tensor) && tensor.shape.size() == input.port.shape.size() + 1 &&
      holds_strings(tensor))
    fail<DataError>(
        "data",
        "sample {}: input '{}' takes {}, and the sample holds strings. Convert them to numbers",
        index, input.port.name, to_string(input.port.dtype));
}

Tensor convert(const BoundInput& input, const Tensor& tensor, int64_t index) {
  const DType wanted = input.port.dtype;
  if (tensor.dtype == wanted || wanted == DType::string) return tensor;
  if (is_float(wanted) && (is_float(tensor.dtype) || is_integer(tensor.dtype)))
    return float_tensor(wanted, tensor.shape, to_floats(tensor));
  if (is_integer(wanted) && is_integer(tensor.dtype)) {
    Tensor converted = Tensor::allocate(wanted, tensor.shape);
    if (convert_any_integer(tensor, converted)) return converted;
    fail<DataError>(
        "data",
        "sample {}: input '{}' takes {}, and values of the {} tensor do not fit. Convert the data",
        index, input.port.name, to_string(wanted), to_string(tensor.dtype));
  }
  fail<DataError>("data", "sample {}: input '{}' takes {}, the tensor is {}. Convert the data",
                  index, input.port.name, to_string(wanted), to_string(tensor.dtype));
}

}  // namespace

bool leads_with_batch(const std::vector<Shape>& inputs) {
  if (inputs.empty()) return false;
  const Shape& first = inputs.front();
  if (first.size() < 4 && (first.size() < 2 || first[0] >= 0)) return false;
  return std::ranges::all_of(inputs, [&](const Shape& input) {
    return !input.empty() && (input[0] < 0 || input[0] == first[0]);
  });
}

std::vector<Shape> shapes_of(const std::vector<PortInfo>& ports) {
  std::vector<Shape> shapes;
  for (const PortInfo& port : ports) shapes.push_back(port.shape);
  return shapes;
}

bool all_finite(const Tensor& tensor) {
  switch (tensor.dtype) {
    case DType::f32:
      return exponents_finite<uint32_t>(tensor.as<uint32_t>(), 0x7f800000u);
    case DType::f64:
      return exponents_finite<uint64_t>(tensor.as<uint64_t>(), 0x7ff0000000000000u);
    case DType::f16:
      return exponents_finite<uint16_t>(tensor.as<uint16_t>(), 0x7c00u);
    case DType::bf16:
      return exponents_finite<uint16_t>(tensor.as<uint16_t>(), 0x7f80u);
    default:
      return true;
  }
}

Binding::Binding(std::vector<BoundInput> inputs) : inputs_(std::move(inputs)) {
  for (const BoundInput& input : inputs_) all_names_.push_back(input.port.name);
}

size_t Binding::find(const std::string& name, int64_t index) const {
  const auto it = std::ranges::find_if(
      inputs_, [&](const BoundInput& input) { return input.names.contains(name); });
  if (it == inputs_.end())
    fail<DataError>("data", "sample {}: the model has no input '{}'. Its inputs are: {}.{}", index,
                    name, fmt::join(all_names_, ", "), suggestion(name, all_names_));
  return static_cast<size_t>(it - inputs_.begin());
}

std::vector<const Tensor*> Binding::match(const Sample& sample, int64_t index) const {
  std::vector<const Tensor*> tensors(inputs_.size(), nullptr);
  if (sample.inputs.size() != inputs_.size())
    fail<DataError>("data", "sample {} has {} tensors. The model has {} inputs: {}", index,
                    sample.inputs.size(), inputs_.size(), fmt::join(all_names_, ", "));
  for (const auto& input : sample.inputs) {
    if (input.name.empty()) continue;
    const Tensor*& slot = tensors[find(input.name, index)];
    if (slot)
      fail<DataError>("data", "sample {} gives input '{}' twice. Give each input once", index,
                      input.name);
    slot = &input.tensor;
  }
  auto free = tensors.begin();
  for (const auto& input : sample.inputs) {
    if (!input.name.empty()) continue;
    free = std::find(free, tensors.end(), nullptr);
    *free++ = &input.tensor;
  }
  return tensors;
}

std::vector<Tensor> Binding::bind(const Sample& sample, int64_t index) const {
  std::vector<Tensor> bound;
  const auto tensors = match(sample, index);
  for (size_t i = 0; i < inputs_.size(); ++i) {
    const BoundInput& input = inputs_[i];
    const Tensor& tensor = *tensors[i];
    if (tensor.empty())
      fail<DataError>("data", "sample {}: the tensor for input '{}' is empty", index,
                      input.port.name);
    check_strings(input, tensor, index);
    if (!fits(input, tensor))
      fail<DataError>("data",
                      "sample {}: input '{}' has shape {}, the tensor {}. Change the data, or "
                      "reshape the model",
                      index, input.port.name, to_string(input.port.shape),
                      to_string(shape_of(input, tensor)));
    if (!all_finite(tensor))
      fail<DataError>(
          "data",
          "sample {}: the tensor for input '{}' holds NaN or Inf. Repair or leave out the sample",
          index, input.port.name);
    bound.push_back(convert(input, tensor, index));
  }
  return bound;
}

}  // namespace eightbit::backends
