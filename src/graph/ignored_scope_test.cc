#include "graph/ignored_scope.h"

#include <eightbit/error.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "graph/text.h"

namespace eightbit {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Graph sample() {
  return parse_graph(
      "in = Parameter() : f32[1]\n"
      "block/conv1 = Convolution(in, const weight1 f32[1]) : f32[1]\n"
      "block/relu1 = Relu(block/conv1) : f32[1]\n"
      "side = Relu(block/conv1) : f32[1]\n"
      "sum = Add(block/relu1, side) : f32[1]\n"
      "tail = Relu(sum) : f32[1]\n"
      "if = If(sum) : f32[1]\n"
      "  body:\n"
      "    inner = Parameter() : f32[1]\n"
      "    inner/tanh = Tanh(inner) : f32[1]\n"
      "out = Result(tail)\n");
}

std::vector<std::string> ignored(const IgnoredScope& scope) {
  const Graph graph = sample();
  std::vector<std::string> names;
  const IgnoredNodes result = resolve_ignored_scope(graph, scope);
  for (const Node& node : graph.nodes)
    if (!result.rule[node.id].empty()) names.push_back(node.name);
  return names;
}

std::string error_of(const IgnoredScope& scope) {
  try {
    resolve_ignored_scope(sample(), scope);
  } catch (const InvalidArgument& error) {
    return error.what();
  }
  return "no InvalidArgument";
}

IgnoredScope names(std::vector<std::string> list) {
  IgnoredScope scope;
  scope.names = std::move(list);
  return scope;
}

IgnoredScope patterns(std::vector<std::string> list) {
  IgnoredScope scope;
  scope.patterns = std::move(list);
  return scope;
}

IgnoredScope subgraph(std::vector<std::string> inputs, std::vector<std::string> outputs) {
  IgnoredScope scope;
  scope.subgraphs.push_back({std::move(inputs), std::move(outputs)});
  return scope;
}

TEST(IgnoredScope, NamesExactly) {
  EXPECT_THAT(ignored(names({"side", "sum"})), ElementsAre("side", "sum"));
}

TEST(IgnoredScope, PatternsFromTheStart) {
  EXPECT_THAT(ignored(patterns({"block/"})), ElementsAre("block/conv1", "block/relu1"));
  EXPECT_THAT(ignored(patterns({".*1$"})), ElementsAre("block/conv1", "block/relu1"));
  EXPECT_THAT(error_of(patterns({"conv1"})), HasSubstr("must match from the start"));
}

TEST(IgnoredScope, TypesExactly) {
  IgnoredScope scope;
  scope.types = {"Relu"};
  EXPECT_THAT(ignored(scope), ElementsAre("block/relu1", "side", "tail"));
  scope.types = {"relu"};
  EXPECT_THAT(error_of(scope), HasSubstr("Did you mean Relu"));
}

TEST(IgnoredScope, SubgraphsTakeEveryPath) {
  EXPECT_THAT(ignored(subgraph({"block/conv1"}, {"sum"})),
              ElementsAre("block/conv1", "block/relu1", "side", "sum"));
  EXPECT_THAT(ignored(subgraph({"side"}, {"side"})), ElementsAre("side"));
  EXPECT_THAT(ignored(subgraph({"side", "block/relu1"}, {"sum", "tail"})),
              ElementsAre("block/relu1", "side", "sum", "tail"));
}

TEST(IgnoredScope, SubgraphProblems) {
  EXPECT_THAT(error_of(subgraph({"tail"}, {"side"})), HasSubstr("no path leads"));
  EXPECT_THAT(error_of(subgraph({"tial"}, {"side"})),
              HasSubstr("no node 'tial'. Did you mean tail"));
}

TEST(IgnoredScope, AllProblemsInOneError) {
  IgnoredScope scope = names({"sums", "nothing-like-it"});
  scope.types = {"Rleu"};
  const std::string text = error_of(scope);
  EXPECT_THAT(text, HasSubstr("3 of the rules match nothing"));
  EXPECT_THAT(text, HasSubstr("name 'sums'. Did you mean sum"));
  EXPECT_THAT(text, HasSubstr("name 'nothing-like-it'."));
  EXPECT_THAT(text, HasSubstr("validate=false"));
}

TEST(IgnoredScope, ConstantsAreNamedWithTheirReaders) {
  const IgnoredNodes named = resolve_ignored_scope(sample(), names({"weight1"}));
  EXPECT_THAT(
      named.notes,
      ElementsAre(HasSubstr(
          "'weight1' has no effect: it is a constant, read by block/conv1. Name it instead")));
  EXPECT_TRUE(
      std::ranges::all_of(named.rule, [](const std::string& rule) { return rule.empty(); }));
  EXPECT_THAT(resolve_ignored_scope(sample(), patterns({"weight"})).notes,
              ElementsAre(HasSubstr("read by block/conv1")));
}

TEST(IgnoredScope, WithoutValidationTheRestIsUsed) {
  IgnoredScope scope = names({"sums", "sum"});
  scope.validate = false;
  EXPECT_THAT(ignored(scope), ElementsAre("sum"));
}

TEST(IgnoredScope, BadExpressionIsAlwaysAnError) {
  IgnoredScope scope = patterns({"(unclosed"});
  scope.validate = false;
  EXPECT_THAT(error_of(scope), HasSubstr("'(unclosed' is not a regular expression"));
}

TEST(IgnoredScope, RulesMayMeanBodies) {
  EXPECT_THAT(ignored(names({"inner/tanh"})), ElementsAre());
  EXPECT_THAT(ignored(subgraph({"inner"}, {"inner/tanh"})), ElementsAre());
  EXPECT_THAT(error_of(names({"inner/tan"})), HasSubstr("Did you mean inner/tanh"));
}

TEST(IgnoredScope, NotesSayWhatMatched) {
  IgnoredScope scope = patterns({"block/", "inner/"});
  scope.names = {"sum"};
  EXPECT_THAT(
      resolve_ignored_scope(sample(), scope).notes,
      ElementsAre("ignored_scope names 'sum' matched 1 node: sum",
                  "ignored_scope patterns 'block/' matched 2 nodes: block/conv1, block/relu1",
                  "ignored_scope patterns 'inner/' matched 0 nodes and 1 in bodies"));
}

TEST(IgnoredScope, FirstRuleIsTheReason) {
  IgnoredScope scope = names({"sum"});
  scope.types = {"Add"};
  EXPECT_EQ(resolve_ignored_scope(sample(), scope).rule[4], "names");
}

}  // namespace
}  // namespace eightbit
