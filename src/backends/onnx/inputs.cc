#include "backends/onnx/inputs.h"

#include "backends/onnx/proto/types.h"
#include "base/error.h"

namespace eightbit::onnx {

backends::Binding binding_of(const OnnxModel& model) {
  std::vector<backends::BoundInput> inputs;
  for (const ValueInfoProto& input : model.native().graph().input()) {
    if (to_port(input).dtype == DType::string)
      fail<Unsupported>("onnx",
                        "input '{}' takes strings, and samples for ONNX Runtime hold numbers only. "
                        "Choose engine openvino, "
                        "or take the ops that read strings out of the model",
                        input.name());
    inputs.push_back({to_port(input), to_type(input.type()).rank_known, {input.name()}});
  }
  return backends::Binding(std::move(inputs));
}

}  // namespace eightbit::onnx
