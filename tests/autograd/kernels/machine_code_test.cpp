#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <wengert/autograd/kernels/machine_code.h>

namespace wengert::kernels {
namespace {

#ifdef __x86_64__

using Code = std::shared_ptr<void>;

/// Code of so many bytes and more: returns `number`.
Code function_of(std::uint32_t number, std::size_t bytes = 0) {
  std::vector<std::uint8_t> code(bytes, 0x90);        // nop
  code.insert(code.end(), {0xB8, 0, 0, 0, 0, 0xC3});  // mov eax, number; ret
  std::memcpy(code.data() + bytes + 1, &number, sizeof(number));
  return place_code(code);
}
std::uint32_t call(const Code& code) { return reinterpret_cast<std::uint32_t (*)()>(code.get())(); }

bool system_lets_code_run() {
  void* const page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return false;
  const bool can = mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0;
  munmap(page, 4096);
  return can;
}

/// Else all would be done by primitives, with the same bits, and nobody would notice.
TEST(MachineCodeHere, CanBePlacedWhereTheSystemLetsItRun) { EXPECT_EQ(can_place_code(), system_lets_code_run()); }

class MachineCode : public testing::Test {
 protected:
  void SetUp() override {
    if (!can_place_code()) GTEST_SKIP() << "this system runs no code that a process wrote";
  }
};

TEST_F(MachineCode, StaysAsLongAsSomebodyHoldsIt) {
  std::vector<Code> functions;
  for (std::uint32_t i = 0; i < 4000; ++i) functions.push_back(function_of(i, i % 100));  // more than one chunk
  for (std::uint32_t i = 0; i < 4000; i += 3) functions[i] = function_of(i + 4000);
  for (std::uint32_t i = 0; i < 4000; ++i) ASSERT_EQ(call(functions[i]), i % 3 == 0 ? i + 4000 : i);
}

TEST_F(MachineCode, MayBeLong) {
  const Code large = function_of(1, 200'001), small = function_of(2);
  EXPECT_EQ(call(large), 1);
  EXPECT_EQ(call(small), 2);
}

TEST_F(MachineCode, IsNotWrittenOverByAProcessThatWasForked) {
  std::vector<Code> functions{function_of(0)};
  std::array<int, 2> pipe_ends = {};
  ASSERT_EQ(pipe(pipe_ends.data()), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  char byte = 0;
  if (child == 0) {  // it places its code when the parent has placed its own
    const bool is_told = read(pipe_ends[0], &byte, 1) == 1;
    for (std::uint32_t i = 1; i < 50; ++i) functions.push_back(function_of(i + 1000));
    _exit(is_told && call(functions[0]) == 0 && call(functions[1]) == 1001 && call(functions[49]) == 1049 ? 0 : 1);
  }
  for (std::uint32_t i = 1; i < 50; ++i) functions.push_back(function_of(i));
  ASSERT_EQ(write(pipe_ends[1], &byte, 1), 1);
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  for (std::uint32_t i = 0; i < 50; ++i) EXPECT_EQ(call(functions[i]), i);
  close(pipe_ends[0]);
  close(pipe_ends[1]);
}

#endif

}  // namespace
}  // namespace wengert::kernels
