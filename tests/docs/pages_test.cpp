#include <sstream>
#include <string>
#include <vector>

#include <docs/sample.h>
#include <support/text.h>

#include <wengert/wengert.h>

// What the documents say about the library, where it can be looked up there.

namespace wengert {
namespace {

std::vector<std::string> lines_of_page(const std::string& path) { return lines_of(test::read_project_file(path)); }

/// Its tables, each as one text.
std::vector<std::string> tables_of_page(const std::string& path) {
  std::vector<std::string> tables;
  bool in_table = false;
  for (const std::string& line : lines_of_page(path)) {
    const bool is_row = line.starts_with("|");
    if (is_row && !in_table) tables.emplace_back();
    if (is_row) tables.back() += line + '\n';
    in_table = is_row;
  }
  return tables;
}

/// "| a | b |" as {"a", "b"}.
std::vector<std::string> cells_of(const std::string& row) {
  std::istringstream text(row.substr(1));
  std::vector<std::string> cells;
  for (std::string cell; std::getline(text, cell, '|');) {
    const std::size_t first = cell.find_first_not_of(' ');
    cells.push_back(cell.substr(first, cell.find_last_not_of(' ') - first + 1));
  }
  return cells;
}

/// A number as it is printed, with a minus sign rather than a hyphen.
double number_of(std::string text) {
  constexpr std::string_view minus = "−";
  if (text.compare(0, minus.size(), minus) == 0) text.replace(0, minus.size(), "-");
  return std::stod(text);
}

TEST(ActivationsPage, HasASectionForEveryActivationOfTheCatalogue) {
  const std::vector<std::string> lines = lines_of_page("docs/activations.md");
  for (const std::string& name : nn::activation_names()) {
    if (name == "squareplus") continue;  // registered by a sample
    EXPECT_NE(std::find(lines.begin(), lines.end(), "## " + name), lines.end()) << "no section '" << name << "'";
  }
}

// The table's figures come from the formulas, by another program; half a unit of the sixth digit is rounding.
TEST(ActivationsPage, ShowsTheValuesAndDerivativesThatTheFunctionsHave) {
  constexpr std::array points{-1.0, 0.5, 2.0};
  std::size_t rows = 0;
  bool in_table = false;
  for (const std::string& line : lines_of_page("docs/activations.md")) {
    if (line.rfind("|---", 0) == 0) {
      in_table = true;
      continue;
    }
    if (!in_table || line.empty()) {
      if (in_table) break;
      continue;
    }
    ++rows;
    const std::vector<std::string> cells = cells_of(line);
    ASSERT_EQ(cells.size(), 1 + 2 * points.size()) << line;
    nn::Activation activation = nn::activation(cells[0]);
    const auto slope = grad([&](const Tensor& x) { return activation(x); });
    for (std::size_t i = 0; i < points.size(); ++i) {
      const Tensor x(points[i]);
      EXPECT_NEAR(activation(x).item<double>(), number_of(cells[1 + i]), 0.51e-6) << cells[0] << " at " << points[i];
      const std::string& derivative = cells[1 + points.size() + i];
      if (derivative == "kink") continue;
      EXPECT_NEAR(slope(x).item<double>(), number_of(derivative), 0.51e-6) << cells[0] << "′ at " << points[i];
    }
  }
  EXPECT_GE(rows, 18u);
}

TEST(Readme, ComparesWithFiguresThatWereMeasured) {
  std::vector<std::string> measured = tables_of_page("docs/results.md");
  for (const std::string& table : tables_of_page("docs/performance.md")) measured.push_back(table);
  std::size_t compared = 0;
  for (const std::string& table : tables_of_page("README.md")) {
    if (table.find("| wengert |") == std::string::npos) continue;
    ++compared;
    EXPECT_NE(std::find(measured.begin(), measured.end(), table), measured.end()) << "stands in no page:\n" << table;
  }
  EXPECT_GE(compared, 4u);
}

}  // namespace
}  // namespace wengert
