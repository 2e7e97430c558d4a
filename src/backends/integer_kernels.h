// What a backend's model offers where its runtime's integer kernels can not do all that a target device can.
#pragma once

#include "quant/kernels.h"

namespace eightbit::backends {

class IntegerKernels {
 public:
  virtual ~IntegerKernels() = default;
  virtual Kernels kernels() const = 0;
};

}  // namespace eightbit::backends
