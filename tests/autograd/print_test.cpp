#include <cmath>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <wengert/autograd/autograd.h>
#include <wengert/fmt.h>

namespace wengert {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

struct Case {
  const char* name;
  Tensor tensor;
  std::string text;
};

// The texts are what NumPy 1.24 prints for the same arrays.
TEST(Print, WritesWhatNumPyWrites) {
  const std::vector<Case> cases{
      {"numbers", Tensor({1.0, 2.5, -3.25}), "[ 1.    2.5  -3.25]"},
      {"whole numbers", Tensor({1.0, 2.0, 10.0}), "[ 1.  2. 10.]"},
      {"single numbers", Tensor({0.1F, 0.2F, 1.0F / 3}), "[0.1        0.2        0.33333334]"},
      {"eight digits", Tensor({1.0 / 3, 2.0 / 3}), "[0.33333333 0.66666667]"},
      {"small and large", Tensor({1e-5, 2.0}), "[1.e-05 2.e+00]"},
      {"large alone", Tensor({123456789.0, 1.5}), "[1.23456789e+08 1.50000000e+00]"},
      {"a wide range", Tensor({1.0, 1001.0}), "[1.000e+00 1.001e+03]"},
      {"a range not so wide", Tensor({1.0, 1000.0}), "[   1. 1000.]"},
      {"three digits of exponent", Tensor({1e-300, 1.0}), "[1.e-300 1.e+000]"},
      {"nan with a sign", Tensor(-NAN), "nan"},
      {"nan and inf", Tensor({NAN, infinity, -infinity, 0.5}), "[ nan  inf -inf  0.5]"},
      {"nothing finite", Tensor({NAN, infinity}), "[nan inf]"},
      {"negative zero", Tensor({-0.0, 0.0}), "[-0.  0.]"},
      {"integers", Tensor({1, -20, 300}), "[  1 -20 300]"},
      {"bytes", Tensor({std::uint8_t{7}, std::uint8_t{255}}), "[  7 255]"},
      {"truth values", Tensor({true, false}), "[ True False]"},
      {"a scalar", Tensor(0.1), "0.1"},
      {"a whole scalar", Tensor(2.0F), "2.0"},
      {"a scalar in full", Tensor(1.0 / 3), "0.3333333333333333"},
      {"a small scalar", Tensor(1e-7), "1e-07"},
      {"an infinite scalar", Tensor(-infinity), "-inf"},
      {"an integer scalar", Tensor(-7), "-7"},
      {"a truth value", Tensor(true), "True"},
      {"empty", zeros({0}), "[]"},
      {"empty with rows", zeros({2, 0, 3}), "[]"},
      {"a matrix", Tensor({{1.0, -2.0}, {0.5, 3.0}}), "[[ 1.  -2. ]\n [ 0.5  3. ]]"},
      {"rank 3", arange(0, 8, 1, DType::i32).reshape({2, 2, 2}), "[[[0 1]\n  [2 3]]\n\n [[4 5]\n  [6 7]]]"},
      {"rank 4", arange(0, 4, 1, DType::i32).reshape({2, 1, 1, 2}), "[[[[0 1]]]\n\n\n [[[2 3]]]]"},
      {"rank 8", ones({1, 1, 1, 1, 1, 1, 1, 2}), "[[[[[[[[1. 1.]]]]]]]]"},
      {"a long row", arange(0, 30, 1, DType::i32),
       "[ 0  1  2  3  4  5  6  7  8  9 10 11 12 13 14 15 16 17 18 19 20 21 22 23\n 24 25 26 27 28 29]"},
      {"1000 elements in full", zeros({1000}, DType::u8),
       [] {
         std::string rows = "[";
         for (int i = 0; i < 1000; ++i) rows += i == 0 ? "0" : i % 37 == 0 ? "\n 0" : " 0";
         return rows.append("]");
       }()},
      {"1001 elements shortened", arange(0, 1001, 1, DType::i32), "[   0    1    2 ...  998  999 1000]"},
      {"a large matrix", arange(0, 10000, 1, DType::i32).reshape({100, 100}),
       "[[   0    1    2 ...   97   98   99]\n [ 100  101  102 ...  197  198  199]\n [ 200  201  202 ...  297  298  "
       "299]\n"
       " ...\n [9700 9701 9702 ... 9797 9798 9799]\n [9800 9801 9802 ... 9897 9898 9899]\n"
       " [9900 9901 9902 ... 9997 9998 9999]]"},
      {"large, with a short axis", zeros({500, 4}, DType::u8),
       "[[0 0 0 0]\n [0 0 0 0]\n [0 0 0 0]\n ...\n [0 0 0 0]\n [0 0 0 0]\n [0 0 0 0]]"},
  };
  for (const Case& c : cases) EXPECT_EQ(to_string(c.tensor), c.text) << c.name;
}

TEST(Print, StaysShortForLargeTensors) { EXPECT_EQ(to_string(ones({1'000'000})), "[1. 1. 1. ... 1. 1. 1.]"); }

TEST(Print, MarksTheUndefined) { EXPECT_EQ(to_string(Tensor()), "(undefined)"); }

TEST(Print, GoesToStreams) {
  std::ostringstream stream;
  stream << Tensor({1, 2}) << ' ' << Tensor(0.5);
  EXPECT_EQ(stream.str(), "[1 2] 0.5");
}

TEST(Print, IsKnownToFmt) {
  EXPECT_EQ(fmt::format("{} {} {}", Tensor({1, 2}), Shape{2, 3}, DType::f32), "[1 2] [2, 3] f32");
  EXPECT_EQ(fmt::format("{:>8}|{:<8}|{:^9}", Shape{2}, DType::boolean, Tensor(1.5)), "     [2]|boolean |   1.5   ");
  EXPECT_EQ(fmt::format("{}", Attributes{{"axes", Ints{0, 1}}, {"keepdims", true}}), "axes=[0, 1], keepdims=true");
  EXPECT_EQ(fmt::format("{}", fmt::join(std::vector<Shape>{{1}, {2, 3}}, "; ")), "[1]; [2, 3]");
}

}  // namespace
}  // namespace wengert
