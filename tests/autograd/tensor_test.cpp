#include <cmath>
#include <limits>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "support/message_of.h"
#include "support/tensors.h"
#include <gtest/gtest.h>

#include <wengert/autograd/autograd.h>

namespace wengert {
namespace {

TEST(Tensor, OfVectorsAndSpansHasTheirTypeAndShape) {
  const std::vector<float> values{1, 2, 3, 4};
  EXPECT_EQ(Tensor(values).shape(), Shape{4});
  EXPECT_EQ(Tensor(values).dtype(), DType::f32);
  EXPECT_EQ(Tensor(values, {2, 2}).data<float>()[3], 4.0F);
  EXPECT_EQ(Tensor(std::span<const float>(values).first(3)).size(), 3);
  EXPECT_EQ(Tensor(std::vector<std::int64_t>{}).shape(), Shape{0});
  EXPECT_THROW(Tensor(values, {3}), ShapeError);
  EXPECT_THROW(Tensor({1, 2, 3}, {2, 2}), ShapeError);
  EXPECT_THROW(Tensor({{1, 2}, {3}}), ShapeError);
}

TEST(Tensor, CopiesShareTheElementsAndMovesLeaveNothing) {
  const Tensor a({1.0, 2.0});
  const Tensor b = a;
  EXPECT_EQ(a.data<double>().data(), b.data<double>().data());
  Tensor c = b;
  Tensor d = std::move(c);
  EXPECT_FALSE(c.defined());  // NOLINT(bugprone-use-after-move): that is the question
  EXPECT_TRUE(same_bits(d, a));
  const Tensor& itself = d;
  d = itself;
  EXPECT_TRUE(same_bits(d, a));
}

TEST(Tensor, IsAtOnceReleasedWhenAnotherIsMovedOverIt) {
  auto memory = std::make_shared<std::vector<double>>(2, 1.0);
  const std::weak_ptr<const void> life = memory;
  Tensor old = Tensor::borrow(memory->data(), {2}, memory);
  memory.reset();
  Tensor fresh({1.0});
  old = std::move(fresh);
  EXPECT_TRUE(life.expired());
}

TEST(Tensor, BorrowsMemoryAndKeepsItsOwner) {
  auto memory = std::make_shared<std::vector<float>>(std::vector<float>{1, 2, 3, 4});
  const std::weak_ptr<const void> life = memory;
  Tensor sum_of_it;
  {
    const Tensor borrowed = Tensor::borrow(memory->data(), {2, 2}, memory);
    EXPECT_EQ(borrowed.data<float>().data(), memory->data());
    memory.reset();
    EXPECT_FALSE(life.expired());
    sum_of_it = sum(borrowed.reshape({4}));
  }
  EXPECT_TRUE(life.expired());
  EXPECT_EQ(sum_of_it.item(), 10.0);
  EXPECT_THROW(Tensor::borrow(static_cast<const float*>(nullptr), {2}, nullptr), ValueError);
  EXPECT_EQ(Tensor::borrow(static_cast<const float*>(nullptr), {0}, nullptr).size(), 0);
}

TEST(Tensor, ShowsTheElementsOfATemporaryAsLongAsTheyAreLookedAt) {
  const auto elements = (Tensor({1.0, 2.0}) + 1.0).data<double>();
  EXPECT_EQ(elements[1], 3.0);
  EXPECT_EQ(elements.size(), 2U);
  double sum_of_them = 0;
  for (const double element : exp(zeros({3}, DType::f64)).data<double>()) sum_of_them += element;
  EXPECT_EQ(sum_of_them, 3.0);
  EXPECT_THROW(static_cast<void>(Tensor({1.0}).data<float>()), DTypeError);
}

TEST(Tensor, GivesItsOnlyElementAndNoOther) {
  EXPECT_EQ(Tensor(2.5).item(), 2.5);
  EXPECT_EQ(Tensor(2.5).item<float>(), 2.5F);
  EXPECT_EQ(Tensor({{7}}).item<int>(), 7);
  EXPECT_EQ(Tensor(7).item(), 7.0);
  EXPECT_TRUE(Tensor(true).item<bool>());
  EXPECT_EQ(Tensor(std::int64_t{1} << 60).item<std::int64_t>(), std::int64_t{1} << 60);
  EXPECT_THROW(static_cast<void>(Tensor({1.0, 2.0}).item()), ShapeError);
  EXPECT_THROW(static_cast<void>(Tensor({1, 2}).item<int>()), ShapeError);
  EXPECT_THROW(static_cast<void>(zeros({0}).item()), ShapeError);
  EXPECT_THROW(static_cast<void>(Tensor(2.5).item<int>()), DTypeError);
  EXPECT_THROW(static_cast<void>(Tensor().item()), ValueError);
  const Tensor large(std::int64_t{1} << 40);
  EXPECT_EQ(message_of<DTypeError>([&] { static_cast<void>(large.item<int>()); }),
            "item: the element is 1099511627776, which the type asked for does not hold");
  EXPECT_EQ(large.item<std::uint64_t>(), std::uint64_t{1} << 40);
  EXPECT_EQ(Tensor(255).item<std::uint8_t>(), 255);
  EXPECT_THROW(static_cast<void>(Tensor(256).item<std::uint8_t>()), DTypeError);
  EXPECT_THROW(static_cast<void>(Tensor(-1).item<std::uint64_t>()), DTypeError);
  EXPECT_TRUE(Tensor(2).item<bool>());
}

TEST(Tensor, GivesNoIntegerThatLosesDigits) {
  const Tensor large((std::int64_t{1} << 53) + 1);
  EXPECT_EQ(message_of<DTypeError>([&] { static_cast<void>(large.item()); }),
            "item: the element is 9007199254740993, which the type asked for does not hold");
  EXPECT_THROW(static_cast<void>(Tensor(16777217).item<float>()), DTypeError);
  EXPECT_THROW(static_cast<void>(Tensor(std::numeric_limits<std::int64_t>::max()).item()), DTypeError);
  EXPECT_EQ(Tensor(16777217).item(), 16777217.0);
  EXPECT_EQ(Tensor(std::int64_t{1} << 60).item<float>(), 0x1p60F);
  EXPECT_EQ(Tensor(std::numeric_limits<std::int64_t>::min()).item(), -0x1p63);
  EXPECT_EQ(Tensor(0.1).item<float>(), 0.1F);
}

TEST(Tensor, TakesNoIntegerForADoubleThatIsNone) {
  EXPECT_EQ(message_of<DTypeError>([] {
              Tensor({~std::uint64_t{0}, 0.5});
            }),
            "tensor: 18446744073709551615 is no double, as which numbers of several types count; make them all "
            "std::int64_t, or doubles");
  EXPECT_THROW(Tensor({(std::int64_t{1} << 53) + 1, 0.5}), DTypeError);
  EXPECT_EQ(Tensor({std::uint64_t{1} << 63, 0.5}).data<double>()[0], 0x1p63);
}

TEST(Tensor, GivesTheShapeOfATemporaryToKeep) {
  std::int64_t product = 1;
  for (const std::int64_t extent : zeros({2, 3}).shape()) product *= extent;
  EXPECT_EQ(product, 6);
  static_assert(!std::is_reference_v<decltype(std::declval<Tensor>().shape())>);
  static_assert(!std::is_reference_v<decltype(std::declval<const Parameter&>().shape())>, "it may be assigned");
}

TEST(Tensor, HasExtentsCountedFromEitherEnd) {
  const Shape shape{2, 3, 5};
  EXPECT_EQ(shape[0], 2);
  EXPECT_EQ(shape[-1], 5);
  const int third_last = -3;
  EXPECT_EQ(shape[third_last], 2);
  EXPECT_EQ(message_of<ValueError>([&] { static_cast<void>(shape[3]); }),
            "shape: axis 3 is out of range; expected -3 … 2 for rank 3");
  EXPECT_THROW(static_cast<void>(shape[-4]), ValueError);
  EXPECT_EQ(message_of<ValueError>([] { static_cast<void>(Shape{}.back()); }),
            "shape: axis -1 given; a scalar has no axes");
}

TEST(Tensor, TakesAxesAndExtentsInEveryFormTheyCome) {
  const Tensor x({{1.0, 2.0, 3.0}, {4.0, 5.0, 6.0}});
  EXPECT_TRUE(same_bits(sum(x, 1), Tensor({6.0, 15.0})));
  EXPECT_TRUE(same_bits(sum(x, -1, true), Tensor({{6.0}, {15.0}})));
  EXPECT_EQ(unsqueeze(x, 0).shape(), (Shape{1, 2, 3}));
  EXPECT_TRUE(same_bits(flip(x, 0), Tensor({{4.0, 5.0, 6.0}, {1.0, 2.0, 3.0}})));
  EXPECT_TRUE(same_bits(reshape(Tensor({1.0, 2.0, 3.0, 4.0, 5.0, 6.0}), x.shape()), x));
  const std::vector<std::int64_t> extents{3, 2};
  EXPECT_EQ(reshape(x, extents).shape(), (Shape{3, 2}));
  EXPECT_EQ(zeros(extents).shape(), (Shape{3, 2}));
  static_assert(!std::is_convertible_v<bool, Ints> && !std::is_convertible_v<double, Ints>);
  static_assert(!std::is_convertible_v<std::size_t, Ints>, "as an attribute it would be a list");
}

TEST(Tensor, HoldsRanksFromZeroToEight) {
  Ints extents;
  for (std::size_t rank = 0; rank <= max_rank; ++rank) {
    const Tensor tensor = ones(Shape(std::span(extents.begin(), extents.size())), DType::f64);
    EXPECT_EQ(tensor.rank(), rank);
    EXPECT_EQ(sum(tensor * tensor).item(), static_cast<double>(tensor.size()));
    if (rank < max_rank) extents.push_back(rank % 2 == 0 ? 2 : 1);
  }
  EXPECT_THROW(ones({1, 1, 1, 1, 1, 1, 1, 1, 1}), ShapeError);
  EXPECT_THROW(ones({-1}), ShapeError);
  EXPECT_THROW(ones({std::int64_t{1} << 40, std::int64_t{1} << 40}), ShapeError);
}

TEST(Tensor, MayBeEmpty) {
  const Tensor empty_rows = zeros({0, 3}, DType::f64);
  EXPECT_EQ(empty_rows.size(), 0);
  EXPECT_EQ((exp(empty_rows) + Tensor({1.0, 2.0, 3.0})).shape(), (Shape{0, 3}));
  EXPECT_EQ(sum(empty_rows).item(), 0.0);
  Tape tape;
  const Tensor x = tape.watch(empty_rows);
  EXPECT_EQ(tape.gradient(sum(x * x), x).shape(), (Shape{0, 3}));
}

TEST(Tensor, AnswersEveryComparisonWithNumbersOnEitherSide) {
  const Tensor x({1.0, 2.0, 3.0});
  const auto is = [](const Tensor& answer, bool first, bool second, bool third) {
    return same_bits(answer, Tensor({first, second, third}));
  };
  EXPECT_TRUE(is(x < 2, true, false, false));
  EXPECT_TRUE(is(x <= 2, true, true, false));
  EXPECT_TRUE(is(x > 2, false, false, true));
  EXPECT_TRUE(is(x >= 2, false, true, true));
  EXPECT_TRUE(is(x == 2, false, true, false));
  EXPECT_TRUE(is(x != 2, true, false, true));
  EXPECT_TRUE(is(2 < x, false, false, true));
  EXPECT_TRUE(is(2 <= x, false, true, true));
  EXPECT_TRUE(is(2.0 > x, true, false, false));
  EXPECT_TRUE(is(2.0 >= x, true, true, false));
  EXPECT_TRUE(is(2 == x, false, true, false));
  EXPECT_TRUE(is(2 != x, true, false, true));
  EXPECT_TRUE(is(x != Tensor({1.0, 0.0, 3.0}), false, true, false));
}

TEST(Tensor, TakesNumbersAsItsOwnDTypeAndRefusesWhatWouldLoseThem) {
  const Tensor bytes({std::uint8_t{1}, std::uint8_t{2}});
  EXPECT_EQ((bytes * 2).dtype(), DType::u8);
  EXPECT_EQ((1.0F - Tensor({1.0})).dtype(), DType::f64);
  EXPECT_EQ((Tensor({1.0F}) * 0.5).dtype(), DType::f32);
  EXPECT_THROW(bytes * 0.5, DTypeError);
  EXPECT_THROW(bytes * 256, DTypeError);
  EXPECT_THROW(bytes + -1, DTypeError);
  EXPECT_THROW(Tensor({1, 2}) / 2, DTypeError);
  EXPECT_THROW(Tensor({1.0F}) + 1e300, DTypeError);
  EXPECT_EQ((Tensor({1.0F}) + INFINITY).data<float>()[0], INFINITY);
  EXPECT_THROW(Tensor({9007199254740993LL, 1LL}), DTypeError);  // 2⁵³ + 1, as a double
  EXPECT_EQ(Tensor({9007199254740992LL, 1LL}).dtype(), DType::f64);
  static_assert(!std::is_constructible_v<Tensor, std::vector<bool>>);
  EXPECT_THROW(Tensor({1.0}) + Tensor({1.0F}), DTypeError);
}

TEST(Filled, TensorsHoldOneValue) {
  EXPECT_TRUE(same_bits(zeros({2}), Tensor({0.0F, 0.0F})));
  EXPECT_TRUE(same_bits(ones({2}, DType::i64), Tensor(std::vector<std::int64_t>{1, 1})));
  EXPECT_TRUE(same_bits(full({2}, 0.1, DType::f64), Tensor({0.1, 0.1})));
  EXPECT_TRUE(same_bits(full({1}, true, DType::boolean), Tensor({true})));
  EXPECT_TRUE(same_bits(scalar(7, DType::u8), Tensor(std::uint8_t{7})));
  EXPECT_THROW(scalar(0.5, DType::u8), DTypeError);
  EXPECT_THROW(scalar(256, DType::u8), DTypeError);
  EXPECT_THROW(scalar(2, DType::boolean), DTypeError);
  EXPECT_THROW(scalar(9.3e18, DType::i64), DTypeError);
  EXPECT_THROW(scalar(NAN, DType::i32), DTypeError);
  EXPECT_THROW(full({2}, 1e300, DType::f32), DTypeError);
}

TEST(Arange, CountsFromStartShortOfStop) {
  EXPECT_TRUE(same_bits(arange(0, 4), Tensor({0.0F, 1.0F, 2.0F, 3.0F})));
  EXPECT_TRUE(same_bits(arange(5, 0, -2, DType::i32), Tensor({5, 3, 1})));
  EXPECT_TRUE(same_bits(arange(0, 1, 0.25, DType::f64), Tensor({0.0, 0.25, 0.5, 0.75})));
  EXPECT_EQ(arange(0, 0).size(), 0);
  EXPECT_EQ(arange(3, 1).size(), 0);
  const std::int64_t large = std::int64_t{1} << 60;
  EXPECT_TRUE(same_bits(arange(large, large + 3, 1, DType::i64), Tensor(std::vector{large, large + 1, large + 2})));
  EXPECT_THROW(arange(0, 1, 0), ValueError);
  EXPECT_THROW(arange(0, INFINITY), ValueError);
  EXPECT_THROW(arange(0, 1, 0.25, DType::i32), DTypeError);
  EXPECT_THROW(arange(0, 1e18), ValueError);
}

TEST(Linspace, EndsWhereItShould) {
  EXPECT_TRUE(same_bits(linspace(0, 1, 5, DType::f64), Tensor({0.0, 0.25, 0.5, 0.75, 1.0})));
  EXPECT_EQ(linspace(0, 0.1, 7, DType::f64).data<double>()[6], 0.1);
  EXPECT_TRUE(same_bits(linspace(3, 4, 1), Tensor({3.0F})));
  EXPECT_EQ(linspace(0, 1, 0).size(), 0);
  EXPECT_TRUE(same_bits(linspace(-1e308, 1e308, 3, DType::f64), Tensor({-1e308, 0.0, 1e308})));
  EXPECT_THROW(linspace(0, 1, -1), ValueError);
  EXPECT_THROW(linspace(0, 1, 3, DType::i32), DTypeError);
}

TEST(Eye, IsTheIdentity) {
  EXPECT_TRUE(same_bits(eye(2, DType::f64), Tensor({{1.0, 0.0}, {0.0, 1.0}})));
  EXPECT_EQ(eye(0).shape(), (Shape{0, 0}));
  EXPECT_THROW(eye(-1), ShapeError);
}

}  // namespace
}  // namespace wengert
