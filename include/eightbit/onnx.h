// ONNX models in memory: into eightbit and out again, as serialized ModelProto messages, so that no
// protobuf is shared with the caller.
//
//   auto model = eightbit::onnx::wrap(std::as_bytes(std::span(proto.SerializeAsString())));
//   proto.ParseFromString(eightbit::onnx::unwrap(eightbit::quantize(model, dataset)));
#pragma once

#include <eightbit/model.h>

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>

namespace eightbit::onnx {

// `bytes` may go afterwards. `folder` is where external data lies; without one, a model that has
// some is refused. Throws ModelError when the bytes are no ONNX model, InvalidArgument for external
// data without a folder.
Model wrap(std::span<const std::byte> bytes, const std::filesystem::path& folder = {});

bool is_onnx(const Model& model);

// Throws Unsupported when `model` is no ONNX model, or larger than the 2 GB that a protobuf message
// can have.
std::string unwrap(const Model& model);

}  // namespace eightbit::onnx
