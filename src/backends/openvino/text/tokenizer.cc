#include "backends/openvino/text/tokenizer.h"

#include <algorithm>
#include <mutex>
#include <openvino/op/constant.hpp>
#include <openvino/op/convert.hpp>
#include <openvino/op/select.hpp>
#include <openvino/runtime/properties.hpp>
#include <set>
#include <utility>

#include "backends/openvino/core.h"
#include "backends/openvino/fingerprint.h"
#include "base/error.h"

namespace eightbit::openvino {
namespace {

constexpr std::string_view kWhere = "tokenizer";

void load_ops(const std::filesystem::path& library) {
  static std::mutex mutex;
  static auto* loaded = new std::set<std::filesystem::path>();
  const std::lock_guard lock(mutex);
  if (loaded->contains(library)) return;
  try {
    core().add_extension(library.string());
  } catch (const std::exception& error) {
    fail<Unsupported>(
        kWhere,
        "'{}' cannot be loaded: {}. Install the one for the OpenVINO that is used: pip "
        "install --no-deps openvino-tokenizers=={}.*",
        library.string(), cause_of(error), EIGHTBIT_OPENVINO_RELEASE);
  }
  loaded->insert(library);
}

bool has_output(const ov::Model& model, const std::string& name) {
  return std::ranges::any_of(model.outputs(),
                             [&](const auto& output) { return output.get_names().contains(name); });
}

std::shared_ptr<ov::Node> first_of_type(const ov::Model& model, std::string_view type) {
  for (const auto& node : model.get_ordered_ops())
    if (node->get_type_name() == type) return node;
  return nullptr;
}

// The one value of a constant.
std::optional<int64_t> scalar(const ov::Output<ov::Node>& output) {
  const auto constant = ov::as_type_ptr<ov::op::v0::Constant>(output.get_node_shared_ptr());
  if (!constant || ov::shape_size(constant->get_shape()) != 1) return std::nullopt;
  return constant->cast_vector<int64_t>().front();
}

// What rows of ids are filled up with: the fourth input of the op that makes them as long as the
// longest.
int64_t padding_of(const ov::Model& model) {
  for (const auto& result : model.get_results()) {
    if (!result->output(0).get_names().contains("input_ids")) continue;
    auto node = result->input_value(0).get_node_shared_ptr();
    while (ov::is_type<ov::op::v0::Convert>(node))
      node = node->input_value(0).get_node_shared_ptr();
    if (std::string_view(node->get_type_name()) == "RaggedToDense")
      return scalar(node->input_value(4)).value_or(0);
  }
  return 0;
}

// The input of the op Truncate that holds how much of a text stays; behind it stand the side and
// the way of cutting.
std::optional<ov::Input<ov::Node>> limit_of(const ov::Model& model) {
  const auto cut = first_of_type(model, "Truncate");
  if (!cut || cut->get_input_size() < 6) return std::nullopt;
  return cut->input(cut->get_input_size() - 3);
}

// Texts are cut to `most` tokens of their own; 0: to what the tokenizer says, which it heeds only
// where a variable is set: a Select stands between that and no limit.
void set_limit(ov::Input<ov::Node> limit, int64_t most) {
  const auto select = limit.get_source_output().get_node_shared_ptr();
  const bool may_be_off = ov::is_type<ov::op::v1::Select>(select);
  ov::Output<ov::Node> value = may_be_off ? select->input_value(1) : limit.get_source_output();
  if (most > 0)
    value = std::make_shared<ov::op::v0::Constant>(value.get_element_type(), ov::Shape{},
                                                   std::vector<int64_t>{most});
  if (!may_be_off) return limit.replace_source_output(value);
  for (size_t branch : {1, 2}) select->input(branch).replace_source_output(value);
}

class OpenVinoTokenizer : public Tokenizer {
 public:
  explicit OpenVinoTokenizer(std::shared_ptr<ov::Model> model)
      : model_(std::move(model)),
        padding_(padding_of(*model_)),
        fingerprint_(openvino::fingerprint(*model_)) {}

  Tokens encode(std::span<const std::string> texts, int64_t most) const override {
    if (texts.size() != model_->inputs().size())
      fail<InvalidArgument>(kWhere,
                            "the tokenizer takes {} texts at once, and {} are given. Convert it "
                            "with number_of_inputs={}, or name as many keys",
                            model_->inputs().size(), texts.size(), texts.size());
    const std::lock_guard lock(mutex_);
    if (!request_ || most != most_) limit_to(most_ = most);
    Tokens tokens = run(request_, texts);
    // What marks the ends counts too, and how many that are shows when a text is too long. Cut to
    // less by as much as it is too long, no text loses more than it must.
    while (most > 0 && std::ssize(tokens.ids) > most) {
      if (!limit_of(*model_))
        fail<DataError>(kWhere,
                        "a text has {} tokens, {} are wanted, and the tokenizer has no step that "
                        "cuts it. Convert it again by a newer openvino-tokenizers",
                        tokens.ids.size(), most);
      const int64_t less = limit_ - (std::ssize(tokens.ids) - most);
      if (less < 1)
        fail<InvalidArgument>(kWhere, "{} tokens are too few: some mark the ends of a text", most);
      limit_to(less);
      tokens = run(request_, texts);
    }
    return tokens;
  }

  int64_t padding() const override { return padding_; }

  std::string fingerprint() const override { return fmt::format("{:016x}", fingerprint_); }

 private:
  // Tokens of the text itself; 0: as the tokenizer says.
  void limit_to(int64_t tokens) const {
    limit_ = tokens;
    const auto model = model_->clone();
    if (const auto limit = limit_of(*model)) set_limit(*limit, tokens);
    request_ = compiled_for_cpu(model, compile_options(1)).create_infer_request();
  }

  Tokens run(ov::InferRequest& request, std::span<const std::string> texts) const {
    for (size_t i = 0; i < texts.size(); ++i) {
      ov::Tensor tensor(ov::element::string, {1});
      *tensor.data<std::string>() = texts[i];
      request.set_input_tensor(i, tensor);
    }
    try {
      request.infer();
    } catch (const std::exception& error) {
      fail<DataError>(kWhere, "a text becomes no tokens: {}", cause_of(error));
    }
    const std::vector<int64_t> mask = row(request, "attention_mask");
    return {kept(row(request, "input_ids"), mask), kept(row(request, "token_type_ids"), mask)};
  }

  // Of the one text; nothing where the tokenizer has no such output.
  std::vector<int64_t> row(ov::InferRequest& request, const std::string& name) const {
    if (!has_output(*model_, name)) return {};
    const ov::Tensor tensor = request.get_tensor(name);
    if (tensor.get_element_type() == ov::element::i32)
      return {tensor.data<int32_t>(), tensor.data<int32_t>() + tensor.get_size()};
    return {tensor.data<int64_t>(), tensor.data<int64_t>() + tensor.get_size()};
  }

  // Without what the tokenizer has filled up itself.
  static std::vector<int64_t> kept(std::vector<int64_t> values, const std::vector<int64_t>& mask) {
    if (mask.size() != values.size()) return values;
    std::vector<int64_t> out;
    for (size_t i = 0; i < values.size(); ++i)
      if (mask[i] != 0) out.push_back(values[i]);
    return out;
  }

  std::shared_ptr<ov::Model> model_;
  int64_t padding_ = 0;
  uint64_t fingerprint_ = 0;
  mutable std::mutex mutex_;
  mutable ov::InferRequest request_;
  mutable int64_t most_ = -1, limit_ = 0;  // as asked, and of the text itself
};

}  // namespace

std::shared_ptr<const Tokenizer> read_tokenizer(const std::filesystem::path& path,
                                                const std::filesystem::path& library) {
  load_ops(library);
  auto model = read_file(path);
  const auto inputs = model->inputs();
  const bool takes_texts = !inputs.empty() && std::ranges::all_of(inputs, [](const auto& input) {
    return input.get_element_type() == ov::element::string;
  });
  if (!takes_texts || !has_output(*model, "input_ids"))
    fail<ModelError>(kWhere,
                     "'{}' is no tokenizer: it does not make input_ids of texts. Convert one by "
                     "openvino-tokenizers",
                     path.string());
  return std::make_shared<const OpenVinoTokenizer>(std::move(model));
}

}  // namespace eightbit::openvino
