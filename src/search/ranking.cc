#include "search/ranking.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>
#include <numeric>
#include <optional>
#include <set>
#include <span>
#include <utility>

#include "base/freed_memory.h"
#include "base/log.h"
#include "search/noise_attribution.h"
#include "search/output_sizes.h"

namespace eightbit {
namespace {

using search::Energies;
using search::NoiseByValue;

// Noise over signal where elements are no numbers.
constexpr double kMuch = 1e30;
// That the errors of all layers may take, for one sample.
constexpr int64_t kMostErrorBytes = int64_t{512} << 20;
constexpr int64_t kErrorShare = 4;  // of max_memory, a part of this size

int64_t most_error_bytes(const RunOptions& run) {
  return run.max_memory > 0 ? std::min(kMostErrorBytes, run.max_memory / kErrorShare)
                            : kMostErrorBytes;
}

// Signal and noise at these values, one after the other, as a program measures them.
class ValueProgram {
 public:
  // `plan` must outlive it.
  ValueProgram(const backends::Network& network, const Plan& plan, std::vector<ValueId> values,
               bool alone, const RunOptions& run)
      : values_(std::move(values)) {
    if (values_.empty()) return;
    backends::PlanComparison compared{&plan, {}, alone};
    for (ValueId value : values_) compared.comparisons.push_back({value});
    size_ = static_cast<size_t>(compared.comparisons.front().record_size());
    executor_ = network.compile(std::move(compared), {run.threads, {}});
  }

  // Adds to the row of each sample, in order.
  void add(std::span<const Sample> samples, std::span<std::vector<double>> rows,
           const std::function<void(size_t done)>& progress) {
    if (values_.empty()) return;
    auto at = samples.begin();
    size_t done = 0;
    executor_->run([&] { return at == samples.end() ? std::nullopt : std::optional(*at++); },
                   [&](int64_t, std::span<const float> record) {
                     std::vector<double>& row = rows[std::min(done++, rows.size() - 1)];
                     for (size_t i = 0; i < values_.size(); ++i)
                       row.insert(row.end(), {record[i * size_], record[i * size_ + 1]});
                     progress(done);
                   });
  }

 private:
  std::vector<ValueId> values_;
  size_t size_ = 0;
  std::unique_ptr<backends::Executor> executor_;
};

// Corrections make up for what earlier layers do: not for layers that are seen alone.
Plan without_biases(Plan plan) {
  plan.biases.clear();
  return plan;
}

// What a row of terms holds, one after the other (search/noise_attribution.h).
struct Terms {
  std::vector<ValueId> values;
  bool corrected = false, alone = false;
};

std::vector<Terms> terms_of(const Graph& graph, const Plan& plan) {
  const std::vector<ValueId> own = search::values_with_own_noise(graph, plan);
  std::vector<Terms> terms = {{search::values_with_noise(graph, plan), true, false},
                              {own, false, true}};
  if (!plan.biases.empty()) terms.push_back({own, false, false});
  return terms;
}

class NoiseMeter : public TermMeter {
 public:
  NoiseMeter(const backends::Network& network, Plan plan, const RunOptions& run)
      : plan_(std::move(plan)), uncorrected_(without_biases(plan_)) {
    for (Terms& terms : terms_of(network.graph(), plan_))
      programs_.emplace_back(network, terms.corrected ? plan_ : uncorrected_,
                             std::move(terms.values), terms.alone, run);
  }

  std::vector<double> row(const Sample& sample) override {
    std::vector<double> out;
    for (ValueProgram& program : programs_) program.add({&sample, 1}, {&out, 1}, [](size_t) {});
    return out;
  }

 private:
  const Plan plan_, uncorrected_;
  std::vector<ValueProgram> programs_;
};

NoiseByValue sums_of(const std::vector<ValueId>& values, size_t first,
                     const std::vector<std::vector<double>>& terms) {
  NoiseByValue noise;
  for (size_t i = 0; i < values.size(); ++i) {
    Energies& sum = noise[values[i]];
    for (const std::vector<double>& row : terms) {
      sum.signal += row[first + 2 * i];
      sum.noise += row[first + 2 * i + 1];
    }
  }
  return noise;
}

}  // namespace

std::vector<std::vector<double>> noise_terms(const backends::Network& model, const Plan& plan,
                                             const std::vector<Sample>& samples,
                                             const RunOptions& run) {
  std::vector<std::vector<double>> rows(samples.size());
  if (rows.empty()) return rows;
  const Plan uncorrected = without_biases(plan);
  const std::vector<Terms> all = terms_of(model.graph(), plan);
  for (size_t k = 0; k < all.size(); ++k) {  // one program at a time
    const std::string step = fmt::format("rank layers ({}/{})", k + 1, all.size());
    ValueProgram(model, all[k].corrected ? plan : uncorrected, all[k].values, all[k].alone, run)
        .add(samples, rows, [&](size_t done) {
          if (run.progress)
            run.progress({step, static_cast<int64_t>(done), static_cast<int64_t>(rows.size())});
        });
  }
  return rows;
}

std::unique_ptr<TermMeter> noise_meter(const backends::Network& network, Plan plan,
                                       const RunOptions& run) {
  return std::make_unique<NoiseMeter>(network, std::move(plan), run);
}

std::vector<double> noise_shares(const Graph& graph, const Plan& plan,
                                 const std::vector<search::QuantizerGroup>& groups,
                                 const std::vector<std::vector<double>>& terms) {
  std::vector<NoiseByValue> noise;
  size_t first = 0;
  for (const Terms& of : terms_of(graph, plan)) {
    noise.push_back(sums_of(of.values, first, terms));
    first += 2 * of.values.size();
  }
  return search::attribute_noise(graph, plan, groups, noise[0], noise[1],
                                 noise[plan.biases.empty() ? 0 : 2]);
}

std::vector<double> noise_shares(const backends::Network& model, const Plan& plan,
                                 const std::vector<search::QuantizerGroup>& groups,
                                 const std::vector<Sample>& samples, const RunOptions& run) {
  return noise_shares(model.graph(), plan, groups, noise_terms(model, plan, samples, run));
}

namespace {

// Where the errors of a group go in, so that each is counted once: its layers. Where it has none,
// what reads its quantizers.
std::vector<NodeId> places_of(const Graph& graph, const Plan& plan,
                              const search::QuantizerGroup& group) {
  std::set<NodeId> nodes(group.layers.begin(), group.layers.end());
  if (nodes.empty())
    for (size_t q : group.quantizers)
      for (const Use& use : plan.quantizers[q].uses) nodes.insert(use.node);
  std::erase_if(nodes, [&](NodeId id) {
    const Node& node = graph.node(id);
    return node.owner != kNone || node.op == Op::result || node.outputs.empty() ||
           !is_float(graph.value(node.outputs[0]).dtype);
  });
  return {nodes.begin(), nodes.end()};
}

int64_t bytes_of(const Sample& sample) {
  int64_t bytes = 0;
  for (const NamedTensor& input : sample.inputs)
    bytes += static_cast<int64_t>(input.tensor.byte_size());
  return bytes;
}

// Of the errors of all groups, in the largest of the samples.
int64_t bytes_of_errors(const backends::Network& network, const Plan& plan,
                        const std::vector<search::QuantizerGroup>& groups,
                        const std::vector<Sample>& samples) {
  std::vector<NodeId> places;
  for (const search::QuantizerGroup& group : groups)
    std::ranges::copy(places_of(network.graph(), plan, group), std::back_inserter(places));
  const auto counts =
      search::output_sizes(network, places, *std::ranges::max_element(samples, {}, bytes_of));
  return std::accumulate(counts.begin(), counts.end(), int64_t{0}) *
         static_cast<int64_t>(sizeof(float));
}

// Runs a network with the errors of groups of quantizers in it, one group at a time, several runs
// at once. Of its two programs one lives at a time where memory is limited, and is compiled again
// for each sample.
class Injector {
 public:
  Injector(const backends::Network& network, const Plan& plan,
           const std::vector<search::QuantizerGroup>& groups, const RunOptions& run)
      : model_(network),
        plan_(plan),
        threads_(run.max_memory > 0 ? 1 : run.threads),
        limited_(run.max_memory > 0) {
    for (const search::QuantizerGroup& group : groups) {
      const std::vector<NodeId> places = places_of(network.graph(), plan, group);
      begins_.push_back(layers_.size());
      layers_.insert(layers_.end(), places.begin(), places.end());
    }
    begins_.push_back(layers_.size());
  }

  // What the layers of all groups do wrong on a sample.
  void take(const Sample& sample) {
    sample_ = sample;
    sample_.reset_state = true;
    errors_.clear();
    injected_.clear();
    if (limited_) let_go(network_);
    if (!measured_)
      measured_ = model_.compile(backends::LayerErrors{&plan_, layers_}, {threads_, {}});
    errors_ = measured_->run_one(sample_, ignore_);
    if (limited_) let_go(measured_);
    size_t most = 0;
    for (const Tensor& error : errors_) most = std::max(most, error.byte_size());
    if (zeros_.empty() || zeros_.byte_size() < most)
      zeros_ = Tensor::allocate(DType::f32, {static_cast<int64_t>(most / sizeof(float))});
    if (!network_)
      network_ = model_.compile(backends::ErrorInjection{layers_, &injected_}, {threads_, {}});
  }

  // The outputs of the float network for the sample, then those with one group in integers, in
  // order.
  void run(std::span<const size_t> groups, const backends::OutputCallback& outputs) {
    size_t runs = 0;
    network_->run_outputs(
        [&]() -> std::optional<Sample> {
          if (runs > groups.size()) return std::nullopt;
          injected_.clear();
          for (const Tensor& error : errors_) injected_.push_back(nothing(error.shape));
          if (runs > 0) {
            const size_t group = groups[runs - 1];
            for (size_t i = begins_[group]; i < begins_[group + 1]; ++i) injected_[i] = errors_[i];
          }
          ++runs;
          return sample_;
        },
        outputs);
  }

 private:
  static void let_go(std::unique_ptr<backends::Executor>& program) {
    program.reset();
    return_freed_memory();
  }

  Tensor nothing(const Shape& shape) const {
    return {DType::f32, shape, zeros_.data, zeros_.owner};
  }

  const backends::Network& model_;
  const Plan& plan_;
  const int threads_;
  const bool limited_;
  std::vector<NodeId> layers_;  // by group
  std::vector<size_t> begins_;
  std::unique_ptr<backends::Executor> measured_, network_;
  std::vector<Tensor> errors_, injected_;
  Tensor zeros_;
  Sample sample_;
  const backends::RecordCallback ignore_ = [](int64_t, std::span<const float>) {};
};

// Samples on which all groups are looked at; then those alone that matter.
constexpr size_t kSamplesOfAll = 2;

}  // namespace

std::vector<std::vector<double>> noise_of_each(const backends::Network& network, const Plan& plan,
                                               const std::vector<search::QuantizerGroup>& groups,
                                               const std::vector<search::OutputPart>& parts,
                                               const std::vector<Sample>& samples,
                                               double negligible, const RunOptions& run) {
  if (!network.engine().can_inject() || samples.empty()) return {};
  const int64_t bytes = bytes_of_errors(network, plan, groups, samples);
  if (run.max_memory > 0) return_freed_memory();
  if (bytes > most_error_bytes(run)) {
    if (bytes <= kMostErrorBytes)
      log(LogLevel::warning,
          "max_memory leaves no room for the errors of single layers ({:.0f} MB): they are ranked "
          "by their shares of the noise, which may choose others",
          static_cast<double>(bytes) / 1e6);
    return {};
  }
  const Plan uncorrected = without_biases(plan);  // they are for all quantizers together
  Injector injector(network, uncorrected, groups, run);
  std::vector<std::vector<search::OutputNoise>> sums(
      groups.size(), std::vector<search::OutputNoise>(parts.size()));
  std::vector<std::vector<double>> noise(groups.size(), std::vector<double>(parts.size()));
  std::vector<size_t> telling(groups.size());
  std::iota(telling.begin(), telling.end(), size_t{0});
  int64_t done = 0, all = static_cast<int64_t>(samples.size() * groups.size());
  for (size_t s = 0; s < samples.size(); ++s) {
    std::optional<std::vector<Tensor>> reference;
    size_t next = 0;
    injector.take(samples[s]);
    injector.run(telling, [&](std::vector<Tensor> outputs) {
      if (!reference) {
        reference = std::move(outputs);
        return;
      }
      const size_t g = telling[next++];
      for (size_t i = 0; i < parts.size(); ++i)
        sums[g][i].add((*reference)[parts[i].output], outputs[parts[i].output], parts[i]);
      if (run.progress) run.progress({"rank layers", ++done, all});
    });
    for (size_t g : telling)
      for (size_t i = 0; i < parts.size(); ++i)
        noise[g][i] =
            sums[g][i].signal() > 0 ? std::min(sums[g][i].noise() / sums[g][i].signal(), kMuch) : 0;
    if (s + 1 != kSamplesOfAll) continue;
    telling = search::telling_groups(noise, negligible);
    all = done + static_cast<int64_t>((samples.size() - s - 1) * telling.size());
  }
  return noise;
}

std::vector<Sample> samples_at(const Dataset& data, const std::vector<int64_t>& numbers) {
  const std::set<int64_t> wanted(numbers.begin(), numbers.end());
  const auto source = data.open();
  std::vector<Sample> samples;
  for (int64_t number = 0; samples.size() < wanted.size(); ++number) {
    auto sample = source->next();
    if (!sample) return {};
    if (wanted.contains(number)) samples.push_back(*std::move(sample));
  }
  return samples;
}

}  // namespace eightbit
