#include "pipeline/done_steps.h"

#include "algorithms/algorithm.h"
#include "base/log.h"
#include "quant/plan_json.h"

namespace eightbit {
namespace {

constexpr double kShare = 0.02;           // of the time, that writing may take
constexpr double kBytesASecond = 50e6;    // of a journal, with all that belongs to it
constexpr double kMostSeconds = 15;       // that may be lost
constexpr double kBytesOfTensorByte = 4;  // of numbers as text

double bytes_of(const Plan& plan) {
  double bytes = 0;
  for (const ConstantReplacement& c : plan.constants)
    bytes += static_cast<double>(c.tensor.byte_size());
  return kBytesOfTensorByte * bytes;
}

}  // namespace

DoneSteps::DoneSteps(const Graph& graph, const QuantizeOptions& options, const Plan& placed,
                     Journal& journal)
    : graph_(graph), journal_(journal) {
  if (!journal_.kept()) return;
  start_ = digest(to_json(options) + write_plan(placed, graph, Tensors::left_out).dump());
  for (const algorithms::Algorithm* algorithm : algorithms::list())
    if (journal_.has(key(algorithm->name))) furthest_ = algorithm->name;
}

std::string DoneSteps::key(std::string_view algorithm) const {
  return std::string(algorithm) + " " + start_;
}

bool DoneSteps::take(std::string_view algorithm, AlgorithmRun& run, Plan& plan) {
  if (furthest_.empty()) return false;
  if (furthest_ != algorithm) return true;
  const auto found = journal_.find(key(algorithm));
  Plan change = read_plan(found->at("change"), graph_);
  if (!change.constants.empty()) run.change_network(std::move(change));
  plan = read_plan(found->at("plan"), graph_);
  log(LogLevel::info, "resumed after {}", algorithm);
  furthest_.clear();
  saved_ = Clock::now();
  return true;
}

void DoneSteps::add(std::string_view algorithm, const AlgorithmRun& run, const Plan& plan) {
  if (!journal_.kept()) return;
  const double seconds = std::chrono::duration<double>(Clock::now() - saved_).count();
  const double cost = (bytes_of(plan) + bytes_of(run.change())) / kBytesASecond;
  if (cost > kShare * seconds && seconds < kMostSeconds) return;
  journal_.add(key(algorithm), {{"change", write_plan(run.change(), graph_, Tensors::included)},
                                {"plan", write_plan(plan, graph_, Tensors::included)}});
  saved_ = Clock::now();
}

}  // namespace eightbit
