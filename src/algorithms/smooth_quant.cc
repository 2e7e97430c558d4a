// The error of one product y = x W after smoothing, per element of y, from the records alone:
//   activations: what the range of least error leaves of x_k / s_k by rounding and clipping
//   (extremes_range.h), weighted by
//                sum_n (s_k W_kn)^2
//   weights:     the squared rounding error of each s_k W_kn, weighted by E[x_k^2] / s_k^2;
//                step_n = max_k |s_k W_kn| / 127
// Both are sums over channels, so a candidate costs two passes over the weight (over some of its
// columns).
#include "algorithms/smooth_quant.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>

#include "algorithms/extremes_range.h"
#include "base/error.h"
#include "base/parallel.h"
#include "base/spill.h"
#include "graph/roles.h"
#include "graph/transformer.h"
#include "quant/channels.h"
#include "quant/fake_quantize.h"
#include "quant/rounding.h"
#include "records/quantile.h"
#include "records/range_estimator.h"

namespace eightbit::algorithms {
namespace {

using records::StatisticsData;

struct Member {
  NodeId node = kNone;
  Use activation, weight;
  ValueId constant = kNone;
};

struct Group {
  ValueId value = kNone;
  int64_t axis = 0;
  bool convolution = false;
  std::vector<Member> members;
};

std::optional<double> alpha_of(bool convolution, const QuantizeOptions& options) {
  const auto& alphas = options.advanced_parameters.smooth_quant_alphas;
  return convolution ? alphas.convolution : alphas.matmul;
}

// Recipe nncf does as NNCF does: for transformers, convolutions where they are asked for.
bool smooths(bool convolutions, const QuantizeOptions& options) {
  const std::optional<double> alpha = alpha_of(convolutions, options);
  if (alpha && *alpha < 0) return false;
  const bool transformer = options.model_type == ModelType::transformer;
  if (!convolutions) return transformer;
  if (options.recipe == Recipe::nncf) return transformer && alpha;
  const AdvancedParameters& advanced = options.advanced_parameters;
  return alpha || (advanced.activations_range_estimator_params.empty() &&
                   advanced.disable_channel_alignment);
}

// Whether nothing else reads the value, or what a quantizer of it makes: the runtime would have to
// store it twice, as it is and scaled.
bool serves_it_alone(const Graph& graph, const Plan& plan, const Group& group) {
  const auto is_member = [&](const Use& use) {
    return std::ranges::find(group.members, use, &Member::activation) != group.members.end();
  };
  const Quantizer* quantizer = quantizer_at(plan, group.members.front().activation);
  return quantizer->group == kNone && !quantizer->spec.per_channel &&
         quantizer->value == group.value &&
         std::ranges::all_of(graph.value(group.value).uses, is_member);
}

// Channels behind activations that clip end at the same bound anyway, and gained nothing on the
// networks that were tried.
bool stands_behind_self_gated(const Graph& graph, const Group& group) {
  const NodeId producer = graph.value(group.value).producer;
  return producer != kNone && has(graph.node(producer).op, kSelfGated);
}

// Products with a weight of their own, by the value they read.
std::vector<Group> find_groups(const Graph& graph, const Plan& plan,
                               const QuantizeOptions& options) {
  std::map<std::pair<ValueId, int64_t>, Group> groups;
  const auto quantized = [&](Use use) { return quantizer_at(plan, use) != nullptr; };
  for (const Node& node : graph.nodes) {
    const bool convolution = has(node.op, kSmoothQuantConv);
    if (!convolution && !has(node.op, kSmoothQuantMatMul)) continue;
    if (!smooths(convolution, options)) continue;
    const int32_t port = weight_port(graph, node.id);
    if (port == kNone || port > 1 || node.inputs.size() < 2) continue;
    const Use activation{node.id, 1 - port}, weight_use{node.id, port};
    const Member member{node.id, activation, weight_use, graph.input(weight_use)};
    const ValueId value = graph.input(activation);
    const auto& weight = graph.value(member.constant);
    const bool own = is_own_constant(graph, member.weight) && !weight.constant->quantized;
    // a learned query is no weight: attention's kernels take it for an activation
    if (yields_scores(graph, node)) continue;
    if (!own || graph.value(value).is_constant() || !quantized(member.activation) ||
        !quantized(member.weight))
      continue;
    // A convolution behind an op that quantizers pass through shares its quantizer with others.
    const NodeId producer = graph.value(value).producer;
    if (convolution && producer != kNone && moves(graph.node(producer).op)) continue;
    const int64_t axis = activation_channel_axis(graph, member.activation);
    if (axis == kNone || input_axis(graph, member.weight) == kNone) continue;
    Group& group = groups[{value, axis}];
    group.value = value;
    group.axis = axis;
    group.convolution = convolution;
    group.members.push_back(member);
  }
  std::vector<Group> out;
  for (auto& [key, group] : groups) {
    const bool asked = alpha_of(group.convolution, options).has_value();
    if (group.convolution && !serves_it_alone(graph, plan, group)) continue;
    if (group.convolution && !asked && !stands_behind_self_gated(graph, group)) continue;
    out.push_back(std::move(group));
  }
  return out;
}

// A weight with its input axis in front: [inputs][rest].
struct InputMajor {
  int64_t inputs = 0, rest = 0;
  Tensor tensor;
  std::span<const float> row(int64_t k) const {
    return tensor.as<float>().subspan(static_cast<size_t>(k * rest), static_cast<size_t>(rest));
  }
  std::vector<float> abs_max() const {
    std::vector<float> out(static_cast<size_t>(inputs));
    for (int64_t k = 0; k < inputs; ++k)
      for (float x : row(k))
        out[static_cast<size_t>(k)] = std::max(out[static_cast<size_t>(k)], std::fabs(x));
    return out;
  }
};

InputMajor load(const Graph& graph, const Plan& plan, const Member& member) {
  const Tensor tensor = weight_of(graph, plan, member.constant, member.weight);
  const std::vector<float> values = to_floats(tensor);
  const int64_t axis = input_axis(graph, member.weight);
  InputMajor out;
  out.inputs = tensor.shape[static_cast<size_t>(axis)];
  out.rest = static_cast<int64_t>(values.size()) / out.inputs;
  std::vector<float> ordered(values.size());
  std::vector<int64_t> filled(static_cast<size_t>(out.inputs), 0);
  for_each_run(tensor.shape, {axis}, [&](int64_t k, int64_t first, int64_t count) {
    auto& at = filled[static_cast<size_t>(k)];
    std::copy_n(values.begin() + first, count, ordered.begin() + k * out.rest + at);
    at += count;
  });
  // all that read one value are looked at together
  out.tensor = spilled_floats(ordered, tensor.shape);
  return out;
}

struct Channels {
  std::vector<float> min, max, abs_max, mean_square, variance;
  ChannelExtremes extremes;
  float low = 0, high = 0;  // the range of least error where nothing is scaled
};

Channels channels_of(const StatisticsData& statistics, int point) {
  const records::Fold& fold = statistics.fold(point);
  Channels out{fold.min,
               fold.max,
               {},
               fold.mean_squares(),
               fold.variances(),
               channel_extremes(statistics, point)};
  for (size_t c = 0; c < out.min.size(); ++c)
    out.abs_max.push_back(std::max(std::fabs(out.min[c]), std::fabs(out.max[c])));
  const float least = std::ranges::min(fold.min), most = std::ranges::max(fold.max);
  const Histogram& histogram = statistics.histogram(point);
  const auto range = histogram.empty() ? records::ClippedRange{least, most, 0}
                                       : records::least_error_range(histogram, least, most, 256,
                                                                    QuantizationScheme::asymmetric);
  out.low = range.low;
  out.high = range.high;
  return out;
}

std::vector<float> smoothing(std::span<const float> activation, std::span<const float> weight,
                             double alpha) {
  constexpr float kSmallest = 1e-5f;
  std::vector<float> s(activation.size());
  for (size_t k = 0; k < s.size(); ++k)
    s[k] = static_cast<float>(std::pow(std::max(activation[k], kSmallest), alpha) /
                              std::pow(std::max(weight[k], kSmallest), 1 - alpha));
  return s;
}

// Recipe nncf: the scale of one member, and how flat it is.
std::pair<std::vector<float>, double> clipped_smoothing(std::span<const float> activation,
                                                        std::span<const float> weight,
                                                        double alpha) {
  std::vector<float> s = smoothing(activation, weight, alpha);
  std::vector<float> ordered = s;
  const auto low = static_cast<float>(records::quantile(ordered, 0.1));
  for (float& x : s) x = std::clamp(x, low, std::max(low, 100.0f));
  return {s, std::ranges::min(s) / (std::ranges::max(s) + 1e-10)};
}

double expected_error(const Channels& x, const InputMajor& w, std::span<const float> s,
                      const ExtremesRange& range) {
  const auto columns = static_cast<size_t>(w.rest);
  std::vector<float> step(columns, 0.0f), inverse(columns);
  for (size_t k = 0; k < s.size(); ++k) raise_to(step, w.row(static_cast<int64_t>(k)), s[k]);
  for (size_t n = 0; n < columns; ++n) {
    step[n] /= 127.0f;
    inverse[n] = step[n] > 0 ? 1.0f / step[n] : 0.0f;
  }
  double error = 0;
  for (size_t k = 0; k < s.size(); ++k) {
    const auto [energy, missed] = row_error(w.row(static_cast<int64_t>(k)), s[k], step, inverse);
    const double square = static_cast<double>(s[k]) * s[k];
    // What rounded weights do to the mean, bias correction takes away.
    const double varies = (x.variance.empty() ? x.mean_square : x.variance)[k] / square;
    error += energy * range.error[k] + missed * varies;
  }
  return error;
}

struct Choice {
  std::vector<float> scale;  // empty: left alone
  double alpha = 0;
};

Choice choose_nncf(const Channels& x, const std::vector<InputMajor>& weights, double alpha) {
  Choice best{{}, alpha};
  double flattest = -1;
  for (const InputMajor& w : weights) {
    auto [s, flat] = clipped_smoothing(x.abs_max, w.abs_max(), alpha);
    if (flat > flattest) flattest = flat, best.scale = std::move(s);
  }
  return best;
}

constexpr double kFlat = 1.05;  // errors this close count as equal
// Of the error without a scale, that scales may leave. In front of a convolution a scale costs a
// few hundredths of its time, and its channels' extremes tell less of its values than a histogram.
constexpr double kWorthwhile = 0.98, kWorthwhileConvolution = 0.65;

Choice choose(const Channels& x, const std::vector<InputMajor>& weights,
              std::optional<double> wanted, double worthwhile) {
  std::vector<float> weight_max(x.abs_max.size());
  for (const InputMajor& w : weights) {
    const auto m = w.abs_max();
    for (size_t k = 0; k < m.size(); ++k) weight_max[k] = std::max(weight_max[k], m[k]);
  }
  const auto error_of = [&](std::span<const float> s, bool scales = true) {
    std::vector<float> multiply;
    for (float one : s) multiply.push_back(1.0f / one);
    const ExtremesRange reach = scales ? least_error_range(x.extremes, multiply)
                                       : range_between(x.extremes, multiply, x.low, x.high);
    return std::accumulate(
        weights.begin(), weights.end(), 0.0,
        [&](double sum, const InputMajor& w) { return sum + expected_error(x, w, s, reach); });
  };
  if (wanted) return {smoothing(x.abs_max, weight_max, *wanted), *wanted};
  constexpr double kFirst = 0.4, kStep = 0.05;
  std::vector<double> errors(13);
  parallel_for(static_cast<int64_t>(errors.size()), [&](int64_t i) {
    errors[static_cast<size_t>(i)] =
        error_of(smoothing(x.abs_max, weight_max, kFirst + kStep * static_cast<double>(i)));
  });
  const double least = std::ranges::min(errors);
  const std::vector<float> ones(x.abs_max.size(), 1.0f);
  if (!(least < worthwhile * error_of(ones, false))) return {};
  // Where the error is flat the smaller alpha is the safer one: it leaves the weights, which err
  // alike for every sample, as they are.
  const auto best =
      std::ranges::find_if(errors, [&](double e) { return e <= kFlat * least; }) - errors.begin();
  const double alpha = kFirst + kStep * static_cast<double>(best);
  return {smoothing(x.abs_max, weight_max, alpha), alpha};
}

auto quantizer_that_serves(Plan& plan, Use use) {
  return std::ranges::find_if(plan.quantizers,
                              [&](const Quantizer& q) { return reads(q.uses, use); });
}

// Who reads the value as it is keeps the quantizer; those that read it scaled get one of their own,
// for another range.
void split_quantizer(const std::vector<Use>& scaled, Plan& plan) {
  const auto found = quantizer_that_serves(plan, scaled.front());
  const auto is_scaled = [&](const Use& use) { return reads(scaled, use); };
  if (found == plan.quantizers.end() || std::ranges::all_of(found->uses, is_scaled)) return;
  Quantizer own = *found;
  std::erase_if(own.uses, std::not_fn(is_scaled));
  std::erase_if(found->uses, is_scaled);
  plan.quantizers.insert(found + 1, std::move(own));
}

void apply(const Graph& graph, const Group& group, const std::vector<float>& s, Plan& plan) {
  ScaleInsertion scale{group.value, {}, {}, group.axis};
  for (float x : s) scale.factor.push_back(1.0f / x);
  for (const Member& member : group.members) {
    scale.uses.push_back(member.activation);
    const int64_t axis = input_axis(graph, member.weight);
    const Tensor scaled =
        scaled_by(weight_of(graph, plan, member.constant, member.weight), axis, s);
    plan.constants.push_back(
        {member.constant, {member.weight}, scaled, ReplacementReason::smooth_quant, s, axis});
  }
  std::ranges::sort(scale.uses);
  split_quantizer(scale.uses, plan);
  plan.scales.push_back(std::move(scale));
}

}  // namespace

bool smooth_quant_applies(const QuantizeOptions& options) {
  return smooths(true, options) || smooths(false, options);
}

namespace {

// The input of a product with a weight that may be smoothed.
std::optional<Use> smoothed_input(const Graph& graph, const Node& node) {
  if (!has(node.op, kSmoothQuantMatMul) || node.inputs.size() < 2) return std::nullopt;
  const int32_t port = weight_port(graph, node.id);
  if (port == kNone || port > 1) return std::nullopt;
  return Use{node.id, 1 - port};
}

// Quantizers in front of a Concat, one for each of its inputs; empty where one has none.
std::vector<Use> quantized_inputs(const Graph& graph, Plan& plan, NodeId concat) {
  std::vector<Use> inputs;
  for (size_t port = 0; port < graph.node(concat).inputs.size(); ++port) {
    inputs.push_back({concat, static_cast<int32_t>(port)});
    const auto found = quantizer_that_serves(plan, inputs.back());
    if (found == plan.quantizers.end() || found->weight || found->spec.per_channel) return {};
  }
  return inputs;
}

// One quantizer for `uses` in the place of those in front of a Concat.
void lower_behind_concat(const Graph& graph, Plan& plan, NodeId concat,
                         const std::vector<Use>& uses) {
  const std::vector<Use> inputs = quantized_inputs(graph, plan, concat);
  if (inputs.empty()) return;
  Quantizer lowered = *quantizer_that_serves(plan, inputs[0]);
  for (const Use& input : inputs) std::erase(quantizer_that_serves(plan, input)->uses, input);
  std::erase_if(plan.quantizers, [](const Quantizer& q) { return q.uses.empty(); });
  lowered.value = graph.input(uses[0]);
  lowered.uses = uses;
  lowered.group = kNone;
  const auto behind = [&](const Quantizer& q) { return q.weight || q.value > lowered.value; };
  plan.quantizers.insert(std::ranges::find_if(plan.quantizers, behind), lowered);
}

}  // namespace

void smooth_quant_prepare(const Graph& graph, const QuantizeOptions& options, Plan& plan) {
  if (!smooths(false, options)) return;
  const auto is_smoothed = [&](const Use& use) {
    return smoothed_input(graph, graph.node(use.node)) == use;
  };
  for (const Node& node : graph.nodes) {
    const auto wanted = smoothed_input(graph, node);
    if (!wanted) continue;
    Use at = *wanted;
    for (;;) {
      const auto found = quantizer_that_serves(plan, at);
      if (found != plan.quantizers.end()) {
        if (at != *wanted && found->uses.size() == 1 && found->group == kNone && !found->weight &&
            !found->spec.per_channel) {
          found->value = graph.input(*wanted);
          found->uses = {*wanted};
        }
        break;
      }
      const Value& value = graph.value(graph.input(at));
      if (value.producer == kNone) break;
      const Node& producer = graph.node(value.producer);
      if (producer.op == Op::concat) {
        const bool alone = value.uses.size() == 1;
        if (alone || (at == *wanted && std::ranges::all_of(value.uses, is_smoothed)))
          lower_behind_concat(graph, plan, producer.id,
                              alone ? std::vector<Use>{*wanted} : value.uses);
        break;
      }
      if (value.uses.size() != 1 || !moves(producer.op)) break;
      at = {producer.id, 0};
    }
  }
}

void smooth_quant_request(const Graph& graph, const Plan& plan, const QuantizeOptions& options,
                          records::TapRequest& taps) {
  // Of values that are clipped or estimated the extremes of each sample.
  const bool estimated = !options.advanced_parameters.activations_range_estimator_params.empty();
  for (const Group& group : find_groups(graph, plan, options))
    taps.want_channels(group.value, group.axis, kMinMax | kMean | kMeanSquare,
                       !group.convolution || estimated);
}

void smooth_quant(const Graph& graph, const StatisticsData& statistics,
                  const QuantizeOptions& options, Plan& plan) {
  for (const Group& group : find_groups(graph, plan, options)) {
    const int point = statistics.point_of(group.value, group.axis);
    if (point == kNone || statistics.points()[static_cast<size_t>(point)].tap.channels == 1)
      continue;
    const Channels x = channels_of(statistics, point);
    std::vector<InputMajor> weights;
    for (const Member& member : group.members) weights.push_back(load(graph, plan, member));
    if (std::ranges::any_of(weights, [&](const InputMajor& w) {
          return w.inputs != static_cast<int64_t>(x.min.size());
        }))
      continue;
    const auto alpha = alpha_of(group.convolution, options);
    const Choice choice =
        options.recipe == Recipe::nncf
            ? choose_nncf(x, weights, alpha.value_or(0.95))
            : choose(x, weights, alpha, group.convolution ? kWorthwhileConvolution : kWorthwhile);
    if (choice.scale.empty()) continue;
    apply(graph, group, choice.scale, plan);
    plan.notes.push_back(fmt::format("smooth_quant: {} alpha {:.2f}, {} product(s)",
                                     graph.value(group.value).name, choice.alpha,
                                     group.members.size()));
  }
}

namespace {

// Products of transformers and convolutions, whatever the plan: options may be set later.
void request_all_smoothing(const Graph& graph, std::span<const Use> inputs,
                           const CalibrateOptions& options, Request& request) {
  const bool transformer = options.model_type == ModelType::transformer || is_transformer(graph);
  for (const Use& input : inputs) {
    const Op op = graph.node(input.node).op;
    const bool convolution = has(op, kSmoothQuantConv);
    if (!convolution && !(transformer && has(op, kSmoothQuantMatMul))) continue;
    if (meets_weight(graph, input))
      request.taps.want_channels(graph.input(input), activation_channel_axis(graph, input),
                                 kMinMax | kMean | kMeanSquare, !convolution);
  }
}

bool smooths_any(const Graph& graph, const Plan& plan, QuantizeOptions options, bool convolutions) {
  AdvancedSmoothQuantParameters& alphas = options.advanced_parameters.smooth_quant_alphas;
  (convolutions ? alphas.matmul : alphas.convolution) = -1.0;
  return !find_groups(graph, plan, options).empty();
}

}  // namespace

const Algorithm kSmoothQuant = {
    .name = "smooth quant",
    .applies = smooth_quant_applies,
    .prepare = smooth_quant_prepare,
    .request = [](const Graph& graph, const Plan& plan, const QuantizeOptions& options,
                  Request& request) { smooth_quant_request(graph, plan, options, request.taps); },
    .request_all = request_all_smoothing,
    .facts =
        [](const Graph& graph, const Plan& plan, const QuantizeOptions& options, RunFacts& facts) {
          facts.smooth_convolutions = smooths_any(graph, plan, options, true);
          facts.smooth_products = smooths_any(graph, plan, options, false);
        },
    .apply = [](Run& run,
                Plan& plan) { smooth_quant(run.graph(), run.statistics(), run.options(), plan); },
};

}  // namespace eightbit::algorithms
