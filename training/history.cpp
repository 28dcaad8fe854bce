#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include <wengert/autograd/error.h>
#include <wengert/autograd/text.h>
#include <wengert/training/history.h>
#include <wengert/training/internal/json_text.h>
#include <wengert/training/write_file.h>

namespace wengert::training {

namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();

using Value = std::optional<double>;

/// Puts the loss and the metrics, `count` of them, behind the numbers of an epoch; none for each where there are no
/// scores.
void append(std::vector<Value>& row, const Scores* scores, std::size_t count) {
  if (scores != nullptr && scores->metrics.size() != count) {
    throw ValueError(fmt::format("history: epoch {} has {} metrics; expected {}, one for each name", row[0].value(),
                                 scores->metrics.size(), count));
  }
  row.push_back(scores != nullptr ? Value(scores->loss) : Value());
  for (std::size_t i = 0; i < count; ++i) row.push_back(scores != nullptr ? Value(scores->metrics[i]) : Value());
}

/// The numbers of an epoch in the order of the columns; none stands for those it does not have.
std::vector<Value> values(const History& history, const EpochRecord& epoch) {
  std::vector<Value> row{static_cast<double>(epoch.epoch)};
  append(row, &epoch.train, history.metrics.size());
  if (history.validated) append(row, epoch.validation ? &*epoch.validation : nullptr, history.metrics.size());
  row.emplace_back(epoch.seconds);
  return row;
}

/// A field as RFC 4180 wants it.
std::string csv_field(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) quoted.append(c == '"' ? 2 : 1, c);
  return quoted + '"';
}

}  // namespace

std::vector<std::string> History::columns() const {
  std::vector<std::string> names{"epoch", "loss"};
  names.insert(names.end(), metrics.begin(), metrics.end());
  if (validated) {
    names.emplace_back("val_loss");
    for (const std::string& metric : metrics) names.push_back("val_" + metric);
  }
  names.emplace_back("seconds");
  return names;
}

std::vector<double> History::operator[](std::string_view column) const {
  const std::vector<std::string> names = columns();
  const auto found = std::find(names.begin(), names.end(), column);
  if (found == names.end()) {
    throw ValueError(
        fmt::format("history: no column '{}'; expected one of {}", column, wengert::detail::joined(names, ", ")));
  }
  const auto place = static_cast<std::size_t>(found - names.begin());
  std::vector<double> numbers;
  for (const EpochRecord& epoch : epochs) numbers.push_back(values(*this, epoch)[place].value_or(none));
  return numbers;
}

std::string History::csv_header() const {
  std::vector<std::string> fields;
  for (const std::string& name : columns()) fields.push_back(csv_field(name));
  return wengert::detail::joined(fields, ",") + '\n';
}

std::string History::csv_rows(std::string_view first_field) const {
  const std::string prefix = first_field.empty() ? "" : csv_field(first_field) + ',';
  std::string rows;
  for (const EpochRecord& epoch : epochs) {
    std::vector<std::string> fields;
    for (const Value& value : values(*this, epoch)) {
      fields.push_back(value ? fmt::format("{}", *value) : "");
    }
    rows += fmt::format("{}{}\n", prefix, wengert::detail::joined(fields, ","));
  }
  return rows;
}

std::string History::to_csv() const { return csv_header() + csv_rows(); }

std::string History::to_json() const {
  const std::vector<std::string> names = columns();
  std::vector<std::string> rows;
  for (const EpochRecord& epoch : epochs) {
    const auto numbers = values(*this, epoch);
    std::string row = fmt::format("    {{\n      \"epoch\": {},\n      \"steps\": {}", epoch.epoch, epoch.steps);
    for (std::size_t i = 1; i < names.size(); ++i) {
      row += fmt::format(",\n      {}: {}", json_string(names[i]), json_number(numbers[i].value_or(none)));
    }
    rows.push_back(row + "\n    }");
  }
  const std::string list = rows.empty() ? "[]" : fmt::format("[\n{}\n  ]", wengert::detail::joined(rows, ",\n"));
  return fmt::format(
      "{{\n  \"epochs\": {},\n  \"interrupted\": {},\n  \"diverged\": {},\n  \"stopped_reason\": {}\n}}\n", list,
      interrupted, diverged, json_string(stopped_reason));
}

void History::write_csv(const std::string& path) const { write_file_atomically(path, to_csv()); }
void History::write_json(const std::string& path) const { write_file_atomically(path, to_json()); }

}  // namespace wengert::training
