// Finds the groups of quantizers for which a runtime computes something else than they say.
//
// Quantized alone from the network's beginning up to a group, the network does what it says until
// that group is among them: bisection finds the first such group. It goes into float, and the rest
// is looked at again. A kernel that is wrong for a chain of layers shows at the chain's last layer,
// and one layer in float breaks the chain.
#pragma once

#include <functional>
#include <optional>
#include <vector>

namespace eightbit::search {

// Noise over signal at the outputs: as the quantizers say, computed one by one in floats, and as
// the runtime computes it.
struct Readings {
  double said = 0, done = 0;
};

// More than 1 dB apart, the runtime's the larger.
bool is_misread(const Readings& readings);

// With these groups in float, sorted; nothing where time has run out.
using Read = std::function<std::optional<Readings>(const std::vector<int>& in_float)>;

struct Misread {
  std::vector<int> groups;  // to be left in float, sorted
  Readings readings;        // with these in float
};

// Groups 0 to `groups` - 1 are in the order of the network. `all`: with none of them in float. At
// most `most` groups; nothing where no such few take half of the difference away.
std::optional<Misread> find_misread(int groups, const Readings& all, int most, const Read& read);

}  // namespace eightbit::search
