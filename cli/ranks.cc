#include "ranks.h"

#include <eightbit/error.h>
#include <eightbit/log.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <optional>
#include <thread>
#include <vector>

#include "interrupt.h"

namespace eightbit::cli {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr double kStartSeconds = 10;  // that launchers take to start all ranks

// Variables that a launcher sets for each process that it starts.
struct Launcher {
  const char *name, *index, *count;
};
constexpr Launcher kLaunchers[] = {
    {"mpirun", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"},
    {"mpirun", "PMI_RANK", "PMI_SIZE"},
    {"mpirun", "MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_SIZE"},
    // of a step: a batch script by itself has no number of tasks
    {"srun", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS"},
    {"torchrun", "RANK", "WORLD_SIZE"},
};

std::string read(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

// Whole, or as it was.
void write(const fs::path& file, const std::string& text) {
  const fs::path temporary = file.string() + fmt::format(".{}", ::getpid());
  std::ofstream(temporary, std::ios::binary | std::ios::trunc) << text;
  std::error_code ignored;
  fs::rename(temporary, file, ignored);
}

std::string host() {
  char name[256] = {};
  return ::gethostname(name, sizeof(name) - 1) == 0 ? name : "";
}

class Folder {
 public:
  Folder(const fs::path& output, int64_t count, const std::string& job)
      : path_(output.string() + ".shares"),
        ranks_(fmt::format("of-{}-{:08x}", count, std::hash<std::string>()(job) & 0xffffffff)) {
    std::error_code error;
    fs::create_directories(path_, error);
    if (error)
      throw FileError(
          fmt::format("[ranks] the folder '{}' cannot be made: {}. Choose another output",
                      path_.string(), error.message()));
  }
  const fs::path& path() const { return path_; }
  fs::path file(const char* kind, int64_t index) const {
    return path_ / fmt::format("{}-{}-{}", kind, index, ranks_);
  }
  fs::path share(int64_t index) const { return file("share", index).string() + ".stats"; }

 private:
  fs::path path_;
  std::string ranks_;  // "of-4-" and what tells jobs apart
};

// Tells others that this process lives, until it is destroyed.
class SignsOfLife {
 public:
  explicit SignsOfLife(fs::path file) : file_(std::move(file)), thread_([this] { run(); }) {}
  ~SignsOfLife() {
    ended_ = true;
    thread_.join();
    std::error_code ignored;
    fs::remove(file_, ignored);
  }

 private:
  void run() {
    for (int64_t beat = 0; !ended_; ++beat) {
      if (beat % 10 == 0) write(file_, fmt::format("{} {} {}", host(), ::getpid(), beat));
      std::this_thread::sleep_for(100ms);
    }
  }

  fs::path file_;
  std::atomic<bool> ended_ = false;
  std::thread thread_;
};

// What rank 0 sees of another one.
class Watched {
 public:
  Watched(const Folder& folder, int64_t index) : folder_(folder), index_(index) {}

  // Why there is no hope for its share; nothing while there is. Files of an earlier start may lie
  // about, until the rank is up.
  std::optional<std::string> lost(double patience) {
    const std::string sign = read(folder_.file("alive", index_));
    if (sign != last_) {
      up_ = !first_;
      last_ = sign;
      since_ = Clock::now();
    }
    first_ = false;
    const double silent = std::chrono::duration<double>(Clock::now() - since_).count();
    if (up_ || silent > kStartSeconds) {
      const std::string failed = read(folder_.file("failed", index_));
      if (!failed.empty()) return "it failed with: " + failed;
      if (is_gone(sign)) return "its process is gone";
    }
    if (silent < patience) return std::nullopt;
    return fmt::format("no sign of life in '{}' for {:.0f} s", folder_.path().string(), silent);
  }

 private:
  // Told at once where it runs on this machine.
  static bool is_gone(const std::string& sign) {
    const std::string prefix = host() + " ";
    int pid = 0;
    if (!sign.starts_with(prefix)) return false;
    std::from_chars(sign.data() + prefix.size(), sign.data() + sign.size(), pid);
    return pid > 0 && ::kill(pid, 0) != 0 && errno == ESRCH;
  }

  const Folder& folder_;
  int64_t index_;
  std::string last_;
  bool first_ = true, up_ = false;
  Clock::time_point since_ = Clock::now();
};

// Of an earlier start; nothing where there is none, or it is another model's.
std::optional<Statistics> kept_share(const fs::path& file, const std::string& fingerprint) {
  std::error_code missing;
  if (!fs::exists(file, missing)) return std::nullopt;
  try {
    Statistics share = Statistics::load(file);
    if (share.model_fingerprint() == fingerprint) return share;
  } catch (const DataError&) {  // measured again
  }
  return std::nullopt;
}

Statistics measured_share(const Rank& rank, const Folder& folder, const std::string& fingerprint,
                          const MeasureShare& measure) {
  const fs::path file = folder.share(rank.index), failed = folder.file("failed", rank.index);
  std::error_code ignored;
  fs::remove(failed, ignored);
  if (auto kept = kept_share(file, fingerprint)) return *std::move(kept);
  try {
    const fs::path checkpoint = file.string() + ".checkpoint";
    Statistics share = measure({rank.index, rank.count}, checkpoint);
    share.save(file, true);
    remove_checkpoint(checkpoint);
    return share;
  } catch (const std::exception& error) {
    write(failed, error.what());
    throw;
  }
}

// Waits for the shares of the others.
std::vector<Statistics> gathered(const Rank& rank, const Folder& folder, Statistics own,
                                 const std::string& fingerprint, double patience) {
  std::vector<Statistics> parts = {std::move(own)};
  std::vector<std::string> lost;
  for (int64_t index = 1; index < rank.count; ++index) {
    for (Watched other(folder, index);; std::this_thread::sleep_for(20ms)) {
      throw_if_interrupted();
      const auto cause =
          other.lost(patience);  // before the share is looked for, which it may leave
      if (auto share = kept_share(folder.share(index), fingerprint)) {
        parts.push_back(*std::move(share));
        break;
      }
      if (!cause) continue;
      lost.push_back(fmt::format("rank {} of {}: {}", index, rank.count, *cause));
      break;
    }
  }
  if (!lost.empty())
    throw DataError(fmt::format(
        "[ranks] {}. The shares that are done are kept in '{}': the same command goes on "
        "with what is missing",
        fmt::join(lost, "; "), folder.path().string()));
  return parts;
}

int64_t number_of(const char* name, const char* text) {
  int64_t number = -1;
  const char* end = text + std::string_view(text).size();
  const auto [at, error] = std::from_chars(text, end, number);
  if (error != std::errc{} || at != end || number < 0)
    throw InvalidArgument(fmt::format(
        "[ranks] {} is '{}' in the environment, which is no rank. Unset it, or pass --alone", name,
        text));
  return number;
}

}  // namespace

Rank rank_from_environment() {
  for (const Launcher& launcher : kLaunchers) {
    const char *index = std::getenv(launcher.index), *count = std::getenv(launcher.count);
    if (index == nullptr || count == nullptr) continue;
    const Rank rank{number_of(launcher.index, index), number_of(launcher.count, count),
                    launcher.name};
    if (rank.index >= rank.count)
      throw InvalidArgument(
          fmt::format("[ranks] {} is {} and {} is {}. Unset them, or pass --alone", launcher.index,
                      index, launcher.count, count));
    return rank;
  }
  return {};
}

void RankFlags::add_to(CLI::App& verb) {
  verb.add_flag("--alone", alone,
                "Do all the work in this process, though mpirun, srun or torchrun started several")
      ->group("Ranks");
  verb.add_option("--rank-patience", patience,
                  "Seconds without a sign of life, after which a rank counts as dead")
      ->capture_default_str()
      ->check(CLI::PositiveNumber)
      ->group("Ranks");
}

Statistics measured_by_ranks(const Rank& rank, const RankFlags& flags, const fs::path& output,
                             const std::string& fingerprint, const std::string& job,
                             const MeasureShare& measure) {
  const Folder folder(output, rank.count, fingerprint + job);
  const SignsOfLife alive(folder.file("alive", rank.index));
  Statistics own = measured_share(rank, folder, fingerprint, measure);
  if (rank.index > 0) return {};
  return Statistics::merge(gathered(rank, folder, std::move(own), fingerprint, flags.patience));
}

void remove_shares(const fs::path& output) {
  std::error_code ignored;
  fs::remove_all(output.string() + ".shares", ignored);
}

}  // namespace eightbit::cli
