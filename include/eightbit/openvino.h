// OpenVINO models in memory: into eightbit and out again. All but look_in() throw Unsupported where
// OpenVINO is not installed, or of a release that this build of eightbit has no part for.
//
//   auto model = eightbit::openvino::wrap(core.read_model("model.xml"));
//   auto quantized = eightbit::openvino::unwrap(eightbit::quantize(model, dataset));
#pragma once

#include <eightbit/model.h>
#include <eightbit/texts.h>

#include <filesystem>
#include <memory>
#include <typeinfo>

namespace ov {
class Model;
}

namespace eightbit::openvino {

// A Model with the present contents of `model`: later changes to `model` do not reach it. Weights
// are shared, not copied. Throws InvalidArgument when `model` is empty.
Model wrap(const std::shared_ptr<ov::Model>& model);
Model wrap(const ov::Model& model);

// A copy that is the caller's to change; weights are shared. Throws Unsupported when `model` is not
// an OpenVINO model.
std::shared_ptr<ov::Model> unwrap(const Model& model);

// Makes `target` the same as unwrap(model), whatever it held before. For callers that own the
// object, such as a Python openvino.Model.
void unwrap_into(const Model& model, ov::Model& target);

// A tokenizer that openvino-tokenizers has converted to IR (openvino_tokenizer.xml), run without
// Python by the library of that package. Throws Unsupported where it is not installed, or for
// another release of OpenVINO; FileError, ModelError.
std::shared_ptr<const Tokenizer> open_tokenizer(const std::filesystem::path& xml);

// The release that is used, "2026.4.1". Throws Unsupported where there is none; see look_in().
std::string release();
// Of ov::Model in that release: for bindings that get objects of it from other libraries.
const std::type_info& model_type();

// Where to look first for OpenVINO's libraries, a folder. Only before OpenVINO is used; what the
// process has loaded by then counts before any folder, and so does $EIGHTBIT_OPENVINO, another
// folder. Without either, the package `openvino` of Python is found, then what the system's loader
// knows.
void look_in(const std::filesystem::path& folder);

}  // namespace eightbit::openvino
