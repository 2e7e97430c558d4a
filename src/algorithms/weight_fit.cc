#include "algorithms/weight_fit.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

#include "base/parallel.h"
#include "graph/roles.h"
#include "quant/rounding.h"

namespace eightbit::algorithms {
namespace {

constexpr float kLimit = 32767.0f;

// What the weights of every output channel have in common, in an order in which the two of a pair
// are neighbours: for every position of the kernel the inputs in turn.
struct Neighbours {
  // of each weight from the first one of its channel; -1 fills up an odd pair
  std::vector<int64_t> offset;
  std::vector<float> largest, importance;  // of the input that it meets
  bool overlapping = false;                // any two neighbours may be a pair

  Neighbours(const OutputChannels& outputs, const FitTerms& terms) {
    const auto pick = [](const std::vector<float>& from, int64_t i, float otherwise) {
      return from.empty() ? otherwise
                          : from[from.size() == 1 ? 0 : static_cast<size_t>(i) % from.size()];
    };
    const bool odd = outputs.inputs() % 2 != 0;
    overlapping = odd && outputs.positions() > 1;
    for (int64_t s = 0; s < outputs.positions(); ++s) {
      for (int64_t i = 0; i < outputs.inputs(); ++i)
        push(outputs.index(0, i, s) - outputs.index(0, 0, 0), pick(terms.largest_input, i, 255.0f),
             pick(terms.importance, i, 1.0f));
      if (odd && !overlapping) push(-1, 0, 0);
    }
  }

  void push(int64_t at, float input, float weight) {
    offset.push_back(at);
    largest.push_back(input);
    importance.push_back(weight);
  }
};

// Looks for the scale of one output channel, whose first weight is values[0].
class ChannelFit {
 public:
  ChannelFit(float* values, const Neighbours& neighbours, float top)
      : neighbours_(neighbours),
        largest_(neighbours.largest),
        importance_(neighbours.importance),
        values_(values),
        weights_(neighbours.offset.size()),
        top_(top),
        narrowest_(top < 100 ? 0.5f : 0.9f) {
    for (size_t k = 0; k < weights_.size(); ++k)
      weights_[k] = neighbours.offset[k] >= 0 ? values[neighbours.offset[k]] : 0.0f;
  }

  float run() {
    float abs_max = 8e-5f;
    for (float w : weights_) abs_max = std::max(abs_max, std::fabs(w));
    const float nearest = abs_max / top_;
    tight_ = tight_pairs(nearest * narrowest_);
    const bool overflows = std::ranges::any_of(
        tight_, [&](const Pair& pair) { return violates(pair.first, nearest); });
    float best = nearest;
    double least = std::numeric_limits<double>::infinity();
    const auto attempt = [&](float scale) {
      const double error = error_of(scale);
      if (error < least) least = error, best = scale;
    };
    attempt(nearest);
    for (int i = 0; i <= kSteps; ++i)
      attempt(nearest * (narrowest_ + (kWidest - narrowest_) * static_cast<float>(i) / kSteps));
    for (float widened = kWidest + 0.05f; overflows && widened < 2.01f; widened += 0.05f)
      attempt(nearest * widened);
    return store(best);
  }

 private:
  static constexpr float kWidest = 1.1f;
  static constexpr int kSteps = 20;

  bool violates(size_t k, float scale) const {
    const float a = rounded_level(weights_[k], scale, top_),
                b = rounded_level(weights_[k + 1], scale, top_);
    return a * b > 0 && std::fabs(a) * largest_[k] + std::fabs(b) * largest_[k + 1] > kLimit;
  }

  // Neighbours that may overflow.
  struct Pair {
    size_t first;
    float below;  // at scales below this one
  };

  // Pairs that may overflow at this scale or a larger one: rounding adds half a level at most.
  std::vector<Pair> tight_pairs(float scale) const {
    constexpr float kHalf = 0.51f;
    std::vector<Pair> tight;
    for (size_t k = 0; k + 1 < weights_.size(); k += neighbours_.overlapping ? 1 : 2) {
      if (!(weights_[k] * weights_[k + 1] > 0)) continue;
      const float ua = largest_[k], ub = largest_[k + 1];
      const float left = kLimit - kHalf * (ua + ub);
      const float below =
          left > 0 ? (std::fabs(weights_[k]) * ua + std::fabs(weights_[k + 1]) * ub) / left
                   : std::numeric_limits<float>::infinity();
      if (scale < below) tight.push_back({k, below});
    }
    return tight;
  }

  // The pair at k with levels a and b, pulled in until it fits, where each step costs least.
  std::pair<float, float> fitted(size_t k, float a, float b, float scale) const {
    if (a * b <= 0) return {a, b};
    const float ua = largest_[k], ub = largest_[k + 1];
    take_cheapest_steps(k, a, b, scale);
    while (std::fabs(a) * ua + std::fabs(b) * ub > kLimit) {
      // The cost of one step of integer towards 0, for what it takes off the sum.
      const auto price = [&](float q, float w, float u, float importance) {
        const float now = w - q * scale, then = w - (q - std::copysign(1.0f, q)) * scale;
        return q == 0 || u == 0 ? std::numeric_limits<float>::infinity()
                                : importance * (then * then - now * now) / u;
      };
      const bool first = price(a, weights_[k], ua, importance_[k]) <=
                         price(b, weights_[k + 1], ub, importance_[k + 1]);
      (first ? a : b) -= std::copysign(1.0f, first ? a : b);
    }
    return {a, b};
  }

  // Most of the steps that fitted() would take one by one. The price of step i of a weight is first
  // + i * growth, so all steps below one price are taken; the last few, which decide, are left.
  void take_cheapest_steps(size_t k, float& a, float& b, float scale) const {
    struct Line {
      double first, growth;
      double steps_below(double price) const { return std::floor((price - first) / growth); }
    };
    const auto line = [&](size_t i, float level) {
      const double unit = static_cast<double>(importance_[i]) * scale / largest_[i];
      const double beyond = std::fabs(weights_[i]) - std::fabs(static_cast<double>(level)) * scale;
      return Line{unit * (2 * beyond + scale), 2 * unit * scale};
    };
    const double ua = largest_[k], ub = largest_[k + 1];
    const double excess = std::fabs(a) * ua + std::fabs(b) * ub - kLimit - 4 * (ua + ub);
    if (!(excess > 0 && ua > 0 && ub > 0 && importance_[k] > 0 && importance_[k + 1] > 0)) return;
    const Line first = line(k, a), second = line(k + 1, b);
    const double width = ua / first.growth + ub / second.growth;
    const double price =
        (excess + first.first * ua / first.growth + second.first * ub / second.growth) / width;
    const double steps_a = first.steps_below(price), steps_b = second.steps_below(price);
    const bool possible =
        steps_a >= 0 && steps_b >= 0 && steps_a < std::fabs(a) && steps_b < std::fabs(b);
    if (!possible) return;
    a -= std::copysign(static_cast<float>(steps_a), a);
    b -= std::copysign(static_cast<float>(steps_b), b);
  }

  double squared(size_t k, float level, float scale) const {
    const double error = weights_[k] - static_cast<double>(level) * scale;
    return importance_[k] * error * error;
  }

  double error_of(float scale) const {
    double sum = rounding_error(weights_, importance_, scale, top_);
    // what the pair before has made of its second weight
    std::pair<size_t, float> last = {weights_.size(), 0.0f};
    for (const auto& [k, below] : tight_) {
      if (scale >= below || !violates(k, scale)) continue;
      const float a = last.first == k ? last.second : rounded_level(weights_[k], scale, top_);
      const float b = rounded_level(weights_[k + 1], scale, top_);
      const auto [fit_a, fit_b] = fitted(k, a, b, scale);
      sum += squared(k, fit_a, scale) - squared(k, a, scale);
      sum += squared(k + 1, fit_b, scale) - squared(k + 1, b, scale);
      last = {k + 1, fit_b};
    }
    return sum;
  }

  float store(float scale) {
    std::vector<float> levels(weights_.size());
    for (size_t k = 0; k < levels.size(); ++k) levels[k] = rounded_level(weights_[k], scale, top_);
    for (const auto& [k, below] : tight_)
      std::tie(levels[k], levels[k + 1]) = fitted(k, levels[k], levels[k + 1], scale);
    for (size_t k = 0; k < levels.size(); ++k)
      if (neighbours_.offset[k] >= 0) values_[neighbours_.offset[k]] = levels[k] * scale;
    return scale;
  }

  const Neighbours& neighbours_;
  const std::vector<float>&largest_, &importance_;
  float* values_;
  std::vector<float> weights_;
  float top_, narrowest_;  // few levels: clipping pays
  std::vector<Pair> tight_;
};

}  // namespace

std::vector<float> fit_weights(std::span<float> values, const Shape& shape, const WeightAxes& axes,
                               const FitTerms& terms) {
  const OutputChannels outputs(shape, axes);
  std::vector<float> scales(static_cast<size_t>(outputs.count()));
  const Neighbours neighbours(outputs, terms);
  parallel_for(outputs.count(), [&](int64_t c) {
    scales[static_cast<size_t>(c)] =
        ChannelFit(values.data() + outputs.index(c, 0, 0), neighbours, terms.top).run();
  });
  return scales;
}

}  // namespace eightbit::algorithms
