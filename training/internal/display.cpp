#include <algorithm>
#include <iostream>

#include <sys/ioctl.h>
#include <unistd.h>

#include <wengert/training/internal/display.h>

namespace wengert::training {

namespace {

constexpr double redraw_seconds = 0.1;

Progress chosen(Progress progress, const std::ostream* output) {
  if (progress != Progress::automatic) return progress;
  return output == nullptr && isatty(STDOUT_FILENO) == 1 ? Progress::live : Progress::lines;
}

/// Of the terminal, where what is shown ends up through whatever stream. One column stays free: some terminals go to
/// the next line when the last one is filled.
std::size_t line_width() {
  winsize size{};
  const bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1;
  return known ? size.ws_col - std::size_t{1} : 79;
}

void add_values(ProgressState& state, const std::string& prefix, const std::vector<std::string>& metrics,
                const Scores& scores) {
  state.values.emplace_back(prefix + "loss", scores.loss);
  for (std::size_t i = 0; i < metrics.size(); ++i) state.values.emplace_back(prefix + metrics[i], scores.metrics[i]);
}

/// As many of the parts between commas as fit.
std::string shortened(const std::string& line, std::size_t width) {
  return line.size() <= width ? line : cut(line, std::min(width, line.rfind(", ", width)));
}

}  // namespace

std::string cut(const std::string& text, std::size_t width) {
  if (text.size() <= width) return text;
  while (width > 0 && (static_cast<unsigned char>(text[width]) & 0xC0U) == 0x80) --width;
  return text.substr(0, width);
}

Display::Display(Progress progress, std::ostream* output, Plan plan)
    : progress_(chosen(progress, output)), output_(output != nullptr ? *output : std::cout), plan_(std::move(plan)) {}

Display::~Display() { end_line(); }

ProgressState Display::state(std::int64_t epoch, const Scores& scores) const {
  ProgressState state{.label = plan_.label,
                      .epoch = epoch,
                      .epochs = plan_.epochs,
                      .steps = plan_.steps_per_epoch,
                      .total_steps = plan_.total_steps};
  add_values(state, "", plan_.metrics, scores);
  return state;
}

void Display::step(const StepReport& report, std::int64_t samples) {
  if (!live() || seconds_since(drawn_) < redraw_seconds) return;
  ProgressState now = state(report.epoch, report.so_far);
  now.step = report.step;
  now.total_step = report.total_steps;
  now.samples_per_second = static_cast<double>(samples) / seconds_since(epoch_began_);
  now.seconds_left = seconds_since(began_) / static_cast<double>(report.total_steps) *
                     static_cast<double>(plan_.total_steps - report.total_steps);
  draw(live_line(now, line_width()));
}

void Display::end_epoch(const EpochRecord& record, std::int64_t samples) {
  if (progress_ == Progress::silent) return;
  ProgressState now = state(record.epoch, record.train);
  if (record.validation) add_values(now, "val_", plan_.metrics, *record.validation);
  now.samples_per_second = record.seconds > 0 ? static_cast<double>(samples) / record.seconds : 0;
  std::string line = epoch_line(now, record.seconds);
  if (live()) {
    // What is to be drawn over must not run on into a second line.
    if (progress_ == Progress::one_line) line = shortened(line, line_width());
    draw(line);
    if (progress_ == Progress::live) end_line();
  } else {
    output_ << line << std::endl;
  }
}

void Display::note(const std::string& text) {
  if (progress_ == Progress::silent) return;
  end_line();
  const std::string line = (plan_.label.empty() ? "" : plan_.label + ", ") + text;
  output_ << cut(line, progress_ == Progress::one_line ? line_width() : line.size()) << std::endl;
}

/// Over what was drawn before: back to the first column, and the rest of the line erased.
void Display::draw(const std::string& line) {
  output_ << '\r' << line << "\x1b[K" << std::flush;
  drawn_ = Clock::now();
  line_open_ = true;
}

void Display::end_line() {
  if (line_open_) output_ << std::endl;
  line_open_ = false;
}

}  // namespace wengert::training
