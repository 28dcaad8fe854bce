#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include <wengert/autograd/tensor.h>

/// Tensors as text, digit for digit as NumPy's `str` with its defaults: at most eight digits after the point, a common
/// form and width for all elements, rows wrapped at 75 columns, and only the edges of tensors of more than 1000
/// elements.

namespace wengert {
namespace {

constexpr std::size_t line_width = 75;
constexpr std::int64_t threshold = 1000;
constexpr std::int64_t edge = 3;
constexpr int precision = 8;

/// A number taken apart: "-12", "5" and "+03" of -12.5e+03.
struct Digits {
  std::string whole, fraction, exponent;
};

Digits split(std::string_view text) {
  Digits digits;
  if (const std::size_t e = text.find('e'); e != std::string_view::npos) {
    digits.exponent = text.substr(e + 1);
    text = text.substr(0, e);
  }
  const std::size_t point = text.find('.');
  digits.whole = text.substr(0, point);
  if (point != std::string_view::npos) digits.fraction = text.substr(point + 1);
  return digits;
}

/// The longest number in fixed form, −1.8e308, has 310 characters before the point.
using Characters = std::array<char, 400>;

std::string rounded(double value, std::chars_format form, int digits) {
  Characters text{};
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), value, form, digits).ptr};
}

/// The fewest digits that tell the number from its neighbours, but no more than `precision` after the point.
Digits shortest(double value, bool single, std::chars_format form) {
  Characters text{};
  char* const end = text.data() + text.size();
  const char* const stop = single ? std::to_chars(text.data(), end, static_cast<float>(value), form).ptr
                                  : std::to_chars(text.data(), end, value, form).ptr;
  Digits digits = split({text.data(), stop});
  if (digits.fraction.size() > precision) digits = split(rounded(value, form, precision));
  digits.fraction.erase(digits.fraction.find_last_not_of('0') + 1);
  return digits;
}

/// How the elements of one tensor are written, found from those that are shown.
class Format {
 public:
  explicit Format(DType dtype) : dtype_(dtype) {}

  /// Takes the shown elements into account. Call `write` only afterwards.
  void fit(const std::vector<double>& values) {
    double largest = 0;
    double smallest = INFINITY;
    for (const double value : values) {
      if (!std::isfinite(value) || value == 0) continue;
      largest = std::max(largest, std::abs(value));
      smallest = std::min(smallest, std::abs(value));
    }
    const bool scientific = largest > 0 && (largest >= 1e8 || smallest < 1e-4 || largest / smallest > 1000);
    form_ = scientific ? std::chars_format::scientific : std::chars_format::fixed;
    for (const double value : values) {
      if (!std::isfinite(value)) continue;
      const Digits digits = shortest(value, dtype_ == DType::f32, form_);
      whole_ = std::max(whole_, digits.whole.size());
      fraction_ = std::max(fraction_, digits.fraction.size());
      exponent_ = std::max(exponent_, digits.exponent.size());
    }
    width_ = whole_ + 1 + fraction_ + (scientific ? 1 + exponent_ : 0);
    for (const double value : values) {
      if (!std::isfinite(value)) width_ = std::max(width_, special(value).size());
    }
  }

  std::string write(double value) const {
    if (!std::isfinite(value)) return padded(special(value));
    if (form_ == std::chars_format::scientific) {
      Digits digits = split(rounded(value, form_, static_cast<int>(fraction_)));
      digits.exponent.insert(1, exponent_ - digits.exponent.size(), '0');
      return padded(digits.whole + '.' + digits.fraction + 'e' + digits.exponent);
    }
    const Digits digits = shortest(value, dtype_ == DType::f32, form_);
    return padded(digits.whole + '.' + digits.fraction + std::string(fraction_ - digits.fraction.size(), ' '));
  }

 private:
  static std::string special(double value) { return std::isnan(value) ? "nan" : value < 0 ? "-inf" : "inf"; }
  std::string padded(const std::string& text) const {
    return std::string(width_ - std::min(width_, text.size()), ' ') + text;
  }

  DType dtype_;
  std::chars_format form_ = std::chars_format::fixed;
  std::size_t whole_ = 0, fraction_ = 0, exponent_ = 0, width_ = 0;
};

/// Writes the elements that are shown, axis by axis.
class Printer {
 public:
  explicit Printer(const Tensor& tensor)
      : tensor_(tensor),
        shape_(tensor.shape()),
        strides_(row_major_strides(shape_)),
        shortened_(tensor.size() > threshold) {
    write_words();
  }

  std::string text() { return rows(0, 1, line_width); }

 private:
  /// The indices along an axis that are shown, −1 where some are left out.
  std::vector<std::int64_t> shown(std::size_t axis) const {
    const std::int64_t extent = shape_[axis];
    const bool all = !shortened_ || extent <= 2 * edge;
    std::vector<std::int64_t> indices;
    for (std::int64_t i = 0; i < (all ? extent : edge); ++i) indices.push_back(i);
    if (all) return indices;
    indices.push_back(-1);
    for (std::int64_t i = extent - edge; i < extent; ++i) indices.push_back(i);
    return indices;
  }

  void collect(std::size_t axis, std::int64_t offset, std::vector<std::int64_t>& offsets) const {
    if (axis == shape_.rank()) return offsets.push_back(offset);
    for (const std::int64_t i : shown(axis)) {
      if (i >= 0) collect(axis + 1, offset + i * strides_[axis], offsets);
    }
  }

  /// Every shown element as text, all of one width.
  void write_words() {
    std::vector<std::int64_t> offsets;
    collect(0, 0, offsets);
    dispatch(tensor_.dtype(), [&](auto type) {
      using T = decltype(type);
      const std::span<const T> elements = tensor_.data<T>();
      if constexpr (std::is_floating_point_v<T>) {
        std::vector<double> values;
        values.reserve(offsets.size());
        for (const std::int64_t offset : offsets)
          values.push_back(static_cast<double>(elements[static_cast<std::size_t>(offset)]));
        Format format(tensor_.dtype());
        format.fit(values);
        for (const double value : values) words_.push_back(format.write(value));
      } else {
        for (const std::int64_t offset : offsets) {
          const T element = elements[static_cast<std::size_t>(offset)];
          if constexpr (std::is_same_v<T, bool>)
            words_.emplace_back(element ? " True" : "False");
          else
            words_.push_back(std::to_string(element));
        }
      }
    });
    std::size_t width = 0;
    for (const std::string& word : words_) width = std::max(width, word.size());
    for (std::string& word : words_) word.insert(0, width - word.size(), ' ');
  }

  std::string row(std::size_t axis, std::size_t indent, std::size_t width) {
    const std::string margin(indent, ' ');
    std::string text;
    std::string line = margin;
    bool first = true;
    for (const std::int64_t i : shown(axis)) {
      const std::string word = i < 0 ? "..." : words_[next_++];
      if (!first) line += ' ';
      if (line.size() + word.size() > width - 1 && line.size() > indent) {
        line.erase(line.find_last_not_of(' ') + 1);
        text += line + '\n';
        line = margin;
      }
      line += word;
      first = false;
    }
    return text + line;
  }

  /// What begins at `axis`, in brackets; continued lines are indented.
  std::string rows(std::size_t axis, std::size_t indent, std::size_t width) {
    if (axis == shape_.rank()) return words_[next_++];
    std::string text;
    if (axis + 1 == shape_.rank()) {
      text = row(axis, indent, width);
    } else {
      const std::string margin(indent, ' ');
      const std::string between(shape_.rank() - axis - 1, '\n');
      for (const std::int64_t i : shown(axis)) {
        if (!text.empty()) text += between;
        text += margin + (i < 0 ? "..." : rows(axis + 1, indent + 1, width - 1));
      }
    }
    return '[' + text.substr(indent) + ']';
  }

  const Tensor& tensor_;
  const Shape& shape_;
  const Ints strides_;
  const bool shortened_;
  std::vector<std::string> words_;
  std::size_t next_ = 0;
};

/// A single number with all its digits, and marked as floating.
std::string number(const Tensor& tensor) {
  if (std::isnan(tensor.item())) return "nan";
  const std::string text =
      tensor.dtype() == DType::f32 ? fmt::format("{}", tensor.item<float>()) : fmt::format("{}", tensor.item());
  return text.find_first_not_of("-0123456789") == std::string::npos ? text + ".0" : text;
}

}  // namespace

std::string to_string(const Tensor& tensor) {
  if (!tensor.defined()) return "(undefined)";
  if (tensor.size() == 0) return "[]";
  if (tensor.rank() == 0 && is_floating(tensor.dtype())) return number(tensor);
  if (tensor.rank() == 0 && tensor.dtype() == DType::boolean) return tensor.item<bool>() ? "True" : "False";
  return Printer(tensor).text();
}

std::ostream& operator<<(std::ostream& stream, const Tensor& tensor) { return stream << to_string(tensor); }

}  // namespace wengert
