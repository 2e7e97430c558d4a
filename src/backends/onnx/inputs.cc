#include "backends/onnx/inputs.h"

#include "backends/onnx/types.h"

namespace eightbit::onnx {

backends::Binding binding_of(const OnnxModel& model) {
  std::vector<backends::BoundInput> inputs;
  for (const ValueInfoProto& input : model.native().graph().input())
    inputs.push_back({to_port(input), to_type(input.type()).rank_known, {input.name()}});
  return backends::Binding(std::move(inputs));
}

}  // namespace eightbit::onnx
