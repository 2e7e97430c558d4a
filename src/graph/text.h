// The text form of a graph, read back: tests describe graphs in it, `inspect` prints it (to_text,
// graph.h).
//
//   input = Parameter() : f32[1,3,224,224]
//   conv = Convolution(input, const f32[32,3,3,3]) : f32[1,32,112,112] {strides=2,2}
//   split = Split(conv) : f32[1,16,112,112], f32[1,16,112,112]
//   out = Result(split:1)
//
//  - `Type/op` names the Op where it does not follow from the type: `Gather/embedding(...)`;
//  - `const NAME f32[4] quantized` declares a constant where it is first read; later readers give
//    the name. Without a name it is called "<node>.<port>". `quantized` and `compressed` may follow
//    the shape;
//  - `_` is an open input, `?` an unknown dimension, `f32[...]` an unknown rank;
//  - names with other characters than letters, digits and _ . / - + are in double quotes;
//    \ escapes;
//  - `name:1` is output 1 of a node; `body:` below a node starts an indented body; `#` starts a
//    comment.
#pragma once

#include <string_view>

#include "graph/graph.h"

namespace eightbit {

// Throws InvalidArgument that names the line. Constants of a parsed graph have no bytes: `load`
// throws.
Graph parse_graph(std::string_view text);

}  // namespace eightbit
