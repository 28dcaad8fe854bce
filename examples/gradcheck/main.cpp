// Holds the derivative of every operation of the catalogue against differences: ./dev gradcheck --help
#include <algorithm>
#include <cstdio>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <wengert/wengert.h>

namespace wg = wengert;

namespace {

struct Row {
  std::string operation;
  int order;
  wg::GradcheckReport report;
  std::string problem = {};  // what was thrown instead of a result
};

Row check(const wg::Operation& operation, int order) {
  try {
    return {operation.name, order, wg::gradcheck(operation, {.order = order})};
  } catch (const wg::Error& error) {
    wg::GradcheckReport report;
    report.passed = false;
    return {operation.name, order, report, error.what()};
  }
}

/// The operations to check: those named, or all that gradients pass through.
std::vector<const wg::Operation*> chosen(const std::vector<std::string>& names) {
  std::vector<const wg::Operation*> differentiable;
  std::vector<std::string> known;
  for (const wg::Operation* operation : wg::catalogue()) {
    if (!operation->differentiable) continue;
    differentiable.push_back(operation);
    known.push_back(operation->name);
  }
  if (names.empty()) return differentiable;
  std::vector<const wg::Operation*> result;
  for (const std::string& name : names) {
    const auto found = std::find(known.begin(), known.end(), name);
    if (found == known.end()) {
      throw CLI::ValidationError(
          "--operation", fmt::format("no differentiable operation '{}'; known: {}", name, fmt::join(known, ", ")));
    }
    result.push_back(differentiable[static_cast<std::size_t>(found - known.begin())]);
  }
  return result;
}

std::string place(const wg::GradcheckReport::Entry& worst) {
  return fmt::format("sample {}, input {} {}", worst.sample, worst.input,
                     wg::to_string(std::span(worst.index.begin(), worst.index.size())));
}

void print_head(std::size_t width) {
  fmt::print("{:<{}}  {:>5}  {:>7}  {:>6}  {:>7}  {:>9}  {:<6}  {}\n", "operation", width, "order", "samples", "points",
             "skipped", "error", "", "largest at");
}

void print(const Row& row, std::size_t width) {
  const wg::GradcheckReport& report = row.report;
  fmt::print("{:<{}}  {:>5}  {:>7}  {:>6}  {:>7}  {:>9.1e}  {:<6}  {}\n", row.operation, width, row.order,
             report.samples, report.points, report.skipped, report.max_relative_error,
             report.passed ? "passed" : "FAILED", report.points == 0 ? "" : place(report.worst));
  if (!row.problem.empty()) {
    fmt::print("{:<{}}  {}\n", "", width, row.problem);
  } else if (!report.passed) {
    fmt::print("{:<{}}  analytic {:.17g}, numeric {:.17g} ± {:.1g}\n", "", width, report.worst.analytic,
               report.worst.numeric, report.worst.uncertainty);
  }
  std::fflush(stdout);
}

nlohmann::ordered_json to_json(const Row& row) {
  const wg::GradcheckReport& report = row.report;
  nlohmann::ordered_json worst;  // null where no point was checked
  if (report.points != 0) {
    worst = {{"sample", report.worst.sample},
             {"input", report.worst.input},
             {"index", std::vector<std::int64_t>(report.worst.index.begin(), report.worst.index.end())},
             {"analytic", report.worst.analytic},
             {"numeric", report.worst.numeric},
             {"uncertainty", report.worst.uncertainty}};
  }
  nlohmann::ordered_json object{{"operation", row.operation},
                                {"samples", report.samples},
                                {"order", row.order},
                                {"points", report.points},
                                {"skipped", report.skipped},
                                {"skip_reasons", report.skip_reasons},
                                {"max_relative_error", report.max_relative_error},
                                {"worst", worst},
                                {"passed", report.passed}};
  if (!row.problem.empty()) object["problem"] = row.problem;
  return object;
}

/// What stands below the table. Gives whether all is well.
bool summarise(const std::vector<Row>& rows) {
  std::int64_t points = 0;
  std::int64_t skipped = 0;
  std::vector<std::string> reasons;
  std::size_t failed = 0;
  for (const Row& row : rows) {
    points += row.report.points;
    skipped += row.report.skipped;
    failed += row.report.passed ? 0 : 1;
    for (const std::string& reason : row.report.skip_reasons)
      reasons.push_back(fmt::format("{}: {}", row.operation, reason));
  }
  std::sort(reasons.begin(), reasons.end());
  reasons.erase(std::unique(reasons.begin(), reasons.end()), reasons.end());
  for (const std::string& reason : reasons) fmt::print("skipped: {}\n", reason);
  const bool few = skipped == 0 || skipped * 10 < points + skipped;
  fmt::print("{} checks, {} failed; {} points, {} skipped{}\n", rows.size(), failed, points, skipped,
             few ? "" : ", which is a tenth or more: give the operations better samples");
  return failed == 0 && few;
}

int run(const std::vector<const wg::Operation*>& operations, const std::vector<int>& orders, const std::string& json) {
  std::size_t width = std::string_view("operation").size();
  for (const wg::Operation* operation : operations) width = std::max(width, operation->name.size());
  print_head(width);
  std::vector<Row> rows;
  for (const wg::Operation* operation : operations) {
    for (const int order : orders) {
      rows.push_back(check(*operation, order));
      print(rows.back(), width);
    }
  }
  if (!json.empty()) {
    nlohmann::ordered_json array = nlohmann::ordered_json::array();
    for (const Row& row : rows) array.push_back(to_json(row));
    wg::training::write_file_atomically(json, array.dump(2) + "\n");
  }
  const bool passed = summarise(rows);
  if (std::fflush(stdout) != 0) throw wg::FileError("standard output could not be written");
  return passed ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{
      "Holds the derivative of every operation of the catalogue against central differences, on all of its samples, in "
      "f64.\nAn error is |a - n| / max(1, |a|, |n|); 1e-6 passes at order 1, 1e-5 at order 2."};
  app.set_version_flag("--version", std::string(wg::version_string));
  std::vector<std::string> names;
  std::vector<int> orders;
  std::string json;
  app.add_option("--operation", names, "Only this operation; may be repeated")
      ->type_name("NAME")
      ->allow_extra_args(false);
  app.add_option("--order", orders, "1: gradients, 2: gradients of gradients (default: both)")
      ->type_name("1|2")
      ->check(CLI::IsMember({1, 2}))
      ->allow_extra_args(false);
  app.add_option("--json", json, "Write the results to FILE as an array, an object for each operation and order")
      ->type_name("FILE")
      ->check([](const std::string& path) { return path.empty() ? "is empty; expected the name of a file" : ""; });
  try {
    app.parse(argc, argv);
    if (orders.empty()) orders = {1, 2};
    return run(chosen(names), orders, json);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) {
      const int status = app.exit(error);
      return std::cout.flush() ? status : 1;
    }
    fmt::print(stderr, "gradcheck: {}\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    fmt::print(stderr, "gradcheck: {}\n", error.what());
    return 1;
  }
}
