// How a tensor is quantized: the choices, without the numbers.
#pragma once

#include <eightbit/options.h>

#include <optional>
#include <string>

namespace eightbit {

struct QuantizerSpec {
  int bits = 8;
  QuantizationScheme mode = QuantizationScheme::symmetric;
  std::optional<bool> signedness;  // forced sign; unset: decided by the data
  bool per_channel = false;
  bool narrow_range = false;
  std::optional<FP8Type> fp8;  // set: FakeConvert instead of FakeQuantize

  bool operator==(const QuantizerSpec&) const = default;
};

// "8b sym pt", "8b sym pc signed narrow", "8b asym pt", "f8e4m3 pt"
std::string to_text(const QuantizerSpec& spec);

}  // namespace eightbit
