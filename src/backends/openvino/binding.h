// From the tensors of a sample to the inputs of an OpenVINO model.
#pragma once

#include <openvino/core/model.hpp>
#include <openvino/runtime/tensor.hpp>
#include <vector>

#include "backends/binding.h"

namespace eightbit::openvino {

// Tensors in the order of the model's inputs. They share the bytes of `owners`.
struct BoundSample {
  ov::TensorVector tensors;
  std::vector<Tensor> owners;
};

class Binding {
 public:
  explicit Binding(const ov::Model& model);

  // See backends::Binding.
  BoundSample bind(const Sample& sample, int64_t index) const;

  size_t size() const { return binding_.size(); }

 private:
  backends::Binding binding_;
  std::vector<bool> is_string_;  // by input
};

}  // namespace eightbit::openvino
