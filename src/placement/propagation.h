// Carries quantizers from the inputs of the ops that want them upwards, as far as they can serve
// several ops at once.
//
// One sweep from the results to the inputs is enough: whether a quantizer may climb over a value
// depends only on what is below that value. Every use of a value ends in one of four states:
//   wanted   a quantizer has arrived there and can go on
//   covered  what is below is quantized, by quantizers that could not be joined into one
//   unread   nobody below reads the data (a shape computation may)
//   exact    something below needs the floating point value
// A value takes over the quantizers of its uses when none of them is exact: one moves up as it is,
// several are merged (merge.h). Quantizers pass agnostic ops and concats, into every floating point
// input; elsewhere they come to rest.
#pragma once

#include <vector>

#include "placement/units.h"

namespace eightbit::placement {

inline constexpr int kSeveral = -2;

struct Placed {
  int specs = -1;  // index into Placement::spec_lists
  ValueId value = kNone;
  Use use;                 // the one use it serves; node kNone: all uses of the value
  int sink = -1;           // unit that asked for it; kSeveral after a merge of different ones
  int group = -1;          // see Placement::group_parent
  bool travelled = false;  // has passed an op or absorbed others
  bool feeds_dynamic_matmul = false;  // serves a product of two activations
  bool dropped = false;
};

struct Placement {
  std::vector<Placed> quantizers;
  std::vector<SpecList> spec_lists;  // [0] is the default list
  std::vector<int> group_parent;     // union-find; a group's members share one scale
  std::vector<int> wanted_by_unit;   // quantizers each unit asked for

  int group_of(int group);
  int join_groups(int a, int b);  // either may be -1
};

// Throws InvalidArgument when `activations` (constraints of preset and user) leaves nothing for a
// unit.
Placement propagate(const UnitGraph& units, const Device& device, const QuantizeOptions& options,
                    const QuantizationParameters& activations);

}  // namespace eightbit::placement
