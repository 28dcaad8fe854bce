#include <gtest/gtest.h>

#include <wengert/autograd/error.h>

namespace wengert {
namespace {

TEST(Errors, AreOneLineWhateverAFileCallsItsTensors) {
  EXPECT_STREQ(FileError("a.bin: no tensor 'grün'").what(), "a.bin: no tensor 'grün'");
  EXPECT_STREQ(ValueError("x\ny \x1b[31m\x7f").what(), "x\\x0ay \\x1b[31m\\x7f");
}

}  // namespace
}  // namespace wengert
