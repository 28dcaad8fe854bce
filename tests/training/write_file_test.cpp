#include <csignal>

#include "datasets/test_files.h"
#include "support/message_of.h"
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <wengert/training/write_file.h>

namespace wengert::training {
namespace {

using test::read_file;

TEST(WriteFile, WritesWhatItIsGiven) {
  const test::TemporaryDirectory directory;
  const std::string contents("a\0b\n", 4);
  write_file_atomically(directory / "new", contents);
  EXPECT_EQ(read_file(directory / "new"), contents);
  write_file_atomically(directory / "empty", "");
  EXPECT_EQ(read_file(directory / "empty"), "");
  const std::string_view parts[] = {"one ", "", "two"};
  write_file_atomically(directory / "parts", parts);
  EXPECT_EQ(read_file(directory / "parts"), "one two");
}

TEST(WriteFile, ReplacesWhatWasThereAndLeavesNothingElse) {
  const test::TemporaryDirectory directory;
  const std::string path = directory.write("file", "a long text that was there before");
  write_file_atomically(path, "new");
  EXPECT_EQ(read_file(path), "new");
  EXPECT_EQ(directory.names(), std::vector<std::string>{"file"});
}

TEST(WriteFile, KeepsALinkAndReplacesWhatItPointsTo) {
  const test::TemporaryDirectory directory;
  directory.write("target", "old");
  std::filesystem::create_symlink("target", directory / "link");
  write_file_atomically(directory / "link", "new");
  EXPECT_TRUE(std::filesystem::is_symlink(directory / "link"));
  EXPECT_EQ(read_file(directory / "target"), "new");
}

TEST(WriteFile, MakesTheFileThatALinkPointsTo) {
  const test::TemporaryDirectory directory;
  std::filesystem::create_symlink("one", directory / "two");
  std::filesystem::create_symlink("two", directory / "three");
  write_file_atomically(directory / "three", "new");
  EXPECT_TRUE(std::filesystem::is_symlink(directory / "three"));
  EXPECT_EQ(read_file(directory / "one"), "new");
  std::filesystem::create_symlink("loop", directory / "loop");
  EXPECT_EQ(message_of<FileError>([&] { write_file_atomically(directory / "loop", "x"); }),
            directory / "loop" + ": cannot be written: Too many levels of symbolic links");
}

// As a shell does it for `>>`: what is there, and the file itself, stay.
TEST(WriteFile, GoesOnWithAnOpenFile) {
  const test::TemporaryDirectory directory;
  const std::string path = directory.write("log", "before\n");
  const int descriptor = open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  ASSERT_GE(descriptor, 0);
  write_file_atomically(fmt::format("/proc/self/fd/{}", descriptor), "after\n");
  EXPECT_EQ(write(descriptor, "last\n", 5), 5);
  close(descriptor);
  EXPECT_EQ(read_file(path), "before\nafter\nlast\n");
}

TEST(WriteFile, PassesOverWhatAnotherProcessOfItsNumberLeft) {
  const test::TemporaryDirectory directory;
  for (int number = 0; number < 300; ++number)
    directory.write(fmt::format(".{}-{}.part", getpid(), number), "left over");
  write_file_atomically(directory / "file", "new");
  EXPECT_EQ(read_file(directory / "file"), "new");
}

TEST(WriteFile, TakesTheLongestNamesThereAre) {
  const test::TemporaryDirectory directory;
  const std::string path = directory / std::string(255, 'n');
  write_file_atomically(path, "new");
  EXPECT_EQ(read_file(path), "new");
}

TEST(WriteFile, GivesTheRightsThatTheUserGivesNewFiles) {
  const test::TemporaryDirectory directory;
  const mode_t before = umask(027);
  write_file_atomically(directory / "file", "x");
  umask(before);
  struct stat status {};
  ASSERT_EQ(stat((directory / "file").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0640U);
}

TEST(WriteFile, KeepsTheRightsOfTheFileThatWasThere) {
  const test::TemporaryDirectory directory;
  const std::string path = directory.write("file", "old");
  ASSERT_EQ(chmod(path.c_str(), 0600), 0);
  write_file_atomically(path, "new");
  struct stat status {};
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST(WriteFile, LeavesAFileThatMayNotBeWrittenTo) {
  const test::TemporaryDirectory directory;
  const std::string path = directory.write("file", "precious");
  ASSERT_EQ(chmod(path.c_str(), 0444), 0);
  ASSERT_EQ(chmod(directory.path().c_str(), 0777), 0);
  const auto write_as_a_usual_user = [&] {
    if (geteuid() == 0 && seteuid(65534) != 0) _exit(3);  // nothing is forbidden to root, and there is no other user
    const std::string error = test::file_error(path, [&] { write_file_atomically(path, "new"); });
    _exit(error == ": cannot be written: Permission denied" ? 3 : 2);
  };
  EXPECT_EXIT(write_as_a_usual_user(), testing::ExitedWithCode(3), "");
  EXPECT_EQ(read_file(path), "precious");
  EXPECT_EQ(directory.names(), std::vector<std::string>{"file"});
}

TEST(WriteFile, NamesAPathThatCannotBeWritten) {
  const test::TemporaryDirectory directory;
  const std::string file = directory.write("file", "x");
  for (const std::string& path : {directory / "none/file", file + "/below", directory.path()}) {
    const std::string error = test::file_error(path, [&] { write_file_atomically(path, "y"); });
    EXPECT_TRUE(test::contains(error, ": cannot be written: ")) << error;
  }
  EXPECT_EQ(message_of<FileError>([] { write_file_atomically("", "y"); }),
            "'': cannot be written: No such file or directory");
  EXPECT_EQ(read_file(file), "x");
  EXPECT_EQ(directory.names(), std::vector<std::string>{"file"});
}

TEST(WriteFile, NamesADiskThatIsFullAndLeavesTheDeviceAlone) {
  const std::string error = test::file_error("/dev/full", [] { write_file_atomically("/dev/full", "x"); });
  EXPECT_TRUE(test::contains(error, "No space left")) << error;
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/full"));
}

/// A limit on the size of files stands in for a full disk: the write fails half way.
TEST(WriteFile, LeavesTheOldFileWholeWhenTheDiskIsFull) {
  const test::TemporaryDirectory directory;
  const std::string path = directory.write("file", "old");
  const auto write_with_little_room = [&] {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{1000, 1000};
    setrlimit(RLIMIT_FSIZE, &limit);
    try {
      write_file_atomically(path, std::string(100000, 'x'));
    } catch (const FileError&) {
      _exit(3);
    }
    _exit(0);
  };
  EXPECT_EXIT(write_with_little_room(), testing::ExitedWithCode(3), "");
  EXPECT_EQ(read_file(path), "old");
  EXPECT_EQ(directory.names(), std::vector<std::string>{"file"});
}

}  // namespace
}  // namespace wengert::training
