// Tensors of the main graph that do not depend on its inputs, and their values.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "backends/onnx/ort/engine.h"
#include "backends/onnx/proto/graph_index.h"
#include "backends/onnx/proto/proto.h"
#include "graph/graph.h"

namespace eightbit::onnx {

class Constants {
 public:
  // `types`: where known, Shape of a tensor whose shape is known is a constant too. `content` must
  // outlive this.
  Constants(const Content& content, const TensorTypes& types);

  bool contains(const std::string& tensor) const { return constants_.contains(tensor); }
  // The stored tensor behind a computed one: at every node the largest input is followed.
  std::string stored(const std::string& tensor) const;
  // Stored, or computed by the engine; computed values are kept. Throws ModelError. Safe from
  // several threads.
  Tensor value(const std::string& tensor) const;
  // The same for many tensors in one run of the engine.
  void compute(const std::vector<std::string>& tensors) const;
  // What the graph says of it besides type and shape.
  bool dequantized(const std::string& tensor) const;
  bool compressed(const std::string& tensor) const;

 private:
  bool is_foldable(const NodeProto& node) const;
  const std::string* largest_input(const NodeProto& node) const;
  uint64_t stored_size(const std::string& tensor) const;
  bool find_stored(const std::string& tensor, Tensor& out) const;
  Content program(const std::vector<std::string>& tensors) const;

  const Content& content_;
  const TensorTypes types_;
  GraphIndex index_;
  std::unordered_set<std::string> constants_;
  std::unordered_map<std::string, uint64_t> sizes_;  // elements, of all constants
  mutable std::mutex mutex_;
  mutable std::unordered_map<std::string, Tensor> computed_;
};

}  // namespace eightbit::onnx
