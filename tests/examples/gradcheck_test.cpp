#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include "datasets/test_files.h"
#include "support/process.h"
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <wengert/autograd/operation.h>

namespace wengert::test {
namespace {

using nlohmann::json;

Finished gradcheck(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), WENGERT_GRADCHECK);
  return run(arguments);
}

std::size_t differentiable_operations() {
  const auto all = catalogue();
  return static_cast<std::size_t>(
      std::count_if(all.begin(), all.end(), [](const Operation* operation) { return operation->differentiable; }));
}

TEST(GradcheckProgram, ChecksTheWholeCatalogueAtBothOrders) {
  const TemporaryDirectory directory;
  const std::string file = directory / "gradients.json";
  const Finished finished = gradcheck({"--json", file});
  EXPECT_EQ(finished.status, 0) << finished.output << finished.errors;
  EXPECT_NE(finished.output.find(" 0 failed; "), std::string::npos);
  EXPECT_EQ(finished.output.find("FAILED"), std::string::npos);

  const json rows = json::parse(read_file(file));
  ASSERT_EQ(rows.size(), 2 * differentiable_operations());
  for (const json& row : rows) {
    EXPECT_TRUE(row.at("passed").get<bool>()) << row;
    EXPECT_GE(row.at("samples").get<int>(), 3) << row;
    EXPECT_LE(row.at("max_relative_error").get<double>(), row.at("order") == 1 ? 1e-6 : 1e-5) << row;
    EXPECT_TRUE(row.at("worst").contains("analytic")) << row;
    EXPECT_NE(find_operation(row.at("operation").get<std::string>()), nullptr);
  }
}

TEST(GradcheckProgram, ChecksWhatItIsToldTo) {
  const TemporaryDirectory directory;
  const std::string file = directory / "gradients.json";
  EXPECT_EQ(gradcheck({"--operation", "sigmoid", "--order", "2", "--json", file}).status, 0);
  const json rows = json::parse(read_file(file));
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].at("operation"), "sigmoid");
  EXPECT_EQ(rows[0].at("order"), 2);
}

TEST(GradcheckProgram, AlignsItsTable) {
  const Finished finished = gradcheck({"--operation", "add", "--operation", "softmax_cross_entropy", "--order", "1"});
  std::istringstream output(finished.output);
  std::vector<std::string> lines(3);
  for (std::string& line : lines) std::getline(output, line);
  const std::size_t column = lines[0].find("largest at");
  EXPECT_EQ(lines[1].find("sample "), column);
  EXPECT_EQ(lines[2].find("sample "), column);
}

TEST(GradcheckProgram, RefusesAFileWithoutAName) {
  const Finished finished = gradcheck({"--operation", "relu", "--json", ""});
  EXPECT_EQ(finished.status, 2);
  EXPECT_EQ(finished.errors, "gradcheck: --json: is empty; expected the name of a file\n");
}

TEST(GradcheckProgram, SaysHowItIsUsed) {
  const Finished help = gradcheck({"--help"});
  EXPECT_EQ(help.status, 0);
  for (const char* flag : {"--operation", "--order", "--json", "--help", "--version"}) {
    EXPECT_NE(help.output.find(flag), std::string::npos) << flag;
  }
  EXPECT_EQ(gradcheck({"--version"}).status, 0);
}

TEST(GradcheckProgram, EndsWithOneForAWrongDerivative) {
  const TemporaryDirectory directory;
  const std::string file = directory / "gradients.json";
  const Finished finished = run(
      {WENGERT_GRADCHECK_WRONG, "--order", "1", "--operation", "sigmoid", "--operation", "wrong_cube", "--json", file});
  EXPECT_EQ(finished.status, 1);
  EXPECT_NE(finished.output.find("\n2 checks, 1 failed; "), std::string::npos) << finished.output;
  const json rows = json::parse(read_file(file));
  ASSERT_EQ(rows.size(), 2U);
  for (const json& row : rows) EXPECT_EQ(row.at("passed").get<bool>(), row.at("operation") == "sigmoid") << row;
}

TEST(GradcheckProgram, EndsWithTwoForWrongUseAndOneForFailures) {
  const Finished unknown = gradcheck({"--operation", "sigmoit"});
  EXPECT_EQ(unknown.status, 2);
  EXPECT_NE(unknown.errors.find("'sigmoit'; known: "), std::string::npos);
  EXPECT_NE(unknown.errors.find(" sigmoid,"), std::string::npos) << "the known ones are listed";
  EXPECT_EQ(gradcheck({"--operation", "less"}).status, 2) << "nothing to differentiate";
  for (const std::vector<std::string>& wrong :
       {std::vector<std::string>{"--order", "3"}, {"--order", "x"}, {"--nonsense"}, {"--json"}, {"sigmoid"}}) {
    const Finished finished = gradcheck(wrong);
    EXPECT_EQ(finished.status, 2) << wrong[0];
    EXPECT_EQ(std::count(finished.errors.begin(), finished.errors.end(), '\n'), 1) << finished.errors;
  }
  const Finished unwritable = gradcheck({"--operation", "add", "--json", "/nonexistent/gradients.json"});
  EXPECT_EQ(unwritable.status, 1);
  EXPECT_EQ(unwritable.errors,
            "gradcheck: /nonexistent/gradients.json: cannot be written: No such file or directory\n");
}

}  // namespace
}  // namespace wengert::test
