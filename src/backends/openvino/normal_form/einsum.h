// Einsum of an activation and a weight, spelled as the CPU plugin computes in integers: a MatMul
// between Reshapes.
#pragma once

#include <openvino/core/model.hpp>

namespace eightbit::openvino {

// Replaces every Einsum with a stored weight that is such a product (graph/einsum.h), also in the
// branches of If, and moves the bias behind it in front of what takes the columns apart. The MatMul
// has the name of the Einsum. What the model computes stays the same.
void make_products_of_einsums(ov::Model& model);

}  // namespace eightbit::openvino
