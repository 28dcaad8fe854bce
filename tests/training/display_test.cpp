#include <sstream>
#include <string>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <wengert/training/internal/display.h>

namespace wengert::training {
namespace {

/// Standard output is a terminal of so many columns meanwhile.
class Terminal {
 public:
  explicit Terminal(unsigned short columns) : before_(dup(STDOUT_FILENO)) {
    const int control = posix_openpt(O_RDWR | O_NOCTTY);
    if (control < 0 || grantpt(control) != 0 || unlockpt(control) != 0) return;
    const int terminal = open(ptsname(control), O_RDWR | O_NOCTTY);
    const winsize size{24, columns, 0, 0};
    is_there_ = ioctl(terminal, TIOCSWINSZ, &size) == 0 && dup2(terminal, STDOUT_FILENO) >= 0;
    close(terminal);
    control_ = control;
  }
  ~Terminal() {
    dup2(before_, STDOUT_FILENO);
    close(before_);
    close(control_);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  bool is_there() const { return is_there_; }

 private:
  int before_, control_ = -1;
  bool is_there_ = false;
};

/// What is shown on one line of a training that is called `label`: the line of its epoch, then a note.
std::vector<std::string> shown(const std::string& label, const std::string& note) {
  std::ostringstream output;
  Display display(Progress::one_line, &output, {label, 5, 10, 50, {"accuracy"}});
  display.end_epoch({.epoch = 1, .train = {0.5, {0.25}}, .seconds = 1, .steps = 10}, 100);
  std::string drawn = output.str();
  output.str({});
  display.note(note);
  return {drawn.substr(1, drawn.find('\x1b') - 1), output.str()};
}

TEST(Display, KeepsWhatIsDrawnOnOneLineWithinTheTerminalWhateverStreamItGoesTo) {
  const std::string note = "stopped: the loss is nan at step 123456 (epoch 5); try a smaller learning rate";
  std::vector<std::string> narrow, wide, cut;
  {
    const Terminal terminal(40);
    if (!terminal.is_there()) GTEST_SKIP() << "no terminal can be made";
    narrow = shown("relu", note);
    cut = shown("λλλλλλλλλλλλλλλλλλλλλλλλλλλλλλ", note);
  }
  {
    const Terminal terminal(200);
    wide = shown("relu", note);
  }
  EXPECT_EQ(narrow[0], "relu, epoch 1/5: loss 0.5000");
  EXPECT_EQ(narrow[1], "\nrelu, stopped: the loss is nan at step \n");
  EXPECT_EQ(wide[0], "relu, epoch 1/5: loss 0.5000, accuracy 0.2500, 1.0 s, 100 samples/s");
  EXPECT_EQ(wide[1], "\nrelu, " + note + "\n");
  EXPECT_EQ(cut[0], "λλλλλλλλλλλλλλλλλλλ");  // two bytes each
  EXPECT_EQ(cut[1], "\nλλλλλλλλλλλλλλλλλλλ\n");
}

}  // namespace
}  // namespace wengert::training
