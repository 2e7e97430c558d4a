// Bytes to a model and back.
#pragma once

#include <eightbit/tensor.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "backends/onnx/proto/proto.h"

namespace eightbit::onnx {

// Reads and checks a model, opens its bodies (bodies.h) and normalizes it (normalize.h); external
// data is mapped. Throws FileError, ModelError.
std::shared_ptr<const Content> read_file(const std::filesystem::path& path);

// The same from bytes, which may go afterwards. `folder` holds external data; empty: there is none.
// `what` names the model in messages.
std::shared_ptr<const Content> parse_model(std::span<const std::byte> bytes,
                                           const std::filesystem::path& folder,
                                           const std::string& what);

// The tensor behind an initializer of the main graph.
Tensor initializer_tensor(const Content& content, const TensorProto& initializer);

// The whole model as one protobuf message, weights included; it must stay below kLargestMessage.
inline constexpr uint64_t kLargestMessage = (uint64_t{1} << 31) - 1;
uint64_t serialized_size(const Content& content);
void serialize(const Content& content, const std::function<void(const void*, size_t)>& write);
std::string serialize(const Content& content);  // throws Unsupported when it is too large

}  // namespace eightbit::onnx
