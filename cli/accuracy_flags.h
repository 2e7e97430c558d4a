// Flags of quantization with accuracy control.
#pragma once

#include <eightbit/accuracy_control.h>

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "data_flags.h"

namespace eightbit::cli {

class AccuracyFlags {
 public:
  void add_to(CLI::App& verb);

  bool given() const { return max_drop_->count() > 0; }
  bool tunes() const { return control_.tune_hyperparams; }
  // InvalidArgument when another flag was given without --max-drop
  void refuse_without_goal() const;
  AccuracyControlOptions options() const;
  // How models are validated. `data` says how files become tensors.
  ValidationFunction validation(const Dataset& validation_data) const;
  Dataset validation_data(const Model& model, const DataFlags& data) const;

 private:
  MetricOptions metric_options() const;

  AccuracyControlOptions control_;
  std::string drop_type_, restore_mode_, on_failure_, source_, metric_, labels_,
      labels_array_ = "labels", alphabet_;
  CLI::Option* max_drop_ = nullptr;
  std::vector<CLI::Option*> others_;
};

}  // namespace eightbit::cli
