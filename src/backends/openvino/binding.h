// From the tensors of a sample to the inputs of a model.
#pragma once

#include <eightbit/dataset.h>
#include <eightbit/model.h>

#include <openvino/core/model.hpp>
#include <openvino/runtime/tensor.hpp>
#include <set>

namespace eightbit::openvino {

// Tensors in the order of the model's inputs. They share the bytes of `owners`.
struct BoundSample {
  ov::TensorVector tensors;
  std::vector<Tensor> owners;
};

class Binding {
 public:
  explicit Binding(const ov::Model& model);

  // Named tensors go to their inputs, the others in order to those that are left. Element types are
  // converted where no meaning is lost: integers to any float, between float types, between
  // integers that hold the values. Throws DataError naming sample `index` and the input: wrong
  // count, name, rank, dimension or type, NaN or Inf.
  BoundSample bind(const Sample& sample, int64_t index) const;

  size_t size() const { return inputs_.size(); }

 private:
  struct Input {
    PortInfo port;
    bool rank_known = true;
    std::set<std::string> names;
  };
  size_t find(const std::string& name, int64_t index) const;
  std::vector<const Tensor*> match(const Sample& sample, int64_t index) const;
  Tensor convert(const Input& input, const Tensor& tensor, int64_t index) const;

  std::vector<Input> inputs_;
  std::vector<std::string> all_names_;
};

// True when a float tensor holds no NaN and no infinity; true for every other type.
bool all_finite(const Tensor& tensor);

}  // namespace eightbit::openvino
