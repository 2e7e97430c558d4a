// What a backend's model offers where it may say itself what is quantized, instead of leaving that
// to the target device.
#pragma once

#include <optional>

#include "quant/plan.h"

namespace eightbit::backends {

class OwnPlacement {
 public:
  virtual ~OwnPlacement() = default;
  // Quantizers without ranges; nothing: the target device decides.
  virtual std::optional<Plan> placement() const = 0;
};

}  // namespace eightbit::backends
