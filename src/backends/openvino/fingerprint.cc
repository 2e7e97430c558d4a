#include "backends/openvino/fingerprint.h"

#include <bit>
#include <openvino/core/attribute_visitor.hpp>
#include <openvino/op/constant.hpp>
#include <unordered_map>

#include "base/hash.h"

namespace eightbit::openvino {
namespace {

class Hasher : public ov::AttributeVisitor {
 public:
  void add(uint64_t value) { hash_ = mix_hash(hash_, value); }
  void add(std::string_view text) { add(hash_bytes(text)); }
  template <typename T>
  void add(const std::vector<T>& values) {
    add(hash_bytes(std::as_bytes(std::span(values))));
  }
  uint64_t result() const { return finish_hash(hash_); }

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
  uint64_t hash_ = kHashStart;
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
