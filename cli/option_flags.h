// The flags of QuantizeOptions: one for every field, named as the field. What is given becomes
// JSON, laid over that of --config, and is read by the same reader; so names, types and messages
// are those of the library.
#pragma once

#include <eightbit/options.h>

#include <CLI/CLI.hpp>
#include <deque>
#include <string>
#include <vector>

namespace eightbit::cli {

class OptionFlags {
 public:
  void add_to(CLI::App& verb);              // all of them
  void add_calibration_to(CLI::App& verb);  // those that decide what is measured
  void add_max_memory_to(CLI::App& verb);   // of the run, and in --config too

  std::string text() const;                      // what was given, as JSON
  QuantizeOptions read() const;                  // throws InvalidArgument, FileError
  int64_t max_memory() const;                    // bytes, 0: no limit; throws the same
  bool given(const std::string& pointer) const;  // by flag, such as "/subset_size"
  // --recipe, where it names a file (.json) rather than a set of defaults; "" otherwise. Such a
  // file holds all options: throws InvalidArgument where another one was given.
  std::string recipe_file() const;

 private:
  enum class Kind { name, integer, number, boolean, names, objects };
  struct Flag {
    std::string pointer;  // where in the JSON
    Kind kind = Kind::name;
    const CLI::Option* option = nullptr;
    std::string text;
    double number = 0;
    int64_t integer = 0;
    bool boolean = false;
    std::vector<std::string> texts;
  };

  // `name` without the dashes; booleans get a --no-... as well.
  void add(CLI::App& verb, const std::string& name, const std::string& pointer, Kind kind,
           const std::string& help, const std::string& group);
  void add_scope(CLI::App& verb);
  void add_advanced(CLI::App& verb);
  void add_params(CLI::App& verb, const std::string& of);
  void add_range_estimator(CLI::App& verb, const std::string& of);

  std::deque<Flag> flags_;  // stays in place: CLI11 keeps pointers into it
  std::string config_, ignored_scope_, max_memory_;
};

}  // namespace eightbit::cli
