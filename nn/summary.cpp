#include <algorithm>
#include <array>

#include <fmt/format.h>

#include <wengert/autograd/error.h>
#include <wengert/nn/internal/call_log.h>
#include <wengert/nn/internal/kept_modes.h>
#include <wengert/nn/module.h>

namespace wengert::nn {

namespace {

using Cells = std::array<std::string, 3>;
using Widths = std::array<std::size_t, 3>;

/// The characters of one horizontal line: left end, line, crossing, right end.
struct Rule {
  const char *left, *line, *crossing, *right;
};
constexpr Rule top{"┏", "━", "┳", "┓"};
constexpr Rule below_header{"┡", "━", "╇", "┩"};
constexpr Rule between{"├", "─", "┼", "┤"};
constexpr Rule bottom{"└", "─", "┴", "┘"};

std::string horizontal(const Rule& rule, const Widths& widths) {
  std::string line = rule.left;
  for (std::size_t column = 0; column < widths.size(); ++column) {
    for (std::size_t i = 0; i < widths[column] + 2; ++i) line += rule.line;
    line += column + 1 < widths.size() ? rule.crossing : rule.right;
  }
  return line + '\n';
}

std::string row(const char* bar, const Cells& cells, const Widths& widths) {
  return fmt::format("{0} {1:<{2}} {0} {3:<{4}} {0} {5:>{6}} {0}\n", bar, cells[0], widths[0], cells[1], widths[1],
                     cells[2], widths[2]);
}

/// 100480 as "100,480".
std::string grouped(std::int64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t at = digits.size(); at > 3;) digits.insert(at -= 3, 1, ',');
  return digits;
}

std::string size_text(double bytes) {
  constexpr std::array units{"B", "KB", "MB", "GB", "TB", "PB"};
  std::size_t unit = 0;
  for (; bytes >= 1024 && unit + 1 < units.size(); ++unit) bytes /= 1024;
  return fmt::format("{:.2f} {}", bytes, units[unit]);
}

/// The first extent counts the samples and is shown as None.
std::string shape_text(const std::optional<Shape>& shape) {
  if (!shape) return "?";
  std::string text = shape->rank() == 0 ? "(" : "(None";
  for (std::size_t axis = 1; axis < shape->rank(); ++axis) text += fmt::format(", {}", (*shape)[axis]);
  return text + (shape->rank() == 1 ? ",)" : ")");
}

/// Of some parameters or slots.
struct Size {
  std::int64_t elements = 0;
  double bytes = 0;

  void add(const Shape& shape, DType dtype) {
    elements += shape.elements();
    bytes += static_cast<double>(shape.elements()) * static_cast<double>(size_of(dtype));
  }
  std::string text() const { return fmt::format("{} ({})", grouped(elements), size_text(bytes)); }
};

Size size_of_parameters(Module& module) {
  Size size;
  for (const Parameter& parameter : module.parameters()) size.add(parameter.shape(), parameter.dtype());
  return size;
}

Size size_of_slots(Module& module) {
  Size size;
  for (const auto& [path, slot] : module.named_slots()) size.add(slot.value().shape(), slot.value().dtype());
  return size;
}

/// One row for each direct part of a module.
class Rows : public Visitor {
 public:
  explicit Rows(const CallLog& log) : log_(log) {}
  std::vector<Cells> take() { return std::move(rows_); }

 private:
  void module(std::string_view name, Module& child) override {
    rows_.push_back({fmt::format("{} ({})", name, child.type_name()), shape_text(log_.result_of(child)),
                     grouped(size_of_parameters(child).elements + size_of_slots(child).elements)});
  }
  void parameter(std::string_view name, Parameter& parameter, const Initializer&) override {
    add(name, "Parameter", parameter.shape().elements());
  }
  void slot(std::string_view name, Slot& slot) override { add(name, "Slot", slot.value().size()); }
  void add(std::string_view name, const char* type, std::int64_t elements) {
    rows_.push_back({fmt::format("{} ({})", name, type), "-", grouped(elements)});
  }

  const CallLog& log_;
  std::vector<Cells> rows_;
};

/// The shape of a sample that the first module knows that knows one.
class FindInputShape : public Visitor {
 public:
  explicit FindInputShape(bool floating) : floating_(floating) {}
  std::optional<Shape> found;
  void module(std::string_view, Module& child) override {
    // Where the model takes integers, a layer of floating numbers does not come first.
    if (!found && is_floating(child.input_dtype()) == floating_) found = child.input_shape();
    if (!found) child.visit(*this);
  }

 private:
  bool floating_;
  void parameter(std::string_view, Parameter&, const Initializer&) override {}
};

std::string table(const std::vector<Cells>& rows) {
  const Cells header{"Layer (type)", "Output Shape", "Param #"};
  Widths widths{31, 22, 13};  // Keras's on a terminal of 80 columns
  for (const Cells& cells : rows) {
    for (std::size_t column = 0; column < widths.size(); ++column) {
      widths[column] = std::max(widths[column], cells[column].size());
    }
  }
  std::string text = horizontal(top, widths) + row("┃", header, widths) + horizontal(below_header, widths);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (i > 0) text += horizontal(between, widths);
    text += row("│", rows[i], widths);
  }
  return text + horizontal(bottom, widths);
}

std::string describe(Module& module, const CallLog& log) {
  Rows visitor(log);
  module.visit(visitor);
  const Size trained = size_of_parameters(module), kept = size_of_slots(module);
  const Size all{trained.elements + kept.elements, trained.bytes + kept.bytes};
  return fmt::format("Model: \"{}\"\n{} Total params: {}\n Trainable params: {}\n Non-trainable params: {}\n",
                     module.default_name(), table(visitor.take()), all.text(), trained.text(), kept.text());
}

}  // namespace

std::string Module::summary(const Shape& sample) {
  Ints batch_of_one{1};
  for (const std::int64_t extent : sample) batch_of_one.push_back(extent);
  const Tensor input = wengert::zeros(Shape(batch_of_one), input_dtype());
  const detail::KeptModes kept(*this);
  eval();
  const CallLog log;
  (*this)(input);
  return describe(*this, log);
}

std::string Module::summary() {
  build();  // before parts are asked, which by themselves would be drawn as if they stood alone
  FindInputShape find(is_floating(input_dtype()));
  find.module({}, *this);
  if (find.found) {
    try {
      return summary(*find.found);
    } catch (const Error&) {  // the layer that knew it does not come first: shapes stay unknown
    }
  }
  return describe(*this, CallLog());
}

}  // namespace wengert::nn
