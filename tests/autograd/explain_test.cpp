#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <support/process.h>
#include <support/tensors.h>
#include <support/text.h>

#include <wengert/autograd/compile.h>
#include <wengert/autograd/error.h>
#include <wengert/autograd/operation.h>
#include <wengert/autograd/operations.h>
#include <wengert/autograd/parameter.h>
#include <wengert/autograd/tape.h>

namespace wengert {
namespace {

/// The first line that holds a text.
std::string line_with(const std::string& text, const std::string& part) {
  for (const std::string& line : lines_of(text)) {
    if (line.find(part) != std::string::npos) return line;
  }
  return fmt::format("no line has {} in\n{}", part, text);
}

/// A training step, so that there are products, fused groups, reductions, slots and several results.
class Step {
 public:
  auto compiled() {
    return compile([this](const Tensor& x) {
      Tape tape;
      const Tensor loss = sum(square(tanh(matmul(x, weight_) + 0.5)));
      weight_.assign(weight_.value() - tape.gradient(loss)[weight_] * 0.1);
      return std::pair(loss, weight_.value());
    });
  }

 private:
  Parameter weight_{random_tensor({4, 5}, 1), "weight"};
};

TEST(Explain, IsRefusedWhileTheFunctionRuns) {
  Compiled<std::function<void()>>* running = nullptr;
  auto function = compile(std::function<void()>([&] { static_cast<void>(running->explain()); }));
  running = &function;
  EXPECT_THROW(function(), ValueError);
  EXPECT_EQ(function.explain(), "nothing recorded yet: call the function once\n");
}

TEST(Explain, CountsWhatARecordTakes) {
  auto function = compile([](const Tensor& a, const Tensor& b, const Tensor& c) {
    const Tensor y = matmul(a, b) + c;
    return std::pair(sum(y, {0}), transpose(tanh(y) * y));
  });
  function(zeros({3, 4}), zeros({4, 5}), zeros({5}));
  const std::string text = explain(function);
  const auto expect = [&](const std::string& record, std::int64_t flop, std::int64_t bytes) {
    const std::string line = line_with(text, record);
    EXPECT_TRUE(std::regex_search(line, std::regex(fmt::format("\\s{}\\s+{}\\s", flop, bytes)))) << line;
  };
  expect(" matmul ", 2 * 3 * 4 * 5, 4 * (12 + 20 + 15));
  // What is added is summed up within the group; the product is read again.
  expect("{add tanh mul sum}", 4 * 15, 4 * (15 + 5 + 15 + 5));
  expect(" transpose ", 0, 4 * (15 + 15));
  EXPECT_NE(text.find("; 180 FLOP, "), std::string::npos) << text;
}

TEST(Explain, CountsProductsByWhatIsSummedOver) {
  auto function = compile([](const Tensor& a, const Tensor& b) {
    Tape tape;
    const Tensor x = tape.watch(a), y = tape.watch(b);
    const auto gradients = tape.gradient(sum(matmul(x, y)), {x, y});
    return std::pair(gradients[0], gradients[1]);
  });
  function(random_tensor({2, 3, 7}, 1), random_tensor({2, 7, 5}, 2));
  const std::string text = explain(function);
  std::size_t products = 0;
  for (const std::string& line : lines_of(text.substr(text.find("replayed,")))) {
    if (line.find(" matmul ") == std::string::npos) continue;
    ++products;
    EXPECT_NE(line.find(fmt::format(" {} ", 2 * 2 * 3 * 7 * 5)), std::string::npos) << line;
  }
  EXPECT_EQ(products, 2U) << text;
}

TEST(Explain, IsAnAlignedTable) {
  Step step;
  auto compiled = step.compiled();
  EXPECT_EQ(explain(compiled), "nothing recorded yet: call the function once\n");
  compiled(random_tensor({3, 4}, 2));
  compiled(random_tensor({2, 4}, 2));
  std::size_t operands = 0, rows = 0;
  for (const std::string& line : lines_of(explain(compiled))) {
    if (line.find("operands") != std::string::npos) operands = line.find("operands");
    if (operands == 0 || !std::regex_search(line, std::regex("^ *[0-9]+  "))) continue;
    ++rows;
    ASSERT_GT(line.size(), operands);
    EXPECT_EQ(line.substr(operands - 2, 2), "  ") << line;
    EXPECT_TRUE(std::regex_search(line.substr(operands), std::regex("^(input|slot|constant|value) "))) << line;
  }
  EXPECT_GT(rows, 20U);
}

TEST(Explain, ShowsTimesWhereTheEnvironmentAsksForThem) {
  const auto text_with = [](const char* asked) {
    Step step;
    auto compiled = step.compiled();
    if (asked != nullptr) setenv("WENGERT_PROFILE", asked, 1);
    compiled(random_tensor({3, 4}, 2));
    unsetenv("WENGERT_PROFILE");
    for (int i = 0; i < 5; ++i) compiled(random_tensor({3, 4}, 2));
    return explain(compiled);
  };
  const std::string timed = text_with("1");
  EXPECT_NE(timed.find("5 runs of "), std::string::npos) << timed;
  double share = 0;
  const std::regex percent(" ([0-9.]+) % ");
  for (std::sregex_iterator match(timed.begin(), timed.end(), percent), end; match != end; ++match) {
    share += std::stod((*match)[1]);
  }
  EXPECT_NEAR(share, 100, 2) << timed;  // each is rounded to a tenth
  for (const char* asked : {static_cast<const char*>(nullptr), "0"}) {
    EXPECT_EQ(text_with(asked).find("share"), std::string::npos);
  }
}

/// Checks the part of Graphviz's language that is in use: braces, statements of nodes and edges with quoted attributes;
/// every edge is between nodes that stand before it.
void expect_well_formed(const std::string& text) {
  const std::regex node(R"re((\w+) \[label="((?:[^"\\]|\\.)*)"(, \w+=\w+)*\];)re"),
      edge(R"re((\w+) -> (\w+) \[label="((?:[^"\\]|\\.)*)"\];)re"),
      other(R"re(node \[fontname=monospace\];|label="[^"]*";)re"), open(R"re((digraph|subgraph) \w+ \{)re");
  std::set<std::string> nodes;
  int depth = 0;
  std::size_t edges = 0;
  std::smatch match;
  for (const std::string& line : lines_of(text)) {
    if (std::regex_match(line, open)) {
      ++depth;
    } else if (line == "}") {
      EXPECT_GE(--depth, 0);
    } else if (std::regex_match(line, match, edge)) {
      ++edges;
      EXPECT_TRUE(nodes.contains(match[1]) && nodes.contains(match[2])) << line;
    } else if (std::regex_match(line, match, node)) {
      EXPECT_TRUE(nodes.insert(match[1]).second) << line << " a second time";
    } else {
      EXPECT_TRUE(std::regex_match(line, other)) << line;
    }
    EXPECT_GT(depth, line == "}" ? -1 : 0) << line;
  }
  EXPECT_EQ(depth, 0);
  EXPECT_GE(edges, 10U) << text;
}

TEST(Explain, IsAGraphThatGraphvizTakes) {
  static const Operation quoted = pointwise("test_\"quoted\\", {.formula = [](Scalar x) { return x * x + 1.0; }});
  Step step;
  auto compiled = step.compiled();
  compiled(random_tensor({3, 4}, 2));
  compiled(random_tensor({2, 4}, 2));
  expect_well_formed(explain(compiled, Format::graphviz));
  auto odd = compile([](const Tensor& x) {
    return std::array{x, sum(apply(quoted, {x})), sum(matmul(x, x)) * sum(x)};
  });
  odd(random_tensor({3, 3}, 2));
  const std::string text = explain(odd, Format::graphviz);
  expect_well_formed(text);
  EXPECT_NE(text.find(R"(test_\"quoted\\)"), std::string::npos) << text;

  if (test::run({"sh", "-c", "command -v dot"}).status != 0) return;  // what is well formed has to do
  for (const std::string& graph : {text, explain(compiled, Format::graphviz)}) {
    const std::string path = testing::TempDir() + "wengert_explain_test.dot";
    std::ofstream(path) << graph;
    const test::Finished drawn = test::run({"dot", "-Tsvg", path});
    EXPECT_EQ(drawn.status, 0) << drawn.errors;
    EXPECT_NE(drawn.output.find("</svg>"), std::string::npos);
    std::remove(path.c_str());
  }
}

}  // namespace
}  // namespace wengert
