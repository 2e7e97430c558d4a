// From the tensors of a sample to the inputs of a model, whatever runs it.
#pragma once

#include <eightbit/dataset.h>
#include <eightbit/model.h>

#include <set>
#include <string>
#include <vector>

namespace eightbit::backends {

// True where axis 0 of a model's inputs counts items, each of which is a sample: in the first, its
// extent is open and there are other axes, or the tensor has rank 4 or more, as images have; and
// all others may have as many.
bool leads_with_batch(const std::vector<Shape>& inputs);
std::vector<Shape> shapes_of(const std::vector<PortInfo>& ports);

struct BoundInput {
  PortInfo port;
  bool rank_known = true;
  std::set<std::string> names;  // all that it is known by
};

class Binding {
 public:
  explicit Binding(std::vector<BoundInput> inputs);

  // Tensors in the order of the inputs, of their element types. Named tensors go to their inputs,
  // the others in order to those that are left. Element types are converted where no meaning is
  // lost: integers to any float, between float types, between integers that hold the values;
  // strings stay rows of bytes (eightbit/strings.h). Throws DataError naming sample `index` and the
  // input: wrong count, name, rank, dimension or type, NaN or Inf.
  std::vector<Tensor> bind(const Sample& sample, int64_t index) const;

  size_t size() const { return inputs_.size(); }

 private:
  size_t find(const std::string& name, int64_t index) const;
  std::vector<const Tensor*> match(const Sample& sample, int64_t index) const;

  std::vector<BoundInput> inputs_;
  std::vector<std::string> all_names_;
};

// True when a float tensor holds no NaN and no infinity; true for every other type.
bool all_finite(const Tensor& tensor);

}  // namespace eightbit::backends
