#include "pipeline/spread_work.h"

#include <eightbit/eightbit.h>
#include <fmt/format.h>

#include <map>
#include <memory>
#include <mutex>
#include <numeric>

#include "base/error.h"
#include "base/journal.h"
#include "base/scratch_folder.h"
#include "base/whole_file.h"
#include "pipeline/algorithm_run.h"
#include "pipeline/tuner.h"
#include "quant/plan_json.h"
#include "search/ranking.h"

namespace eightbit {
namespace {

using Json = Journal::Json;

std::string bytes_of(const records::StatisticsData& statistics) {
  const ScratchFolder folder;
  statistics.save(folder.path() / "statistics", false);
  return read_whole_file(folder.path() / "statistics");
}

records::StatisticsData statistics_of(std::string_view bytes) {
  const ScratchFolder folder;
  const auto file = folder.path() / "statistics";
  write_whole_file(file, false, [&](const Write& write) { write(bytes.data(), bytes.size()); });
  return records::StatisticsData::load(file);
}

std::string context_of(const Model& model, Json what, const records::StatisticsData& statistics) {
  what["eightbit"] = version();
  what["model"] = model.impl().fingerprint();
  return what.dump() + "\n" + bytes_of(statistics);
}

std::vector<Json> answers(const RunOptions& run, const std::string& context,
                          const std::vector<Json>& tasks) {
  std::vector<std::string> texts;
  for (const Json& task : tasks) texts.push_back(task.dump());
  std::vector<Json> out;
  for (const std::string& answer : run.spread(context, texts)) out.push_back(Json::parse(answer));
  if (out.size() != tasks.size())
    fail<InvalidArgument>(
        "spread", "{} tasks were handed out, and {} answers came back. One for each is wanted.",
        tasks.size(), out.size());
  return out;
}

// What belongs to a context, made once.
class Worker {
 public:
  virtual ~Worker() = default;
  virtual Json work_out(const Json& task) = 0;
};

class TuneWorker : public Worker {
 public:
  TuneWorker(const Model& model, const Json& what, records::StatisticsData statistics, int threads)
      : model_(model),
        tuner_(model_, options_from_json(what.at("options").dump())),
        statistics_(tuner_.with_judges_aside(std::move(statistics))) {
    run_.threads = threads;
  }

  Json work_out(const Json& task) override {
    return exact(tuner_.judged(options_from_json(task.dump()), statistics_, run_));
  }

 private:
  const Model model_;
  Tuner tuner_;
  records::StatisticsData statistics_;
  RunOptions run_;
};

// Of terms: a row for each sample.
class TermWorker : public Worker {
 public:
  TermWorker(const Model& model, const Json& what, records::StatisticsData samples, int threads)
      : base_(with_constants(model, read_plan(what.at("alignment"), model.impl().graph()))),
        samples_(std::move(samples)) {
    const Plan plan = read_plan(what.at("plan"), model.impl().graph());
    RunOptions run;
    run.threads = threads;
    meter_ = noise_meter(base_.impl(), plan, run);
  }

  Json work_out(const Json& task) override {
    return exact(meter_->row(samples_.kept_samples.load(task.get<int64_t>())));
  }

 private:
  const Model base_;
  records::StatisticsData samples_;
  std::unique_ptr<TermMeter> meter_;
};

std::unique_ptr<Worker> worker_for(const Model& model, const std::string& context, int threads) {
  const size_t line = context.find('\n');
  const Json what = Json::parse(context.substr(0, line), nullptr, false);
  if (line == std::string::npos || !what.is_object() || what.value("eightbit", "") != version() ||
      what.value("model", "") != model.impl().fingerprint())
    fail<InvalidArgument>("spread",
                          "this process has another eightbit ({}) or another model than the one "
                          "that asks. Install the same, and give it the same file.",
                          version());
  records::StatisticsData statistics = statistics_of(std::string_view(context).substr(line + 1));
  if (what.at("what") == "tune")
    return std::make_unique<TuneWorker>(model, what, std::move(statistics), threads);
  return std::make_unique<TermWorker>(model, what, std::move(statistics), threads);
}

}  // namespace

std::vector<double> spread_candidates(const Model& model, const QuantizeOptions& asked,
                                      const records::StatisticsData& statistics,
                                      const std::vector<QuantizeOptions>& candidates,
                                      const RunOptions& run) {
  const std::string context =
      context_of(model, {{"what", "tune"}, {"options", Json::parse(to_json(asked))}}, statistics);
  std::vector<Json> tasks;
  for (const QuantizeOptions& options : candidates) tasks.push_back(Json::parse(to_json(options)));
  std::vector<double> decibels;
  for (const Json& answer : answers(run, context, tasks)) decibels.push_back(exact(answer));
  return decibels;
}

namespace {

std::vector<std::vector<double>> spread_terms(const char* what, const Planned& planned,
                                              const Plan& plan, const std::vector<Sample>& samples,
                                              const RunOptions& run) {
  const Graph& graph = planned.model.impl().graph();
  records::StatisticsData kept;
  std::vector<Json> tasks;
  for (size_t i = 0; i < samples.size(); ++i) {
    kept.kept_samples.add(static_cast<int64_t>(i), samples[i]);
    tasks.push_back(i);
  }
  const std::string context =
      context_of(planned.model,
                 {{"what", what},
                  {"alignment", write_plan(planned.alignment, graph, Tensors::included)},
                  {"plan", write_plan(plan, graph, Tensors::included)}},
                 kept);
  std::vector<std::vector<double>> terms;
  for (const Json& answer : answers(run, context, tasks)) terms.push_back(exact_list(answer));
  return terms;
}

}  // namespace

std::vector<std::vector<double>> spread_noise_terms(const Planned& planned,
                                                    const std::vector<Sample>& samples,
                                                    const RunOptions& run) {
  return spread_terms("rank", planned, planned.plan, samples, run);
}

std::string work_out(const Model& model, const std::string& context, const std::string& task,
                     int threads) {
  static std::mutex mutex;
  static std::string last;
  static std::unique_ptr<Worker> worker;
  const std::lock_guard lock(mutex);
  if (const std::string now = fmt::format("{} {}", digest(context), threads);
      !worker || now != last) {
    worker.reset();
    worker = worker_for(model, context, threads);
    last = now;
  }
  return worker->work_out(Json::parse(task)).dump();
}

}  // namespace eightbit
