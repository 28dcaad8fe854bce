#include <iostream>
#include <stdexcept>

#include <docs/sample.h>
#include <gtest/gtest-spi.h>

#include <wengert/datasets/mnist.h>

// The tests of the documents are able to fail.

namespace wengert::test {
namespace {

void print_one() { std::cout << "1 \n"; }
void fail() { throw std::runtime_error("no"); }

TEST(SampleTests, SeeWhatIsPrintedOtherwise) {
  expect_prints(&print_one, "1\n");
  expect_prints(&print_one, std::nullopt);
  EXPECT_NONFATAL_FAILURE(expect_prints(&print_one, "2\n"), "2");
  EXPECT_NONFATAL_FAILURE(expect_prints(&print_one, ""), "1");
}

TEST(SampleTests, SeeAnException) { EXPECT_NONFATAL_FAILURE(expect_prints(&fail, ""), "no"); }

TEST(SampleTests, GiveSamplesTheFirstOfTheRealImages) {
  const auto look = [] { EXPECT_EQ(datasets::fashion_mnist().train.size(), 640); };
  expect_prints(look, "");
  EXPECT_EQ(datasets::fashion_mnist().train.size(), 60000);
}

TEST(SampleTests, SeeAQuoteThatIsNotWordForWord) {
  expect_quoted("LICENSE", "MIT License\n");
  EXPECT_NONFATAL_FAILURE(expect_quoted("LICENSE", "MIT Licence\n"), "LICENSE");
  EXPECT_NONFATAL_FAILURE(expect_quoted("LICENSE", "License\n"), "LICENSE");
}

}  // namespace
}  // namespace wengert::test
