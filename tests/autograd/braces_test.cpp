#include <gtest/gtest.h>

#include <wengert/autograd/tensor.h>

namespace wengert {
namespace {

struct Spelling {
  const char* text;
  Tensor tensor;
  DType dtype;
  Shape shape;
  std::vector<double> values;
};

#define SPELLING(...) #__VA_ARGS__, __VA_ARGS__

// Overload resolution among braces within braces is where compilers differ: each of these is the only right reading.
TEST(Tensor, TakesFromBracesTheTypeAndShapeThatIsWritten) {
  const int n = 3;
  const float f = 0.5f;
  const std::uint8_t byte = 7;
  const std::vector<Spelling> spellings = {
      {SPELLING(Tensor(2.0)), DType::f64, {}, {2}},
      {SPELLING(Tensor({1.0, 2.0})), DType::f64, {2}, {1, 2}},
      {SPELLING(Tensor({1.0f, 2.0f})), DType::f32, {2}, {1, 2}},
      {SPELLING(Tensor({1, 2})), DType::i32, {2}, {1, 2}},
      {SPELLING(Tensor({std::int64_t{1}})), DType::i64, {1}, {1}},
      {SPELLING(Tensor({byte, byte})), DType::u8, {2}, {7, 7}},
      {SPELLING(Tensor({true, false})), DType::boolean, {2}, {1, 0}},
      {SPELLING(Tensor({0, 0.5, 1})), DType::f64, {3}, {0, 0.5, 1}},
      {SPELLING(Tensor({n, 2.5})), DType::f64, {2}, {3, 2.5}},
      {SPELLING(Tensor({f, 2.5})), DType::f64, {2}, {0.5, 2.5}},
      {SPELLING(Tensor({1, 2, 3, 4}, {2, 2})), DType::i32, {2, 2}, {1, 2, 3, 4}},
      {SPELLING(Tensor({1, 2.5}, {1, 2})), DType::f64, {1, 2}, {1, 2.5}},
      {SPELLING(Tensor({{1.0, 2.0}, {3.0, 4.0}})), DType::f64, {2, 2}, {1, 2, 3, 4}},
      {SPELLING(Tensor({{1.0f, 2.0f}, {3.0f, 4.0f}})), DType::f32, {2, 2}, {1, 2, 3, 4}},
      {SPELLING(Tensor({{1, 2}, {3, 4}})), DType::i32, {2, 2}, {1, 2, 3, 4}},
      {SPELLING(Tensor({{true, false}, {false, true}})), DType::boolean, {2, 2}, {1, 0, 0, 1}},
      {SPELLING(Tensor({{1, 0.5}, {3, 4}})), DType::f64, {2, 2}, {1, 0.5, 3, 4}},
      {SPELLING(Tensor({{1.0}, {2.0}})), DType::f64, {2, 1}, {1, 2}},
      {SPELLING(Tensor({{1}, {2}, {3}})), DType::i32, {3, 1}, {1, 2, 3}},
      {SPELLING(Tensor({{1}, {2.5}})), DType::f64, {2, 1}, {1, 2.5}},
      {SPELLING(Tensor({{1.0, 2.0}})), DType::f64, {1, 2}, {1, 2}},
      {SPELLING(Tensor({{1, 2, 3}})), DType::i32, {1, 3}, {1, 2, 3}},
  };
  for (const Spelling& spelling : spellings) {
    EXPECT_EQ(name_of(spelling.tensor.dtype()), name_of(spelling.dtype)) << spelling.text;
    EXPECT_EQ(spelling.tensor.shape(), spelling.shape) << spelling.text;
    const std::vector<double> values = dispatch(spelling.tensor.dtype(), [&](auto type) {
      const auto elements = spelling.tensor.data<decltype(type)>();
      return std::vector<double>(elements.begin(), elements.end());
    });
    EXPECT_EQ(values, spelling.values) << spelling.text;
  }
}

}  // namespace
}  // namespace wengert
