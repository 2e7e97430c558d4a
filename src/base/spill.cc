#include "base/spill.h"

#include <eightbit/error.h>

#include <memory>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/mapped_file.h"
#include "base/temporary_file.h"

namespace eightbit {
namespace {

std::optional<Tensor> on_disk(DType dtype, const Shape& shape, std::span<const std::byte> bytes) {
  if (bytes.size() < kSmallestSpilled) return std::nullopt;
  try {
    TemporaryFile file;
    file.write(0, bytes);
    auto mapped = file.map();
    return Tensor{dtype, shape, mapped->bytes().data(), mapped};
  } catch (const FileError& error) {
    log(LogLevel::debug, "{} bytes stay in memory: {}", bytes.size(), error.what());
    return std::nullopt;
  }
}

}  // namespace

Tensor spilled(const Tensor& tensor) {
  return on_disk(tensor.dtype, tensor.shape, {tensor.data, tensor.byte_size()}).value_or(tensor);
}

Tensor spilled_floats(std::span<const float> values, Shape shape) {
  const Tensor form{DType::f32, shape, nullptr, nullptr};
  EIGHTBIT_CHECK(form.byte_size() == values.size_bytes(), "{} values for shape {}", values.size(),
                 to_string(shape));
  if (auto tensor = on_disk(DType::f32, shape, std::as_bytes(values))) return *std::move(tensor);
  return Tensor::from_floats(values, std::move(shape));
}

}  // namespace eightbit
