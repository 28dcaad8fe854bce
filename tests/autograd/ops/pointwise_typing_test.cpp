#include <algorithm>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "support/message_of.h"
#include "support/tensors.h"
#include <gtest/gtest.h>

#include <wengert/autograd/catalogue.h>
#include <wengert/autograd/error.h>
#include <wengert/autograd/operation.h>
#include <wengert/autograd/operations.h>
#include <wengert/autograd/parameter.h>

// Dtypes, shapes and operands of pointwise operations: what fits, what is refused and how that is said, and what
// integers do.

namespace wengert {
namespace {

std::vector<bool> truth(const Tensor& tensor) { return values<bool>(tensor); }
using Truth = std::vector<bool>;

Tensor bytes(std::initializer_list<int> numbers) { return cast(Tensor(std::vector<int>(numbers)), DType::u8); }

TEST(PointwiseTyping, DTypesThatDoNotFitAreNamed) {
  const Tensor x({1.0, 2.0});
  const Tensor integers({1, 2});
  EXPECT_EQ(message_of<DTypeError>([&] { return sqrt(integers); }),
            "sqrt: the input is i32; expected f32 or f64; cast it first: cast(x, DType::f32)");
  EXPECT_EQ(message_of<DTypeError>([&] { return integers / integers; }),
            "div: the input is i32; expected f32 or f64; cast it first: cast(x, DType::f32)");
  EXPECT_EQ(message_of<DTypeError>([&] { return Tensor({true}) + Tensor({false}); }),
            "add: the input is boolean; expected numbers; cast it first: cast(x, DType::f32)");
  EXPECT_EQ(message_of<DTypeError>([&] {
              return x * Tensor({1.0F, 2.0F});
            }),
            "mul: inputs are f64 and f32; expected one dtype; cast one of them");
  EXPECT_EQ(message_of<DTypeError>([&] { return where(x, x, x); }),
            "where: the condition is f64; expected boolean (compare, or cast it)");
  EXPECT_EQ(message_of<DTypeError>([&] { return clamp(integers, 0, 1.5); }),
            "clamp: the number 1.5 does not fit i32; cast the tensor to a dtype that holds it (cast(x, DType::f32))");
}

TEST(PointwiseTyping, AFractionNextToIntegersSuggestsACast) {
  for (const Tensor& x : {bytes({1, 2}), Tensor({1, 2}), Tensor({std::int64_t{1}})}) {
    const std::string dtype(name_of(x.dtype()));
    EXPECT_EQ(message_of<DTypeError>([&] { return x * 0.5; }),
              "mul: the number 0.5 does not fit " + dtype +
                  "; cast the tensor to a dtype that holds it (cast(x, DType::f32))");
    EXPECT_THROW(0.5 - x, DTypeError);
    EXPECT_THROW(x / 2, DTypeError);
    EXPECT_THROW(static_cast<void>(x < 0.5), DTypeError);
    EXPECT_EQ((x * 2.0).dtype(), x.dtype());  // a whole number is no loss
  }
  EXPECT_THROW(bytes({1}) + 256, DTypeError);
  EXPECT_THROW(bytes({1}) + -1, DTypeError);
}

TEST(PointwiseTyping, ShapesThatDoNotFitAreNamed) {
  EXPECT_EQ(message_of<ShapeError>([] {
              return zeros({2, 3}) + zeros({2});
            }),
            "add: shapes [2, 3] and [2] do not broadcast; extents must be equal or 1, from the last on");
  EXPECT_EQ(message_of<ShapeError>([] {
              return where(Tensor({true, false}), zeros({3}), 0.0);
            }),
            "where: shapes [2] and [3] do not broadcast; extents must be equal or 1, from the last on");
  EXPECT_THROW(zeros({0}) * zeros({2}), ShapeError);
}

TEST(PointwiseTyping, EveryOperationRefusesWhatDoesNotFitByItsName) {
  for (const Operation* operation : catalogue()) {
    if (operation->pointwise == nullptr) continue;
    std::vector<Tensor> inputs = operation->samples()[0].inputs;
    const auto refused = [&] { return wengert::apply(*operation, inputs); };
    const std::string prefix = operation->name + ": ";

    inputs.push_back(inputs[0]);
    EXPECT_EQ(message_of<ValueError>(refused).rfind(prefix, 0), 0U) << operation->name;
    inputs.pop_back();
    if (inputs.size() > 1) {
      const Tensor last = inputs.back();
      inputs.back() = cast(last, last.dtype() == DType::f32 ? DType::f64 : DType::f32);
      EXPECT_EQ(message_of<DTypeError>(refused).rfind(prefix, 0), 0U) << operation->name;
      inputs.back() = zeros({7, 11}, last.dtype());
      EXPECT_EQ(message_of<ShapeError>(refused).rfind(prefix, 0), 0U) << operation->name;
    }
    inputs[0] = Tensor();
    EXPECT_THROW(refused(), ValueError) << operation->name;
  }
}

TEST(PointwiseTyping, EveryOperationIsDocumentedAndHasSamplesOneOfThemEmpty) {
  for (const detail::CatalogueEntry& entry : detail::builtin_operations()) {
    const Operation* operation = &entry.operation();
    if (operation->pointwise == nullptr) continue;
    EXPECT_FALSE(operation->documentation.empty()) << operation->name;
    const std::vector<Sample> samples = operation->samples();
    EXPECT_GE(samples.size(), 3U) << operation->name;
    const auto is_empty = [&](const Sample& sample) {
      return wengert::apply(*operation, sample.inputs, sample.attributes).size() == 0;
    };
    EXPECT_TRUE(std::any_of(samples.begin(), samples.end(), is_empty)) << operation->name;
  }
}

TEST(PointwiseTyping, NumbersMayStandOnEitherSide) {
  const Tensor x({1.0, 4.0});
  EXPECT_EQ(values<double>(x - 1), (std::vector<double>{0, 3}));
  EXPECT_EQ(values<double>(1 - x), (std::vector<double>{0, -3}));
  EXPECT_EQ(values<double>(2.0F / x), (std::vector<double>{2, 0.5}));
  EXPECT_EQ(values<double>(pow(x, 0.5)), (std::vector<double>{1, 2}));
  EXPECT_EQ(values<double>(pow(2, x)), (std::vector<double>{2, 16}));
  EXPECT_EQ(values<double>(maximum(2, x)), (std::vector<double>{2, 4}));
  EXPECT_EQ(values<double>(where(x > 2, x, 0)), (std::vector<double>{0, 4}));
  EXPECT_EQ(values<double>(where(x > 2, -1, x)), (std::vector<double>{1, -1}));
  EXPECT_EQ((Tensor({1.0F}) * 0.1).dtype(), DType::f32);
  EXPECT_EQ(message_of<ValueError>([] { return add(1.0, 2.0); }),
            "add: both operands are numbers; expected a tensor on one side");
  EXPECT_THROW(where(Tensor({true}), 1.0, 2.0), ValueError);
}

TEST(PointwiseTyping, AnUndefinedTensorIsNoNumber) {
  EXPECT_THROW(Tensor({1.0}) + Tensor(), ValueError);
  EXPECT_THROW(Tensor() * 2.0, ValueError);
  EXPECT_THROW(-Tensor(), ValueError);
}

TEST(PointwiseTyping, ParametersAreTakenAsTheirValues) {
  const Parameter weight(Tensor({1.0, 2.0}), "weight");
  EXPECT_EQ(values<double>(weight * 2.0), (std::vector<double>{2, 4}));
  EXPECT_EQ(values<double>(1 - weight), (std::vector<double>{0, -1}));
  EXPECT_EQ(values<double>(exp(weight - weight)), (std::vector<double>{1, 1}));
  EXPECT_EQ(truth(weight > 1.5), (Truth{false, true}));
  EXPECT_TRUE(weight == weight);  // handles compare as handles
}

TEST(PointwiseTyping, IntegerLiteralsKeepAll64Bits) {
  const std::int64_t large = (std::int64_t{1} << 53) + 1;  // no double
  const Tensor x({large, std::numeric_limits<std::int64_t>::min()});
  EXPECT_EQ(values<std::int64_t>(x - large)[0], 0);
  EXPECT_EQ(values<std::int64_t>(Tensor({std::int64_t{0}}) + large)[0], large);
  EXPECT_EQ(truth(x == large), (Truth{true, false}));
  EXPECT_EQ(truth(x == large - 1), (Truth{false, false}));
  EXPECT_EQ(truth(std::numeric_limits<std::int64_t>::min() < x), (Truth{true, false}));
  EXPECT_EQ(values<std::int64_t>(clamp(x, large, large + 1)), (std::vector<std::int64_t>{large, large}));
  EXPECT_EQ(values<std::int64_t>(maximum(x, 9007199254740993)), (std::vector<std::int64_t>{large, large}));
  // Rounded once: 2⁵³ + 2²⁹ + 1 is above the middle of two floats, 2⁵³ + 2²⁹ as a double on it.
  EXPECT_EQ(scalar((std::int64_t{1} << 53) + (std::int64_t{1} << 29) + 1, DType::f32).item(), 0x1p53 + 0x1p30);
  EXPECT_EQ(scalar(std::uint64_t{0xFFFFFFFFFFFFFFFF}, DType::f64).item(), 0x1p64);
  EXPECT_THROW(x + std::uint64_t{0xFFFFFFFFFFFFFFFF}, DTypeError);
  EXPECT_EQ(message_of<DTypeError>([&] { return Tensor({1}) + large; }),
            "add: the number 9007199254740993 does not fit i32; cast the tensor to a dtype that holds it (cast(x, "
            "DType::f32))");
  EXPECT_THROW(x + 0x1p63, DTypeError);
  EXPECT_EQ(values<std::int64_t>(x + -0x1p63)[1], 0);
}

TEST(PointwiseTyping, IntegersWrap) {
  const int least = std::numeric_limits<int>::min();
  const int most = std::numeric_limits<int>::max();
  EXPECT_EQ(values<int>(Tensor({most}) + 1), (std::vector<int>{least}));
  EXPECT_EQ(values<int>(Tensor({least}) - 1), (std::vector<int>{most}));
  EXPECT_EQ(values<int>(Tensor({1 << 30}) * 4), (std::vector<int>{0}));
  EXPECT_EQ(values<int>(-Tensor({least, 5})), (std::vector<int>{least, -5}));
  EXPECT_EQ(values<int>(abs(Tensor({least, -5}))), (std::vector<int>{least, 5}));
  EXPECT_EQ(values<int>(square(Tensor({65536, -3}))), (std::vector<int>{0, 9}));
  const std::int64_t most64 = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(values<std::int64_t>(Tensor({most64}) + 1),
            (std::vector<std::int64_t>{std::numeric_limits<std::int64_t>::min()}));
  using Bytes = std::vector<std::uint8_t>;
  EXPECT_EQ(values<std::uint8_t>(bytes({250, 3}) + bytes({10, 4})), (Bytes{4, 7}));
  EXPECT_EQ(values<std::uint8_t>(bytes({1}) - 2), (Bytes{255}));
  EXPECT_EQ(values<std::uint8_t>(-bytes({1, 0})), (Bytes{255, 0}));
  EXPECT_EQ(values<std::uint8_t>(bytes({16}) * 17), (Bytes{16}));
  EXPECT_EQ(values<std::uint8_t>(sign(bytes({0, 200}))), (Bytes{0, 1}));
  EXPECT_EQ(values<std::uint8_t>(relu(bytes({0, 200}))), (Bytes{0, 200}));
  EXPECT_EQ(values<int>(sign(Tensor({-7, 0, 9}))), (std::vector<int>{-1, 0, 1}));
  EXPECT_EQ(values<int>(relu(Tensor({-7, 9}))), (std::vector<int>{0, 9}));
  EXPECT_EQ(values<int>(floor(Tensor({-7}))), (std::vector<int>{-7}));
  EXPECT_EQ(values<int>(minimum(Tensor({-7, 9}), 3)), (std::vector<int>{-7, 3}));
}

TEST(PointwiseTyping, ComparisonsWorkInEveryDTypeAndOnEitherSide) {
  const Tensor doubles({1.0, 2.0, 3.0});
  for (const DType dtype : {DType::f32, DType::f64, DType::i32, DType::i64, DType::u8}) {
    const Tensor x = cast(doubles, dtype);
    EXPECT_EQ(truth(x < 2), (Truth{true, false, false})) << name_of(dtype);
    EXPECT_EQ(truth(2 < x), (Truth{false, false, true}));
    EXPECT_EQ(truth(x <= 2), (Truth{true, true, false}));
    EXPECT_EQ(truth(2 <= x), (Truth{false, true, true}));
    EXPECT_EQ(truth(x > 2), (Truth{false, false, true}));
    EXPECT_EQ(truth(2 > x), (Truth{true, false, false}));
    EXPECT_EQ(truth(x >= 2), (Truth{false, true, true}));
    EXPECT_EQ(truth(2 >= x), (Truth{true, true, false}));
    EXPECT_EQ(truth(x == 2), (Truth{false, true, false}));
    EXPECT_EQ(truth(2 == x), (Truth{false, true, false}));
    EXPECT_EQ(truth(x != 2), (Truth{true, false, true}));
    EXPECT_EQ(truth(2 != x), (Truth{true, false, true}));
    const Tensor reversed = cast(Tensor({3.0, 2.0, 1.0}), dtype);
    EXPECT_EQ(truth(x == reversed), (Truth{false, true, false}));
    EXPECT_EQ(truth(x != reversed), (Truth{true, false, true}));
    EXPECT_EQ(truth(x < reversed), (Truth{true, false, false}));
  }
  EXPECT_EQ(truth(Tensor({false, true}) < true), (Truth{true, false}));
  EXPECT_EQ(truth(Tensor({false, true}) == Tensor({true, true})), (Truth{false, true}));
}

TEST(PointwiseTyping, ComparisonsWithNaNAreFalseButForUnequal) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Tensor x({nan, 0.0, -0.0});
  EXPECT_EQ(truth(x < nan), (Truth{false, false, false}));
  EXPECT_EQ(truth(x >= nan), (Truth{false, false, false}));
  EXPECT_EQ(truth(x == x), (Truth{false, true, true}));
  EXPECT_EQ(truth(x != x), (Truth{true, false, false}));
  EXPECT_EQ(truth(x == 0.0), (Truth{false, true, true}));
  EXPECT_EQ(truth(x < 0.0), (Truth{false, false, false}));
}

TEST(PointwiseTyping, LogicTakesEveryNumberButZeroAsTrue) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double inf = std::numeric_limits<double>::infinity();
  EXPECT_EQ(truth(!Tensor({0.0, -0.0, 1e-300, nan})), (Truth{true, true, false, false}));
  EXPECT_EQ(truth(!Tensor({true, false})), (Truth{false, true}));
  EXPECT_EQ(truth(Tensor({2, 0}) && Tensor({3, 3})), (Truth{true, false}));
  EXPECT_EQ(truth(Tensor({0, 0}) || Tensor({0, -1})), (Truth{false, true}));
  const Tensor x({-1.0, 0.5, 2.0});
  EXPECT_EQ(truth(0 < x && x < 1), (Truth{false, true, false}));
  EXPECT_EQ(truth(x < 0 || 1 < x), (Truth{true, false, true}));
  EXPECT_EQ(truth(isfinite(Tensor({1.0, inf, -inf, nan}))), (Truth{true, false, false, false}));
  EXPECT_EQ(truth(isinf(Tensor({1.0, inf, -inf, nan}))), (Truth{false, true, true, false}));
  EXPECT_EQ(truth(isnan(Tensor({1.0, inf, -inf, nan}))), (Truth{false, false, false, true}));
  EXPECT_EQ(truth(isfinite(Tensor({1, 0}))), (Truth{true, true}));
  EXPECT_EQ(truth(isnan(bytes({1, 0}))), (Truth{false, false}));
}

/// The index into a stretched operand.
std::size_t stretched(const Shape& from, const Shape& to, std::size_t element) {
  std::size_t index = 0, stride = 1;
  for (std::size_t axis = to.rank(); axis-- > 0;) {
    const std::size_t extent = static_cast<std::size_t>(to[axis]);
    const std::size_t at = element % extent;
    element /= extent;
    if (axis < to.rank() - from.rank()) continue;
    const std::size_t own = static_cast<std::size_t>(from[axis - (to.rank() - from.rank())]);
    if (own != 1) index += at * stride;
    stride *= own;
  }
  return index;
}

TEST(PointwiseTyping, OperandsOfEveryRankBroadcastAsNumPySays) {
  std::mt19937 engine(3);
  for (int round = 0; round < 400; ++round) {
    const std::size_t rank = static_cast<std::size_t>(round) % (max_rank + 1);
    Ints full, a, b;
    for (std::size_t axis = 0; axis < rank; ++axis) {
      const std::int64_t extent = round % 5 == 0 && engine() % 4 == 0 ? 0 : 1 + static_cast<std::int64_t>(engine() % 3);
      full.push_back(extent);
    }
    const std::size_t shorter = rank == 0 ? 0 : engine() % (rank + 1);
    for (std::size_t axis = 0; axis < rank; ++axis) {
      const bool both = engine() % 2 == 0;
      a.push_back(both || engine() % 2 == 0 ? full[axis] : 1);
      if (axis >= shorter)
        b.push_back(both || a[axis] == 1 ? full[axis] : 1);
      else
        a[axis] = full[axis];
    }
    const Shape shape(full);
    const Tensor left = arange(0, Shape(a).elements(), 1, DType::f64).reshape(a);
    const Tensor right = 0.5 * arange(0, Shape(b).elements(), 1, DType::f64).reshape(b);
    const Tensor difference = left - right;
    ASSERT_EQ(difference.shape(), shape) << to_string(Shape(a)) << " and " << to_string(Shape(b));
    const auto result = values<double>(difference);
    const auto x = values<double>(left);
    const auto y = values<double>(right);
    for (std::size_t i = 0; i < result.size(); ++i) {
      ASSERT_EQ(result[i], x[stretched(left.shape(), shape, i)] - y[stretched(right.shape(), shape, i)])
          << to_string(left.shape()) << " and " << to_string(right.shape()) << " at " << i;
    }
  }
}

}  // namespace
}  // namespace wengert
