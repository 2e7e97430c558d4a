#include "pipeline/trial/floor_search.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>
#include <set>

#include "base/log.h"
#include "quant/plan_json.h"
#include "search/integer_work.h"
#include "search/ranking.h"
#include "search/reversal_search.h"
#include "search/shared_weights.h"

namespace eightbit {
namespace {

using Clock = std::chrono::steady_clock;

// What a search costs is counted, so that the same call makes the same model however busy the
// machine is. Models that are written and tried: the first misses by little and wastes by much.
constexpr int64_t kMostModels = 8;
constexpr size_t kRankingRuns = 384;  // inferences that tell the noise of single groups
constexpr size_t kMostRankingSamples = 6;
// of a layer in float, in shares of all work, on top of its own
constexpr double kFixedCost = 0.02;
// of the noise that is allowed: groups do not add up exactly
constexpr double kMargin = 0.7;
// of it, too: groups that have no more together are looked at on two samples alone
constexpr double kNegligible = 0.1;
// In dB, above the floor: the samples have been calibrated with, others come out a little worse.
constexpr double kSurplus = 0.5;
// Of the work, in float, that a dB above the goal is worth, up to so many dB.
constexpr double kWorth = 0.003, kMostGain = 20;
// of the work, in float, less what the dB that it brings are worth: less is not looked for
constexpr double kEnough = 0.04;
// of the noise that is allowed: once the floor is held, what is foreseen to have more is not tried
constexpr double kHopeless = 4;
// of it, too: with no more than that, what costs next to nothing is tried first
constexpr double kPromising = 1.5;

Journal::Json biases_to_json(const std::vector<BiasShift>& biases) {
  Journal::Json out = Journal::Json::array();
  for (const BiasShift& bias : biases) out.push_back({bias.node, bias.axis, bias.shift});
  return out;
}

std::vector<BiasShift> biases_from_json(const Journal::Json& json) {
  std::vector<BiasShift> out;
  for (const Journal::Json& bias : json)
    out.push_back({bias.at(0), bias.at(1), bias.at(2).get<std::vector<float>>()});
  return out;
}

}  // namespace

FloorSearch::FloorSearch(FloorCase of)
    : of_(std::move(of)), all_(search::with_weights_apart(of_.plan)), lead_(of_.lead) {}

Plan FloorSearch::plan() { return search::with_weights_joined(std::move(plan_)); }

// Groups in the order in which they go, those first whose work takes away most noise for its
// share.
void FloorSearch::rank() {
  groups_ = search::quantizer_groups(graph(), all_);
  work_ = search::work_shares(graph(), groups_);
  const auto begin = Clock::now();
  const std::string key = fmt::format("noise of groups {} {}", digest(to_json(all_, graph())),
                                      of_.bench.samples().size());
  noise_.clear();
  for (const Journal::Json& group : of_.journal.remembered(key, [&] {
         Journal::Json groups = Journal::Json::array();
         for (const auto& noise : noise_of_groups()) groups.push_back(exact(noise));
         return groups;
       }))
    noise_.push_back(exact_list(group));
  log(LogLevel::debug, "quality search: noise of {} groups in {:.2f} s", groups_.size(),
      std::chrono::duration<double>(Clock::now() - begin).count());
  std::vector<double> worst;  // of the outputs, before each group of the order
  const size_t outputs = noise_.empty() ? 0 : noise_[0].size();
  std::vector<double> left(outputs);
  for (const auto& noise : noise_)
    for (size_t i = 0; i < outputs; ++i) left[i] += noise[i];
  std::set<int> open;
  for (size_t g = 0; g < groups_.size(); ++g) open.insert(static_cast<int>(g));
  for (double work = 0; !open.empty();) {
    std::erase_if(open,
                  [&](int g) { return work + work_[static_cast<size_t>(g)] > of_.share + 1e-9; });
    if (open.empty()) break;
    const int best = *std::ranges::max_element(open, {}, [&](int g) { return merit(g, left); });
    if (goal_at_ == 0 &&
        std::ranges::all_of(left, [&](double noise) { return noise <= kMargin * allowed(); }))
      goal_at_ = static_cast<int>(order_.size());
    log(LogLevel::debug, "quality search: {} of {:.1f} % of the work, noise {::.1e} of {::.1e}",
        groups_[static_cast<size_t>(best)].layers.empty()
            ? "?"
            : graph().node(groups_[static_cast<size_t>(best)].layers.front()).name,
        100 * work_[static_cast<size_t>(best)], noise_[static_cast<size_t>(best)], left);
    worst.push_back(left.empty() ? 0 : std::ranges::max(left));
    order_.push_back(best);
    open.erase(best);
    work += work_[static_cast<size_t>(best)];
    for (size_t i = 0; i < outputs; ++i) left[i] -= noise_[static_cast<size_t>(best)][i];
  }
  if (goal_at_ == 0) goal_at_ = static_cast<int>(order_.size());
  goal_at_ += worth_more(worst);
}

// So many more groups than the goal wants are worth their work. `worst`: the noise of the worst
// output before each group of the order.
int FloorSearch::worth_more(const std::vector<double>& worst) const {
  int more = 0;
  double least = 0, work = 0;
  for (auto i = static_cast<size_t>(goal_at_); i + 1 < worst.size(); ++i) {
    work += work_[static_cast<size_t>(order_[i])];
    const double gain = 10 * std::log10(kMargin * allowed() / std::max(worst[i + 1], 1e-30));
    const double cost = work - kWorth * std::clamp(gain, 0.0, kMostGain);
    if (cost >= least) continue;
    least = cost;
    more = static_cast<int>(i) + 1 - goal_at_;
  }
  return more;
}

// Noise over signal that an output may have.
double FloorSearch::allowed() const { return energy_of(of_.floor); }

// What counts is noise at outputs that have too much; the little that others have breaks ties.
double FloorSearch::merit(int group, const std::vector<double>& left) const {
  const auto& noise = noise_[static_cast<size_t>(group)];
  double gain = 0;
  for (size_t i = 0; i < left.size(); ++i) {
    const double excess = std::max(0.0, left[i] - kMargin * allowed());
    gain += std::min(noise[i], excess) + 1e-3 * std::min(noise[i], 1.0);
  }
  return gain / (kFixedCost + work_[static_cast<size_t>(group)]);
}

// Of the samples that were tried, in turns those that the noise comes from at outputs that have too
// much of it, and those whose outputs have most signal: what a few samples with much noise say of
// layers may be chance.
std::vector<size_t> FloorSearch::telling_samples(const NoiseRows& noise) const {
  std::vector<double> noisy(noise.size()), loud(noise.size());
  const std::vector<search::OutputNoise> sums = over_samples(noise);
  for (size_t i = 0; i < sums.size(); ++i) {
    const double all = sums[i].noise(), signal = sums[i].signal();
    if (!(all > 0 && signal > 0) || std::isinf(all)) continue;
    const double excess = std::max(1e-3, all / signal - allowed());
    for (size_t s = 0; s < noise.size(); ++s) {
      noisy[s] += excess * noise[s][i].noise() / all;
      loud[s] += noise[s][i].signal() / signal;
    }
  }
  const auto by = [&](const std::vector<double>& weight) {
    std::vector<size_t> order(noise.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::ranges::stable_sort(order, std::greater<>(), [&](size_t s) { return weight[s]; });
    return order;
  };
  const std::vector<size_t> first = by(noisy), second = by(loud);
  std::vector<size_t> order;
  for (size_t k = 0; k < noise.size(); ++k)
    for (size_t s : {first[k], second[k]})
      if (std::ranges::find(order, s) == order.end()) order.push_back(s);
  return order;
}

// By group and output, over the signal, of a few samples; scaled to what all of them have. Where a
// backend cannot tell single groups, shares of the noise of all.
std::vector<std::vector<double>> FloorSearch::noise_of_groups() const {
  const auto& of_all = of_.with_all.noise;
  std::vector<size_t> chosen = telling_samples(of_all);
  const size_t most = std::clamp<size_t>(kRankingRuns / std::max<size_t>(1, groups_.size()), 1,
                                         kMostRankingSamples);
  chosen.resize(std::min(most, chosen.size()));
  std::vector<Sample> samples;
  for (size_t s : chosen) samples.push_back(of_.bench.samples()[s]);
  std::vector<std::vector<double>> noise =
      noise_of_each(of_.planned.base.impl(), all_, groups_, of_.bench.parts(), samples,
                    kNegligible * allowed(), of_.run);
  if (noise.empty()) {
    const double all = energy_of(of_.with_all.sqnr_db);
    const size_t most_samples = of_.bench.samples().size();
    for (double share : noise_shares(of_.planned.base.impl(), all_, groups_,
                                     of_.bench.samples().first(most_samples), of_.run))
      noise.push_back({share * all});
    return noise;
  }
  NoiseRows rows;
  for (size_t s : chosen) rows.push_back(of_all[s]);
  const auto sums = over_samples(of_all), of_some = over_samples(rows);
  for (size_t i = 0; i < sums.size(); ++i) {
    const double all = sums[i].noise(), signal = sums[i].signal(), some = of_some[i].noise(),
                 their_signal = of_some[i].signal();
    if (!(some > 0 && signal > 0 && std::isfinite(all))) continue;
    for (auto& row : noise) row[i] *= (all / signal) / (some / their_signal);
  }
  return noise;
}

bool FloorSearch::run() {
  best_.mean_db = of_.with_all.mean_db;
  rank();
  if (order_.empty()) return false;
  corrected_ = !all_.biases.empty();
  search::SearchLimits limits;
  limits.groups = static_cast<int>(order_.size());
  limits.max_drop = 0;
  limits.put_back_trials = 12;
  limits.first_guess = std::clamp(goal_at_, 1, limits.groups);
  const std::vector<int> cheap = cheap_ranks();
  const bool comes_first =
      std::ssize(cheap) == limits.first_guess && cheap.back() + 1 == limits.first_guess;
  if (!cheap.empty() && !comes_first && foreseen_noise(groups_of(cheap)) <= kPromising * allowed())
    drop_without(cheap);
  search::find_reversal(limits, [&](const std::vector<int>& ranks) { return drop_without(ranks); });
  return !reverted_.empty();
}

// Of the order, what together is so little work that nothing cheaper is looked for.
std::vector<int> FloorSearch::cheap_ranks() const {
  std::vector<int> ranks;
  double work = 0;
  for (size_t rank = 0; rank < order_.size() && work < kEnough; ++rank) {
    const double share = work_[static_cast<size_t>(order_[rank])];
    if (work + share > kEnough) continue;
    ranks.push_back(static_cast<int>(rank));
    work += share;
  }
  return ranks;
}

std::vector<int> FloorSearch::groups_of(const std::vector<int>& ranks) const {
  std::vector<int> groups;
  for (int rank : ranks) groups.push_back(order_[static_cast<size_t>(rank)]);
  return groups;
}

// How far below the goal the model is without these; nothing where time is up.
std::optional<double> FloorSearch::drop_without(const std::vector<int>& ranks) {
  if (models_ >= kMostModels || of_.out_of_time()) return std::nullopt;
  if (holds() && cost_of(reverted_, best_.sqnr_db) <= kEnough) return std::nullopt;
  if (of_.run.progress) of_.run.progress({"quality search", models_, kMostModels});
  std::vector<int> reverted = groups_of(ranks);
  if (holds()) {
    const double noise = foreseen_noise(reverted);
    if (noise > kHopeless * allowed()) return goal() + 10 * std::log10(noise);
  }
  Attempt attempt = attempted(without(reverted), corrected_);
  if (attempt.tried.sqnr_db < goal() && may_correct() && lead_ < kClearLead) {
    Attempt other = attempted(without(reverted), !corrected_);
    lead_ = std::fabs(other.tried.mean_db - attempt.tried.mean_db);
    if (is_better(other.tried, attempt.tried, goal())) {
      attempt = std::move(other);
      corrected_ = !corrected_;
    }
  }
  const double db = attempt.tried.sqnr_db, share = share_of(reverted);
  log(LogLevel::debug,
      "quality search: {:.1f} dB with {} groups in float, {:.0f} % of the work, biases {}", db,
      reverted.size(), 100 * share, corrected_ ? "corrected" : "as they are");
  const bool met = db >= goal();
  const bool better = met != holds() ? met
                      : met          ? cost_of(reverted, db) < cost_of(reverted_, best_.sqnr_db)
                                     : attempt.tried.mean_db > best_.mean_db;
  if (better) {
    plan_ = std::move(attempt.plan);
    reverted_ = std::move(reverted);
    best_ = std::move(attempt.tried);
    of_.keep(best_.compiled.model);
  }
  return goal() - db;
}

// Work in float, less what it brings above the goal.
double FloorSearch::cost_of(const std::vector<int>& reverted, double decibels) const {
  return share_of(reverted) - kWorth * std::clamp(decibels - goal(), 0.0, kMostGain);
}

double FloorSearch::goal() const { return of_.floor + kSurplus; }

bool FloorSearch::holds() const { return !reverted_.empty() && best_.sqnr_db >= goal(); }

// Over signal, of the worst output with these groups in float: what single groups were found to
// make, less what corrections take away when all are quantized.
double FloorSearch::foreseen_noise(const std::vector<int>& reverted) const {
  const auto sum_without = [&](const std::vector<int>& in_float) {
    std::vector<double> sums(noise_.at(0).size());
    for (size_t g = 0; g < noise_.size(); ++g)
      if (std::ranges::find(in_float, static_cast<int>(g)) == in_float.end())
        for (size_t i = 0; i < sums.size(); ++i) sums[i] += noise_[g][i];
    return sums.empty() ? 0 : std::ranges::max(sums);
  };
  const double all = sum_without({});
  return all > 0 ? sum_without(reverted) * std::min(1.0, energy_of(of_.with_all.sqnr_db) / all) : 0;
}

bool FloorSearch::may_correct() const {
  return !of_.options.advanced_parameters.disable_bias_correction;
}

// Corrections that were measured with all quantizers on do not suit a plan with fewer of them,
// and those that did harm there may help without the worst of them.
FloorSearch::Attempt FloorSearch::attempted(Plan plan, bool corrected) {
  ++models_;
  if (!of_.journal.kept()) return attempted_now(std::move(plan), corrected);
  const std::string key = fmt::format("attempt {} {} {}", digest(to_json(plan, graph())), corrected,
                                      of_.bench.samples().size());
  if (const auto found = of_.journal.find(key)) return attempted_before(std::move(plan), *found);
  Attempt attempt = attempted_now(std::move(plan), corrected);
  of_.journal.add(key, {{"sqnr_db", exact(attempt.tried.sqnr_db)},
                        {"mean_db", exact(attempt.tried.mean_db)},
                        {"biases", biases_to_json(attempt.plan.biases)}});
  return attempt;
}

// Its model is written again, and compiled only where it turns out to be the best one.
FloorSearch::Attempt FloorSearch::attempted_before(Plan plan, const Journal::Json& found) const {
  plan.biases = biases_from_json(found.at("biases"));
  plan.notes = all_.notes;
  Tried tried;
  tried.compiled.model = of_.written(search::with_weights_joined(plan));
  tried.compiled.precision = of_.precision;
  tried.sqnr_db = exact(found.at("sqnr_db"));
  tried.mean_db = exact(found.at("mean_db"));
  return {std::move(plan), std::move(tried)};
}

FloorSearch::Attempt FloorSearch::attempted_now(Plan plan, bool corrected) {
  // two networks in a program: under a limit of memory with the activations of one sample
  RunOptions run = of_.run;
  if (run.max_memory > 0) run.threads = 1;
  if (corrected)
    correct_biases(of_.planned.base.impl(), of_.statistics, of_.options, run, plan);
  else
    plan.biases.clear();
  plan.notes = all_.notes;
  Tried found = of_.tried(of_.written(search::with_weights_joined(plan)));
  return {std::move(plan), std::move(found)};
}

Plan FloorSearch::without(const std::vector<int>& reverted) const {
  Plan plan = search::without_groups(graph(), all_, groups_, reverted, false);
  for (size_t i = all_.left_float.size(); i < plan.left_float.size(); ++i)
    plan.left_float[i].reason = fmt::format("min_sqnr_db {:g}", of_.floor);
  return plan;
}

double FloorSearch::share_of(const std::vector<int>& groups) const {
  double sum = 0;
  for (int group : groups) sum += work_[static_cast<size_t>(group)];
  return sum;
}

// The layers whose noise is largest, of those that are still quantized.
std::vector<std::string> FloorSearch::suspects() const {
  std::vector<int> left(groups_.size());
  std::iota(left.begin(), left.end(), 0);
  std::erase_if(left,
                [&](int group) { return std::ranges::find(reverted_, group) != reverted_.end(); });
  std::ranges::stable_sort(left, std::greater<>(), [&](int group) {
    const auto& noise = noise_[static_cast<size_t>(group)];
    return noise.empty() ? 0.0 : std::ranges::max(noise);
  });
  std::vector<std::string> names;
  for (int group : left)
    if (names.size() < 3 && !groups_[static_cast<size_t>(group)].layers.empty())
      names.push_back(graph().node(groups_[static_cast<size_t>(group)].layers.front()).name);
  return names;
}

}  // namespace eightbit
