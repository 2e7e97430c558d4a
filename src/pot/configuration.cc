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

void read_files(const JsonEntry& section, fs::path& model, fs::path& weights) {
  model = existing(section["model"]);
  if (const auto given = find(section, "weights")) weights = existing(*given);
}

void read_cascade(const JsonEntry& cascade, Configuration& out) {
  for (const JsonEntry& entry : cascade.items()) {
    only(entry, {"name", "model", "weights"});
    Part part;
    part.name = entry["name"].text();
    if (std::ranges::find(out.cascade, part.name, &Part::name) != out.cascade.end())
      entry["name"].refuse("is '{}', as another part's. Give each a name of its own", part.name);
    read_files(entry, part.model, part.weights);
    out.cascade.push_back(std::move(part));
  }
}

// A cascade of one is a plain model, and has a name of its own only where the section has none.
void read_model(const JsonEntry& section, Configuration& out) {
  only(section, {"model_name", "name", "model", "weights", "cascade", "framework"});
  // some of POT's examples say "name"
  const auto name = find(section, section.has("model_name") ? "model_name" : "name");
  if (name) out.model_name = name->text();
  const auto cascade = find(section, "cascade");
  const std::vector<JsonEntry> parts = cascade ? cascade->items() : std::vector<JsonEntry>{};
  if (parts.size() > 1) return read_cascade(*cascade, out);
  if (!parts.empty()) {
    only(parts.front(), {"name", "model", "weights"});
    out.algorithms.notes.push_back(fmt::format("{} has one part: a plain model", cascade->path()));
  }
  read_files(parts.empty() ? section : parts.front(), out.model, out.weights);
  if (!name) out.model_name = path_text(out.model.stem());
}

std::string single_source(const Overrides& overrides) {
  if (overrides.data_source.size() > 1)
    fail<InvalidArgument>(kWhere, "{} data sources are given. Of one model there is one",
                          overrides.data_source.size());
  return overrides.data_source.empty() ? "" : overrides.data_source.front();
}

void read_simplified(const JsonEntry& engine, const Overrides& overrides, Configuration& out) {
  for (Part& part : out.cascade)
    part.calibration = pictures_of_part(engine, part.name, overrides.data_source);
  if (!out.cascade.empty()) return;
  out.calibration = pictures_of(engine, single_source(overrides));
  out.evaluation = out.calibration;
}

// What feeds the parts of a cascade is code, which Accuracy Checker's files only name.
[[noreturn]] void refuse_pipeline(const JsonEntry& entry) {
  fail<Unsupported>(
      kWhere,
      "{}: pipelines of Accuracy Checker are not run. Give each part what comes to it: --engine "
      "simplified --data-source PART=FOLDER ...; or name a module of yours, which makes an engine "
      "derived from eightbit.pot.IEEngine (docs/pot.md)",
      entry.path());
}

// The first entry of a list.
JsonEntry first_of(const JsonEntry& list) {
  const std::vector<JsonEntry> items = list.items();
  if (items.empty()) list.refuse("is empty");
  return items.front();
}

bool is_of_accuracy_checker(std::string_view module) {
  return module.starts_with("custom_evaluators.") || module.starts_with("accuracy_checker.") ||
         module.starts_with("openvino.");
}

// `entry`: the section "engine", or an evaluation of a file.
Module module_of(const JsonEntry& entry, const fs::path& folder) {
  only(entry, {"type", "name", "module", "module_config", "python_path", "device", "config",
               "stat_requests_number", "eval_requests_number"});
  const JsonEntry named = entry["module"];
  Module module{named.text(), folder, "{}", named.path()};
  if (is_of_accuracy_checker(module.name)) refuse_pipeline(named);
  const size_t dot = module.name.rfind('.');
  if (dot == std::string::npos || dot == 0 || dot + 1 == module.name.size())
    named.refuse("is '{}'. Write MODULE.NAME, of a function or a class that makes the engine",
                 module.name);
  if (const auto path = find(entry, "python_path")) {
    module.folder = folder / path_in(*path);
    if (!fs::is_directory(module.folder))
      fail<FileError>(kWhere, "{}: '{}' is no folder", path->path(), path_text(module.folder));
  }
  Json config = Json::object();
  if (const auto given = find(entry, "module_config")) {
    if (!given->json().is_object()) given->refuse("must be an object");
    config = given->json();
  }
  if (const auto device = find(entry, "device"); device && !config.contains("device"))
    config["device"] = device->text();
  module.config = config.dump();
  return module;
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
  const auto refuse_cascade = [&](const JsonEntry& entry) {
    if (!out.cascade.empty()) refuse_pipeline(entry);
  };
  if (const auto config = find(engine, "config")) {
    const Json content = parsed(file);
    const JsonEntry root(content, kWhere);
    if (const auto evaluations = find(root, "evaluations")) {
      out.module = module_of(first_of(*evaluations), folder);
      return;
    }
    const JsonEntry model = first_of(root["models"]);
    refuse_cascade(*config);
    return take(checked_model(model, folder), out);
  }
  if (find(engine, "module")) {
    out.module = module_of(engine, fs::current_path());
    return;
  }
  only(engine, {"type", "name", "launchers", "datasets", "device", "config", "stat_requests_number",
                "eval_requests_number"});
  refuse_cascade(engine);
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
  const auto read = [&](std::string_view part) {
    return algorithms_of(section["algorithms"],
                         {find(section, "target_device"), find(section, "model_type")}, true, part);
  };
  out.algorithms = read("");
  for (Part& part : out.cascade) part.algorithms = read(part.name);
  out.algorithms.notes.insert(out.algorithms.notes.begin(), notes.begin(), notes.end());
}

// The metric is that of the whole, which no data of single parts tell.
[[noreturn]] void refuse_control(const JsonEntry& algorithms) {
  fail<Unsupported>(kWhere,
                    "{}: AccuracyAwareQuantization of a cascade needs an engine that runs its "
                    "parts. Name a module of yours in the engine, which makes one derived from "
                    "eightbit.pot.IEEngine (docs/pot.md)",
                    algorithms.path());
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
  const bool may_have_module = out.engine != EngineType::simplified;
  if (out.algorithms.control && !out.cascade.empty() && !may_have_module)
    refuse_control(file["compression"]["algorithms"]);
  if (out.engine == EngineType::simplified)
    read_simplified(engine, overrides, out);
  else
    read_accuracy_checker(engine, accuracy_checker, accuracy_checker_folder, out);
  return out;
}

}  // namespace eightbit::pot
