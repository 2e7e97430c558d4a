// What a model takes, as samples are bound to it.
#pragma once

#include "backends/binding.h"
#include "backends/onnx/model.h"

namespace eightbit::onnx {

backends::Binding binding_of(const OnnxModel& model);

}  // namespace eightbit::onnx
