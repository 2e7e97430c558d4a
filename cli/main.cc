// eightbit: post-training quantization to 8 bits from the command line.
//
// Exit status: 0 done; 2 something in the request (flags, files, data, model) must change; 130
// interrupted; 1 anything else, a defect of eightbit among them.
#include <eightbit/eightbit.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <new>
#include <string>
#include <vector>

#include "console.h"
#include "interrupt.h"
#include "near_names.h"
#include "verbs.h"

namespace eightbit::cli {
namespace {

constexpr int kCaller = 2, kDefect = 1, kInterrupted = 130;

int report(std::string text, int status) {
  std::ranges::replace(text, '\n', ' ');
  print_error("error: " + text);
  return status;
}

std::vector<std::string> flag_names(const CLI::App& verb) {
  std::vector<std::string> names;
  for (const CLI::Option* option : verb.get_options())
    for (const auto& name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

const CLI::App& active(const CLI::App& app) {
  const auto verbs = app.get_subcommands();
  return verbs.empty() ? app : *verbs.front();
}

int usage_error(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App& verb = active(app);
  const std::string help =
      &verb == &app ? "eightbit --help" : fmt::format("eightbit {} --help", verb.get_name());
  std::string text = error.what();
  for (const std::string& word : verb.remaining()) {
    if (!word.starts_with("-")) continue;
    const std::string flag = word.substr(0, word.find('='));
    text = fmt::format("there is no flag {}.{}", flag, suggestion(flag, flag_names(verb)));
    break;
  }
  return report(fmt::format("{}{} See '{}'", text,
                            text.ends_with('.') || text.ends_with('?') ? "" : ".", help),
                kCaller);
}

// CLI11 takes a misspelt verb for a stray argument of none.
int unknown_verb(const CLI::App& app, const std::string& word) {
  std::vector<std::string> names;
  for (const CLI::App* verb : app.get_subcommands({})) names.push_back(verb->get_name());
  return report(fmt::format("there is no verb '{}'.{} Allowed: {}", word, suggestion(word, names),
                            fmt::join(names, ", ")),
                kCaller);
}

bool is_verb(const CLI::App& app, const std::string& word) {
  return std::ranges::any_of(app.get_subcommands({}),
                             [&](const CLI::App* verb) { return verb->get_name() == word; });
}

int run(CLI::App& app, int argc, char** argv) {
  if (argc > 1 && argv[1][0] != '-' && !is_verb(app, argv[1])) return unknown_verb(app, argv[1]);
  try {
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::CallForHelp& e) {
    return app.exit(e);
  } catch (const CLI::CallForAllHelp& e) {
    return app.exit(e);
  } catch (const CLI::CallForVersion& e) {
    return app.exit(e);
  } catch (const CLI::ParseError& e) {
    return usage_error(app, e);
  } catch (const Interrupted& e) {
    return report(e.what(), kInterrupted);
  } catch (const InternalError& e) {
    return report(
        fmt::format(
            "{} This is a defect of eightbit; please report it with the model and this command",
            e.what()),
        kDefect);
  } catch (const Error& e) {
    return report(e.what(), kCaller);
  } catch (const std::bad_alloc&) {
    return report("memory ran out. Close other programs, or give fewer --threads", kDefect);
  } catch (const std::exception& e) {
    return report(e.what(), kDefect);
  }
}

int run(int argc, char** argv) {
  CLI::App app("Post-training quantization to 8 bits", "eightbit");
  app.set_version_flag("--version", fmt::format("eightbit {}", version()));
  app.require_subcommand(1);
  add_quantize(app);
  add_calibrate(app);
  add_merge(app);
  add_plan(app);
  add_inspect(app);
  add_compare(app);
  add_report(app);
  add_benchmark(app);
  add_pot(app);
  catch_signals();
  return run(app, argc, argv);
}

}  // namespace
}  // namespace eightbit::cli

int main(int argc, char** argv) {
  try {
    return eightbit::cli::run(argc, argv);
  } catch (const std::bad_alloc&) {  // while flags are made, or while an error is told
    std::fputs("eightbit: error: memory ran out. Close other programs\n", stderr);
    return eightbit::cli::kDefect;
  }
}
