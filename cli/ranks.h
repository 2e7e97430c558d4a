// One command on several processes: started by mpirun, srun or torchrun, each measures its share of
// the data, and rank 0 joins the shares and goes on. No MPI is needed: ranks know each other by
// what the launcher puts into their environment, and by files in a folder beside the output, which
// all of them must see.
//
// The folder OUTPUT.shares holds of each rank
//   share-I-of-N-JOB.stats         what it measured, whole or not there; kept until all are joined
//   ...stats.checkpoint            what it has measured so far
//   alive-I-of-N-JOB               where it runs, and a number that grows every second
//   failed-I-of-N-JOB              why it gave up
// A second start of the same command goes on with what is missing.
#pragma once

#include <eightbit/model.h>
#include <eightbit/statistics.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <functional>
#include <string>

namespace eightbit::cli {

// Which of the processes that a launcher started this is.
struct Rank {
  int64_t index = 0;
  int64_t count = 1;
  std::string launcher{};  // "mpirun"; empty: there was none
};

// From the environment. Throws InvalidArgument where it makes no sense.
Rank rank_from_environment();

struct RankFlags {
  bool alone = false;
  double patience = 60;  // seconds without a sign of life, after which a rank counts as dead

  void add_to(CLI::App& verb);
  Rank rank() const { return alone ? Rank{} : rank_from_environment(); }
};

// Measures one share: with a checkpoint at that path.
using MeasureShare =
    std::function<Statistics(const Shard& shard, const std::filesystem::path& checkpoint)>;

// What all ranks measured together, on rank 0; nothing valid on the others, whose work is done
// then. `fingerprint`: of the model; `job`: data and options, in any form: shares of others are not
// taken. Throws what
// `measure` does; DataError where a rank has died, which names it.
Statistics measured_by_ranks(const Rank& rank, const RankFlags& flags,
                             const std::filesystem::path& output, const std::string& fingerprint,
                             const std::string& job, const MeasureShare& measure);
// Once the result is written: the shares are no longer needed.
void remove_shares(const std::filesystem::path& output);

}  // namespace eightbit::cli
