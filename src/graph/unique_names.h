// Names that are made unique: the later of two equal names gets a number.
#pragma once

#include <string>
#include <unordered_map>
#include <unordered_set>

namespace eightbit {

class UniqueNames {
 public:
  // Names that will be asked for: no numbered name meets one of them.
  void reserve(const std::string& name) { names_.insert(name); }

  // `name`, or name_2, name_3 ... where it has been given out.
  std::string unique(const std::string& name) {
    if (used_.insert(name).second) return name;
    int& number = suffixes_[name];
    std::string candidate;
    do candidate = name + "_" + std::to_string(++number + 1);
    while (names_.contains(candidate));
    names_.insert(candidate);
    used_.insert(candidate);
    return candidate;
  }

 private:
  std::unordered_set<std::string> names_, used_;
  std::unordered_map<std::string, int> suffixes_;
};

}  // namespace eightbit
