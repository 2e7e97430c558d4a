#include "backends/onnx/proto/fingerprint.h"

#include "base/hash.h"

namespace eightbit::onnx {

uint64_t fingerprint(const Content& content) {
  ModelProto model = content.model;
  model.clear_metadata_props();
  model.clear_doc_string();
  model.clear_producer_name();
  model.clear_producer_version();
  model.clear_model_version();
  uint64_t hash = mix_hash(kHashStart, hash_bytes(model.SerializeAsString()));
  for (const auto& initializer : content.model.graph().initializer())
    if (const auto it = content.weights.find(initializer.name()); it != content.weights.end())
      hash = mix_hash(hash, hash_bytes(std::span(it->second.data, it->second.byte_size())));
  return finish_hash(hash);
}

}  // namespace eightbit::onnx
