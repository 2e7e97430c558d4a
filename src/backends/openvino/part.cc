#include "backends/openvino/part.h"

#include "backends/openvino/core.h"
#include "backends/openvino/model.h"
#include "backends/openvino/normal_form/einsum.h"
#include "backends/openvino/text/tokenizer.h"

namespace eightbit::openvino {
namespace {

void clear(ov::Model& model) {
  for (const auto& result : ov::ResultVector(model.get_results())) model.remove_result(result);
  for (const auto& sink : ov::SinkVector(model.get_sinks())) model.remove_sink(sink);
  for (const auto& parameter : ov::ParameterVector(model.get_parameters()))
    model.remove_parameter(parameter);
  for (const auto& variable : ov::op::util::VariableVector(model.get_variables()))
    model.remove_variable(variable);
}

// What is read differs from the model by what is named here.
std::shared_ptr<const backends::Network> normalized(std::shared_ptr<ov::Model> model) {
  make_products_of_einsums(*model);
  return std::make_shared<const OpenVinoModel>(std::move(model));
}

std::shared_ptr<const backends::Network> read(const std::filesystem::path& path) {
  return normalized(read_file(path));
}

std::shared_ptr<const backends::Network> wrap(const ov::Model& model) {
  return normalized(model.clone());
}

std::shared_ptr<ov::Model> unwrap(const backends::Network& network) {
  return native(network).native()->clone();
}

void unwrap_into(const backends::Network& network, ov::Model& target) {
  const auto source = unwrap(network);
  clear(target);
  target.add_parameters(source->get_parameters());
  target.add_variables(source->get_variables());
  target.add_sinks(source->get_sinks());
  target.add_results(source->get_results());
  target.set_friendly_name(source->get_friendly_name());
  target.get_rt_info() = source->get_rt_info();
}

}  // namespace
}  // namespace eightbit::openvino

const eightbit::openvino::Part* eightbit_openvino_part() {
  using namespace eightbit::openvino;
  static const Part part{EIGHTBIT_VERSION,
                         EIGHTBIT_OPENVINO_RELEASE,
                         typeid(ov::Model),
                         read,
                         wrap,
                         unwrap,
                         unwrap_into,
                         read_tokenizer};
  return &part;
}
