// What belongs to each node or to each value of a graph: a vector that takes their ids.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace eightbit {

using NodeId = int32_t;
using ValueId = int32_t;
inline constexpr int32_t kNone = -1;

// `Id` says which numbers the elements have; an id outside of the graph is an error of the caller.
template <typename Id, typename T>
class Indexed {
 public:
  using value_type = T;
  using const_iterator = typename std::vector<T>::const_iterator;

  Indexed() = default;
  explicit Indexed(size_t size) : items_(size) {}
  Indexed(size_t size, const T& item) : items_(size, item) {}

  typename std::vector<T>::reference operator[](Id id) { return items_[static_cast<size_t>(id)]; }
  typename std::vector<T>::const_reference operator[](Id id) const {
    return items_[static_cast<size_t>(id)];
  }

  size_t size() const { return items_.size(); }
  bool empty() const { return items_.empty(); }
  void assign(size_t size, const T& item) { items_.assign(size, item); }
  void resize(size_t size) { items_.resize(size); }
  void push_back(T item) { items_.push_back(std::move(item)); }
  template <typename... Args>
  decltype(auto) emplace_back(Args&&... args) {
    return items_.emplace_back(std::forward<Args>(args)...);
  }

  auto begin() { return items_.begin(); }
  auto end() { return items_.end(); }
  auto begin() const { return items_.begin(); }
  auto end() const { return items_.end(); }
  auto rbegin() const { return items_.rbegin(); }
  auto rend() const { return items_.rend(); }
  decltype(auto) back() { return items_.back(); }
  decltype(auto) back() const { return items_.back(); }

  bool operator==(const Indexed&) const = default;

 private:
  std::vector<T> items_;
};

}  // namespace eightbit
