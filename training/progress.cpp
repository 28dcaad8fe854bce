#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include <wengert/autograd/text.h>
#include <wengert/training/internal/display.h>
#include <wengert/training/progress.h>

namespace wengert::training {

namespace {

constexpr std::size_t widest_bar = 30, narrowest_bar = 8;

std::string number(double value) {
  const bool small = value != 0 && std::abs(value) < 1e-3;
  return small ? fmt::format("{:.3e}", value) : fmt::format("{:.4f}", value);
}

std::string duration(double seconds) {
  if (!(seconds >= 0 && seconds < 1e9)) return "?";
  const auto whole = static_cast<std::int64_t>(std::ceil(seconds));
  const std::int64_t hours = whole / 3600, minutes = whole / 60 % 60;
  return hours > 0 ? fmt::format("{}:{:02}:{:02}", hours, minutes, whole % 60)
                   : fmt::format("{}:{:02}", minutes, whole % 60);
}

std::string bar(double done, std::size_t width) {
  const std::size_t inside = width - 2;
  const auto full = static_cast<std::size_t>(std::clamp(done, 0.0, 1.0) * static_cast<double>(inside));
  std::string text(inside, '.');
  std::fill_n(text.begin(), full, '=');
  if (full < inside) text[full] = '>';
  return '[' + text + ']';
}

std::string named_values(const ProgressState& state, const char* separator) {
  std::vector<std::string> parts;
  for (const auto& [name, value] : state.values) parts.push_back(name + ' ' + number(value));
  return wengert::detail::joined(parts, separator);
}

}  // namespace

std::string live_line(const ProgressState& state, std::size_t width) {
  const std::string begin =
      fmt::format("{}{}epoch {}/{}  ", state.label, state.label.empty() ? "" : "  ", state.epoch, state.epochs);
  const std::string end =
      fmt::format("{}/{}  {}  {:.0f} samples/s  {} left", state.step, state.steps, named_values(state, "  "),
                  state.samples_per_second, duration(state.seconds_left));
  const std::size_t text = begin.size() + end.size() + 2;
  std::string line = begin;
  if (text + narrowest_bar <= width) {
    const double done =
        static_cast<double>(state.total_step) / static_cast<double>(std::max<std::int64_t>(state.total_steps, 1));
    line += bar(done, std::min(widest_bar, width - text)) + "  ";
  }
  return cut(line + end, width);
}

std::string epoch_line(const ProgressState& state, double seconds) {
  return fmt::format("{}{}epoch {}/{}: {}, {:.1f} s, {:.0f} samples/s", state.label, state.label.empty() ? "" : ", ",
                     state.epoch, state.epochs, named_values(state, ", "), seconds, state.samples_per_second);
}

}  // namespace wengert::training
