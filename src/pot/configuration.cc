// The sections "model" and "engine" of a file, and where its algorithms get what it says once.
#include <eightbit/pot.h>
#include <fmt/format.h>

#include <algorithm>

#include "data/path_text.h"
#include "pot/accuracy_checker.h"
#include "pot/parameters.h"
#include "pot/pictures.h"
#include "pot/reading.h"

namespace eightbit::pot {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

Json parsed(std::string_view json) {
  Json out = Json::parse(json, nullptr, false);
  if (out.is_discarded()) fail<InvalidArgument>(kWhere, "the configuration is no valid JSON");
  return out;
}

fs::path existing(const JsonEntry& entry) {
  fs::path path = path_in(entry);
  std::error_code error;
  if (!fs::exists(path, error))
    fail<FileError>(kWhere,
                    "{}: '{}' does not exist. Relative paths start at the working directory",
                    entry.path(), path_text(path));
  return path;
}

// A cascade of one is a plain model, and has a name of its own only where the section has none.
JsonEntry only_part(const JsonEntry& section, Configuration& out) {
  const auto cascade = find(section, "cascade");
  if (!cascade || cascade->json().empty()) return section;
  const std::vector<JsonEntry> parts = cascade->items();
  if (parts.size() > 1)
    fail<Unsupported>(kWhere,
                      "{}: how {} parts feed each other is code of yours. Derive an engine from "
                      "eightbit.pot.IEEngine in Python, or call them under eightbit.observe(...) "
                      "(docs/pot.md)",
                      cascade->path(), parts.size());
  only(parts.front(), {"name", "model", "weights"});
  out.algorithms.notes.push_back(fmt::format("{} has one part: a plain model", cascade->path()));
  return parts.front();
}

void read_model(const JsonEntry& section, Configuration& out) {
  only(section, {"model_name", "name", "model", "weights", "cascade", "framework"});
  const JsonEntry part = only_part(section, out);
  out.model = existing(part["model"]);
  if (const auto weights = find(part, "weights")) out.weights = existing(*weights);
  // some of POT's examples say "name"
  const auto name = find(section, section.has("model_name") ? "model_name" : "name");
  out.model_name = name ? name->text() : path_text(out.model.stem());
}

void read_simplified(const JsonEntry& engine, const std::string& given, Configuration& out) {
  out.calibration = pictures_of(engine, given);
  out.evaluation = out.calibration;
}

// The first model of a file.
JsonEntry model_of(const JsonEntry& file) {
  if (const auto evaluations = find(file, "evaluations"))
    fail<Unsupported>(
        kWhere,
        "{}: special pipelines are not read, but files with 'models'. Run yours under "
        "eightbit.observe(...) in Python (docs/observer.md)",
        evaluations->path());
  const std::vector<JsonEntry> models = file["models"].items();
  if (models.empty()) file["models"].refuse("is empty");
  return models.front();
}

void take(CheckedModel checked, Configuration& out) {
  out.calibration = std::move(checked.calibration);
  out.evaluation = std::move(checked.evaluation);
  out.top_k = std::move(checked.top_k);
  out.unmeasured = std::move(checked.unmeasured);
  out.algorithms.notes.insert(out.algorithms.notes.end(), checked.notes.begin(),
                              checked.notes.end());
}

void read_accuracy_checker(const JsonEntry& engine, std::string_view file, const fs::path& folder,
                           Configuration& out) {
  if (const auto config = find(engine, "config")) {
    const Json content = parsed(file);
    return take(checked_model(model_of(JsonEntry(content, kWhere)), folder), out);
  }
  if (const auto module = find(engine, "module"))
    fail<Unsupported>(kWhere,
                      "{}: evaluation modules are not run. Run your pipeline under "
                      "eightbit.observe(...) in Python (docs/observer.md)",
                      module->path());
  only(engine, {"type", "name", "launchers", "datasets", "device", "config", "stat_requests_number",
                "eval_requests_number"});
  take(checked_model(engine, fs::current_path()), out);
}

EngineType type_of(const JsonEntry& engine, const Overrides& overrides) {
  if (overrides.engine) return *overrides.engine;
  const auto type = find(engine, "type");
  if (!type) return EngineType::accuracy_checker;
  if (type->json() == "data_free")
    fail<Unsupported>(kWhere,
                      "{} is data_free: ranges need data. Use simplified with some pictures",
                      type->path());
  return choice(*type, std::map<std::string, EngineType, std::less<>>{
                           {"simplified", EngineType::simplified},
                           {"accuracy_checker", EngineType::accuracy_checker}});
}

void read_compression(const JsonEntry& section, Configuration& out) {
  only(section, {"target_device", "model_type", "inplace_statistics", "dump_intermediate_model",
                 "algorithms"});
  std::vector<std::string> notes = std::move(out.algorithms.notes);
  out.algorithms = algorithms_of(
      section["algorithms"], {find(section, "target_device"), find(section, "model_type")}, true);
  out.algorithms.notes.insert(out.algorithms.notes.begin(), notes.begin(), notes.end());
}

}  // namespace

fs::path accuracy_checker_file(std::string_view json) {
  const Json content = parsed(json);
  const JsonEntry file(content, kWhere);
  const auto engine = find(file, "engine");
  const auto config = engine ? find(*engine, "config") : std::nullopt;
  return config ? existing(*config) : fs::path();
}

Configuration read_configuration(std::string_view json, const Overrides& overrides,
                                 std::string_view accuracy_checker,
                                 const fs::path& accuracy_checker_folder) {
  const Json content = parsed(json);
  const JsonEntry file(content, kWhere);
  if (const auto optimizer = find(file, "optimizer"))
    fail<Unsupported>(
        kWhere,
        "{}: there is no Tpe search. Use 'eightbit quantize --tune-hyperparams', which "
        "needs no metric",
        optimizer->path());
  only(file, {"model", "engine", "compression", "optimizer"});
  Configuration out;
  read_model(file["model"], out);
  // what is wrong with the parameters shows before any picture is looked for
  read_compression(file["compression"], out);
  const JsonEntry engine = file["engine"];
  out.engine = type_of(engine, overrides);
  if (out.engine == EngineType::simplified)
    read_simplified(engine, overrides.data_source, out);
  else
    read_accuracy_checker(engine, accuracy_checker, accuracy_checker_folder, out);
  return out;
}

}  // namespace eightbit::pot
