// A run on a model, as algorithms see it.
#pragma once

#include <eightbit/model.h>
#include <eightbit/options.h>
#include <eightbit/run.h>

#include "algorithms/algorithm.h"

namespace eightbit {

// All that is given must outlive it.
class AlgorithmRun : public algorithms::Run {
 public:
  AlgorithmRun(const backends::Network& network, const records::StatisticsData& statistics,
               const QuantizeOptions& options, const RunOptions& run)
      : network_(&network), statistics_(statistics), options_(options), run_(run) {}

  const Graph& graph() const override;
  Kernels kernels() const override;
  const records::StatisticsData& statistics() const override { return statistics_; }
  const QuantizeOptions& options() const override { return options_; }
  std::vector<int64_t> samples(int64_t wanted) const override;
  void gather(const std::vector<Tap>& taps, std::span<const int64_t> samples,
              std::string_view step) override;
  std::optional<std::vector<BiasShift>> bias_shifts(const Plan& plan,
                                                    std::span<const int64_t> samples,
                                                    bool checked) override;
  void change_network(Plan constants) override;
  int64_t most_moment_bytes() const override;

  // What was changed, and the model with it; empty where nothing was.
  const Plan& change() const { return change_; }
  const Model& changed() const { return changed_; }

 private:
  const backends::Network* network_;
  const records::StatisticsData& statistics_;
  const QuantizeOptions& options_;
  const RunOptions& run_;
  Plan change_;
  Model changed_;
};

// The model with other constants; the model itself where there are none to replace.
Model with_constants(const Model& model, const Plan& constants);

}  // namespace eightbit
