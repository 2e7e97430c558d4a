// FNV-1a over 8-byte lanes, four of them side by side for long buffers, each round followed by a
// rotation so that high bits reach low ones (plain FNV-1a lets them only move up). Not
// cryptographic. Little-endian lanes.
#include "backends/openvino/fingerprint.h"

#include <array>
#include <bit>
#include <cstring>
#include <openvino/core/attribute_visitor.hpp>
#include <openvino/op/constant.hpp>
#include <unordered_map>

namespace eightbit::openvino {
namespace {

constexpr uint64_t kOffset = 0xcbf29ce484222325u, kPrime = 0x100000001b3u;

constexpr uint64_t mix(uint64_t hash, uint64_t value) {
  return std::rotl((hash ^ value) * kPrime, 29);
}

constexpr uint64_t finish(uint64_t hash) {
  hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccdu;
  return hash ^ (hash >> 29);
}

uint64_t lane(const std::byte* data) {
  uint64_t value;
  std::memcpy(&value, data, sizeof(value));
  return value;
}

class Hasher : public ov::AttributeVisitor {
 public:
  void add(uint64_t value) { hash_ = mix(hash_, value); }
  void add(std::string_view text) { add(hash_bytes(std::as_bytes(std::span(text)))); }
  template <typename T>
  void add(const std::vector<T>& values) {
    add(hash_bytes(std::as_bytes(std::span(values))));
  }
  uint64_t result() const { return finish(hash_); }

  // Attributes of other kinds (raw buffers of constants) are hashed by the caller.
  void on_adapter(const std::string&, ov::ValueAccessor<void>&) override {}
  void on_adapter(const std::string& name, ov::ValueAccessor<std::string>& a) override {
    pair(name, std::string_view(a.get()));
  }
  void on_adapter(const std::string& name, ov::ValueAccessor<bool>& a) override {
    pair(name, uint64_t{a.get()});
  }
  void on_adapter(const std::string& name, ov::ValueAccessor<int64_t>& a) override {
    pair(name, static_cast<uint64_t>(a.get()));
  }
  void on_adapter(const std::string& name, ov::ValueAccessor<double>& a) override {
    pair(name, std::bit_cast<uint64_t>(a.get()));
  }
  void on_adapter(const std::string& name, ov::ValueAccessor<std::vector<int32_t>>& a) override {
    pair(name, a.get());
  }
  void on_adapter(const std::string& name, ov::ValueAccessor<std::vector<int64_t>>& a) override {
    pair(name, a.get());
  }
  void on_adapter(const std::string& name, ov::ValueAccessor<std::vector<uint64_t>>& a) override {
    pair(name, a.get());
  }
  void on_adapter(const std::string& name, ov::ValueAccessor<std::vector<float>>& a) override {
    pair(name, a.get());
  }
  void on_adapter(const std::string& name,
                  ov::ValueAccessor<std::vector<std::string>>& a) override {
    for (const auto& text : a.get()) pair(name, std::string_view(text));
  }
  void on_adapter(const std::string& name,
                  ov::ValueAccessor<std::shared_ptr<ov::Model>>& a) override {
    if (const auto body = a.get()) pair(name, fingerprint(*body));
  }

 private:
  template <typename T>
  void pair(const std::string& name, const T& value) {
    add(std::string_view(name));
    add(value);
  }
  uint64_t hash_ = kOffset;
};

void add_shape(Hasher& hasher, const ov::PartialShape& shape) {
  hasher.add(shape.rank().is_static() ? static_cast<uint64_t>(shape.rank().get_length())
                                      : ~uint64_t{0});
  if (shape.rank().is_dynamic()) return;
  for (const auto& dimension : shape) {
    hasher.add(static_cast<uint64_t>(dimension.get_min_length()));
    hasher.add(static_cast<uint64_t>(dimension.get_max_length()));
  }
}

void add_constant(Hasher& hasher, const ov::op::v0::Constant& constant) {
  add_shape(hasher, constant.get_output_partial_shape(0));
  if (constant.get_element_type() == ov::element::string) {
    for (const auto& text : constant.get_value_strings()) hasher.add(std::string_view(text));
    return;
  }
  hasher.add(hash_bytes(
      {static_cast<const std::byte*>(constant.get_data_ptr()), constant.get_byte_size()}));
}

}  // namespace

uint64_t hash_bytes(std::span<const std::byte> bytes) {
  std::array<uint64_t, 4> lanes{kOffset, kOffset + 1, kOffset + 2, kOffset + 3};
  const std::byte* data = bytes.data();
  size_t left = bytes.size();
  for (; left >= 32; left -= 32, data += 32)
    for (size_t i = 0; i < 4; ++i) lanes[i] = mix(lanes[i], lane(data + 8 * i));
  uint64_t hash = kOffset;
  for (uint64_t value : lanes) hash = mix(hash, value);
  for (; left >= 8; left -= 8, data += 8) hash = mix(hash, lane(data));
  for (; left > 0; --left, ++data) hash = mix(hash, static_cast<uint64_t>(*data));
  return finish(mix(hash, bytes.size()));
}

uint64_t fingerprint(const ov::Model& model) {
  Hasher hasher;
  std::unordered_map<const ov::Node*, uint64_t> places;
  for (const auto& node : model.get_ordered_ops()) {
    places.emplace(node.get(), places.size());
    hasher.add(std::string_view(node->get_type_info().name));
    hasher.add(
        std::string_view(node->get_type_info().version_id ? node->get_type_info().version_id : ""));
    for (const auto& input : node->input_values()) {
      hasher.add(places.at(input.get_node()));
      hasher.add(input.get_index());
    }
    if (const auto* constant = ov::as_type<const ov::op::v0::Constant>(node.get()))
      add_constant(hasher, *constant);
    else
      node->visit_attributes(hasher);
    for (const auto& output : node->outputs()) {
      hasher.add(std::string_view(output.get_element_type().get_type_name()));
      add_shape(hasher, output.get_partial_shape());
    }
  }
  return hasher.result();
}

}  // namespace eightbit::openvino
