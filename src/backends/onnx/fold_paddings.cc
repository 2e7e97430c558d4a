#include "backends/onnx/fold_paddings.h"

#include <algorithm>
#include <vector>

#include "backends/onnx/constants.h"
#include "backends/onnx/proto/attributes.h"
#include "backends/onnx/proto/graph_index.h"

namespace eightbit::onnx {
namespace {

struct Folding {
  int convolution = kNone;
  std::string source;         // what the Pad reads
  std::vector<int64_t> pads;  // of the convolution, from now on
};

class Finder {
 public:
  explicit Finder(const Content& content)
      : constants_(content, {}), index_(content.model.graph()) {}

  std::vector<Folding> find() const {
    std::vector<Folding> found;
    for (int i = 0; i < index_.graph().node_size(); ++i) {
      const NodeProto& node = index_.node(i);
      if (node.op_type() != "Conv" || !is_standard(node.domain()) || !explicit_pads(node)) continue;
      const int pad = index_.producer(node.input(0));
      if (pad == kNone || index_.node(pad).op_type() != "Pad" ||
          !is_standard(index_.node(pad).domain()))
        continue;
      if (auto pads = summed(node, index_.node(pad)); !pads.empty())
        found.push_back({i, index_.node(pad).input(0), std::move(pads)});
    }
    return found;
  }

 private:
  static bool explicit_pads(const NodeProto& node) {
    return string_attribute(node, "auto_pad", "NOTSET") == "NOTSET";
  }

  bool pads_with_zero(const NodeProto& pad) const {
    if (string_attribute(pad, "mode", "constant") != "constant" ||
        float_attribute(pad, "value", 0.0f) != 0.0f)
      return false;
    if (pad.input_size() > 3 && !pad.input(3).empty()) return false;
    if (pad.input_size() < 3 || pad.input(2).empty()) return true;
    return constants_.contains(pad.input(2)) &&
           std::ranges::all_of(to_floats(constants_.value(pad.input(2))),
                               [](float value) { return value == 0; });
  }

  // Begin of every axis, then end of every axis.
  std::vector<int64_t> amounts(const NodeProto& pad) const {
    if (pad.input_size() < 2) return ints_attribute(pad, "pads");
    if (!constants_.contains(pad.input(1))) return {};
    const Tensor value = constants_.value(pad.input(1));
    const auto values = value.as<int64_t>();
    return value.dtype == DType::i64 ? std::vector<int64_t>(values.begin(), values.end())
                                     : std::vector<int64_t>{};
  }

  std::vector<int64_t> summed(const NodeProto& convolution, const NodeProto& pad) const {
    if (!pads_with_zero(pad)) return {};
    const auto added = amounts(pad);
    const size_t rank = added.size() / 2;
    if (rank < 3 || std::ranges::any_of(added, [](int64_t amount) { return amount < 0; }))
      return {};
    if (added[0] || added[1] || added[rank] || added[rank + 1]) return {};
    auto pads = ints_attribute(convolution, "pads");
    if (pads.empty()) pads.assign(2 * (rank - 2), 0);
    if (pads.size() != 2 * (rank - 2)) return {};
    for (size_t axis = 0; axis + 2 < rank; ++axis) {
      pads[axis] += added[axis + 2];
      pads[axis + rank - 2] += added[axis + rank + 2];
    }
    return pads;
  }

  Constants constants_;
  GraphIndex index_;
};

}  // namespace

void fold_paddings(Content& content) {
  for (const auto& folding : Finder(content).find()) {
    NodeProto& convolution = *content.model.mutable_graph()->mutable_node(folding.convolution);
    convolution.set_input(0, folding.source);
    set_attribute(convolution, "pads", folding.pads);
  }
}

}  // namespace eightbit::onnx
