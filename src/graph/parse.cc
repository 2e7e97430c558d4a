// Reads the text form of a graph (text.h).
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <unordered_map>

#include "base/error.h"
#include "graph/text.h"

namespace eightbit {
namespace {

struct Line {
  int number = 0;
  size_t indent = 0;
  std::string_view text;  // without indentation
};

std::vector<Line> split_lines(std::string_view text) {
  std::vector<Line> lines;
  for (int number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const size_t indent = std::min(line.find_first_not_of(" \r"), line.size());
    line.remove_prefix(indent);
    if (!line.empty() && line[0] != '#') lines.push_back({number, indent, line});
  }
  return lines;
}

const std::unordered_map<std::string_view, DType>& dtypes() {
  static const auto* const map = [] {
    auto* out = new std::unordered_map<std::string_view, DType>;
    for (int i = 0; i <= static_cast<int>(DType::string); ++i)
      out->emplace(to_string(static_cast<DType>(i)), static_cast<DType>(i));
    return out;
  }();
  return *map;
}

// "MatMul" -> "mat_mul", "LSTMSequence" -> "lstm_sequence": found by comparing without case and
// underscores.
const std::unordered_map<std::string, Op>& ops_by_letters() {
  static const auto* const map = [] {
    auto* out = new std::unordered_map<std::string, Op>;
    for (const OpRow& r : op_table()) {
      std::string letters(r.name);
      std::erase(letters, '_');
      out->emplace(letters, r.op);
    }
    return out;
  }();
  return *map;
}

Op op_of_type(const std::string& type) {
  std::string letters;
  for (char c : type)
    if (c != '_') letters += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  const auto it = ops_by_letters().find(letters);
  return it == ops_by_letters().end() ? Op::unknown : it->second;
}

struct TensorType {
  DType dtype = DType::undefined;
  Shape shape;
  bool rank_known = true;
};

// Takes tokens from one line.
class Cursor {
 public:
  explicit Cursor(const Line& line) : line_(line), rest_(line.text) {}

  template <typename... Args>
  [[noreturn]] void error(fmt::format_string<Args...> text, Args&&... args) const {
    fail<InvalidArgument>(
        "graph text",
        "line {}: {} in '{}'. The form is: name = Type(inputs) : dtype[shape] {{attributes}}",
        line_.number, fmt::format(text, std::forward<Args>(args)...), line_.text);
  }

  bool done() {
    skip_space();
    return rest_.empty() || rest_[0] == '#';
  }
  bool take(char c) {
    skip_space();
    if (rest_.empty() || rest_[0] != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void expect(char c) {
    if (!take(c)) error("expected '{}'", c);
  }
  bool take_word(std::string_view word) {
    skip_space();
    if (!rest_.starts_with(word)) return false;
    if (rest_.size() > word.size() &&
        (std::isalnum(static_cast<unsigned char>(rest_[word.size()])) || rest_[word.size()] == '_'))
      return false;
    rest_.remove_prefix(word.size());
    return true;
  }

  // A quoted name, or letters up to one of the marks of the form. '/' ends a type.
  std::string name(bool slash_ends = false) {
    skip_space();
    if (take('"')) return quoted_rest();
    size_t length = 0;
    while (length < rest_.size() && !ends_name(rest_[length], slash_ends)) ++length;
    if (length == 0) error("expected a name at '{}'", rest_);
    std::string out(rest_.substr(0, length));
    rest_.remove_prefix(length);
    return out;
  }

  int64_t integer() {
    skip_space();
    int64_t value = 0;
    const auto [end, code] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (code != std::errc()) error("expected a number at '{}'", rest_);
    rest_.remove_prefix(static_cast<size_t>(end - rest_.data()));
    return value;
  }

  std::vector<int64_t> integers() {
    std::vector<int64_t> out{integer()};
    while (take(',')) out.push_back(integer());
    return out;
  }

  // Whether a tensor type such as f32[1,3] comes next.
  bool at_tensor() {
    skip_space();
    return dtypes().contains(rest_.substr(0, rest_.find('[')));
  }

  TensorType tensor() {
    const std::string word = name();
    const auto it = dtypes().find(word);
    if (it == dtypes().end()) error("'{}' is not a dtype", word);
    TensorType out{it->second, {}, true};
    expect('[');
    if (take(']')) return out;
    if (rest_.starts_with("...")) {
      rest_.remove_prefix(3);
      out.rank_known = false;
    } else {
      do out.shape.push_back(take('?') ? -1 : integer());
      while (take(','));
    }
    expect(']');
    return out;
  }

 private:
  static bool ends_name(char c, bool slash_ends) {
    return std::isspace(static_cast<unsigned char>(c)) ||
           std::string_view("()[]{},=:\"").find(c) != std::string_view::npos ||
           (slash_ends && c == '/');
  }
  void skip_space() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(" \r\t"), rest_.size()));
  }

  std::string quoted_rest() {
    std::string out;
    for (size_t i = 0; i < rest_.size(); ++i) {
      if (rest_[i] == '"') {
        rest_.remove_prefix(i + 1);
        return out;
      }
      if (rest_[i] == '\\' && i + 1 < rest_.size()) ++i;
      out += rest_[i];
    }
    error("a quoted name does not end");
  }

  const Line& line_;
  std::string_view rest_;
};

Attributes parse_attributes(Cursor& cursor) {
  Attributes a;
  while (!cursor.take('}')) {
    const std::string key = cursor.name();
    if (key == "auto_pad")
      a.auto_pad = true;
    else if (key == "transpose_a")
      a.transpose_a = true;
    else if (key == "transpose_b")
      a.transpose_b = true;
    else if (key == "linear_before_reset")
      a.linear_before_reset = true;
    else if (key == "nearest")
      a.nearest = true;
    else if (key == "channels_last")
      a.channels_last = true;
    else {
      cursor.expect('=');
      if (key == "strides")
        a.strides = cursor.integers();
      else if (key == "dilations")
        a.dilations = cursor.integers();
      else if (key == "pads_begin")
        a.pads_begin = cursor.integers();
      else if (key == "pads_end")
        a.pads_end = cursor.integers();
      else if (key == "levels")
        a.levels = cursor.integer();
      else if (key == "axis")
        a.axis = cursor.integer();
      else
        cursor.error("there is no attribute '{}'", key);
    }
  }
  return a;
}

// Builds one graph from the lines of one indentation.
class Builder {
 public:
  explicit Builder(std::span<const Line> lines) : lines_(lines) {}

  Graph build() {
    size_t at = 0;
    while (at < lines_.size()) {
      add_node(lines_[at]);
      at = add_bodies(at + 1);
    }
    return std::move(graph_);
  }

 private:
  void add_node(const Line& line) {
    Cursor cursor(line);
    const std::string name = cursor.name();
    if (graph_.find(name) != kNone) cursor.error("'{}' is declared twice", name);
    cursor.expect('=');
    const std::string type = cursor.name(true);
    const Op op = cursor.take('/') ? op_from_name(cursor.name()) : op_of_type(type);
    cursor.expect('(');
    std::vector<ValueId> inputs;
    if (!cursor.take(')')) {
      do inputs.push_back(input(cursor, name, inputs.size()));
      while (cursor.take(','));
      cursor.expect(')');
    }
    std::vector<TensorType> outputs;
    if (cursor.take(':')) {
      do outputs.push_back(cursor.tensor());
      while (cursor.take(','));
    }
    const NodeId id = graph_.add_node(name, type, op, std::move(inputs),
                                      cursor.take('{') ? parse_attributes(cursor) : Attributes{});
    for (TensorType& t : outputs) graph_.add_output(id, t.dtype, std::move(t.shape), t.rank_known);
    if (!cursor.done()) cursor.error("there is more than one statement");
  }

  ValueId input(Cursor& cursor, const std::string& node, size_t port) {
    if (cursor.take_word("_")) return kNone;
    if (cursor.take_word("const")) return constant(cursor, fmt::format("{}.{}", node, port));
    const std::string name = cursor.name();
    if (cursor.take(':')) return output(cursor, name, cursor.integer());
    const auto it = constants_.find(name);
    return it == constants_.end() ? output(cursor, name, 0) : it->second;
  }

  ValueId output(Cursor& cursor, const std::string& name, int64_t port) {
    const NodeId id = graph_.find(name);
    if (id == kNone) cursor.error("'{}' is not declared above", name);
    const auto& outputs = graph_.node(id).outputs;
    if (port < 0 || port >= static_cast<int64_t>(outputs.size()))
      cursor.error("'{}' has no output {}", name, port);
    return outputs[static_cast<size_t>(port)];
  }

  ValueId constant(Cursor& cursor, std::string name) {
    if (!cursor.at_tensor()) name = cursor.name();
    const TensorType type = cursor.tensor();
    Constant data;
    while (true) {
      if (cursor.take_word("quantized"))
        data.quantized = true;
      else if (cursor.take_word("compressed"))
        data.compressed = true;
      else
        break;
    }
    data.load = [name]() -> Tensor {
      fail<InternalError>("graph text", "constant '{}' has no bytes", name);
    };
    const ValueId id = graph_.add_constant(name, type.dtype, type.shape, std::move(data));
    if (!constants_.emplace(name, id).second) cursor.error("constant '{}' is declared twice", name);
    return id;
  }

  // Lines indented deeper than a node are its bodies, each started by "body:".
  size_t add_bodies(size_t at) {
    const size_t outer = lines_[0].indent;
    while (at < lines_.size() && lines_[at].indent > outer) {
      const Line& head = lines_[at];
      if (head.text != "body:") Cursor(head).error("expected 'body:'");
      size_t end = at + 1;
      while (end < lines_.size() && lines_[end].indent > head.indent) ++end;
      graph_.nodes.back().bodies.push_back(
          std::make_shared<Graph>(Builder(lines_.subspan(at + 1, end - at - 1)).build()));
      at = end;
    }
    return at;
  }

  std::span<const Line> lines_;
  Graph graph_;
  std::unordered_map<std::string, ValueId> constants_;
};

}  // namespace

Graph parse_graph(std::string_view text) {
  const std::vector<Line> lines = split_lines(text);
  return Builder(lines).build();
}

}  // namespace eightbit
