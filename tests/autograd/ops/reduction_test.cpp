#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <support/plain.h>
#include <support/tensors.h>

#include <wengert/autograd/error.h>
#include <wengert/autograd/operations.h>
#include <wengert/autograd/tape.h>

// Reductions against loops over every set of axes of shapes of every rank.

namespace wengert {
namespace {

using plain::Index;

constexpr double inf = std::numeric_limits<double>::infinity();
const double nan = std::nan("");

/// Where the elements that are reduced to one end up: without the reduced axes, or with them as extents of 1.
Shape reduced_shape(const Shape& shape, const std::vector<bool>& is_reduced, bool keepdims) {
  Ints extents;
  for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
    if (!is_reduced[axis] || keepdims) extents.push_back(is_reduced[axis] ? 1 : shape[axis]);
  }
  return Shape(extents);
}

using Reduction = std::function<Tensor(const Tensor&, const Ints&, bool)>;

/// A reduction as its definition says: combine(so far, element) over the places that have the indices of the result
/// along the axes that stay. In T, which holds all that occurs here.
template <typename T, typename F>
Tensor folded(const Tensor& x, const Ints& axes, bool keepdims, T start, F combine) {
  const std::vector<bool> is_reduced = plain::chosen(axes, x.rank());
  const Shape shape = reduced_shape(x.shape(), is_reduced, keepdims);
  std::vector<T> results(static_cast<std::size_t>(shape.elements()), start);
  plain::for_each_index(x.shape(), [&](const Index& index) {
    Index target;
    for (std::size_t axis = 0; axis < x.rank(); ++axis) {
      if (!is_reduced[axis] || keepdims) target.push_back(is_reduced[axis] ? 0 : index[axis]);
    }
    T& result = results[plain::place(shape, target)];
    result = combine(result, plain::at<T>(x, index));
  });
  std::size_t next = 0;
  return plain::tensor_of(shape, x.dtype(), [&](const Index&) { return results[next++]; });
}
template <typename F>
Reduction fold(std::int64_t start, F combine) {
  return [=](const Tensor& x, const Ints& axes, bool keepdims) {
    return is_floating(x.dtype()) ? folded<double>(x, axes, keepdims, static_cast<double>(start), combine)
                                  : folded<std::int64_t>(x, axes, keepdims, start, combine);
  };
}

struct Fold {
  const char* name;
  Reduction operation, definition;
  bool needs_elements;
};

constexpr std::int64_t beyond = 1000;
const std::vector<Fold> folds = {
    {"sum", sum, fold(0, [](auto a, auto b) { return a + b; }), false},
    {"prod", prod, fold(1, [](auto a, auto b) { return a * b; }), false},
    {"max", max, fold(-beyond, [](auto a, auto b) { return std::max(a, b); }), true},
    {"min", min, fold(beyond, [](auto a, auto b) { return std::min(a, b); }), true},
};

TEST(Reductions, FoldOverEverySetOfAxesOfEveryRank) {
  for (const Fold& fold : folds) {
    for (const Shape& shape : plain::shapes) {
      // Factors of −1, 1 and 2: their products are exact in floating numbers, and stay below 2⁶³.
      for (const DType dtype : plain::number_dtypes) {
        const Tensor numbers = plain::small_numbers(shape, dtype);
        const Tensor x =
            std::string(fold.name) != "prod" ? numbers : plain::tensor_of(shape, dtype, [&](const Index& index) {
              const auto number = plain::at<std::int64_t>(numbers, index);
              return number % 2 == 0 ? 1 : number > 0 || dtype == DType::u8 ? 2 : -1;
            });
        for (const Ints& axes : plain::sets_of_axes(shape.rank())) {
          for (const bool keepdims : {false, true}) {
            SCOPED_TRACE(fold.name + plain::text(x, {{"axes", axes}, {"keepdims", keepdims}}));
            const Shape expected_shape = reduced_shape(shape, plain::chosen(axes, shape.rank()), keepdims);
            if (fold.needs_elements && x.size() == 0 && expected_shape.elements() > 0) {
              EXPECT_THROW(fold.operation(x, axes, keepdims), ValueError);
              continue;
            }
            EXPECT_TRUE(same_bits(fold.operation(x, axes, keepdims), fold.definition(x, axes, keepdims)));
          }
        }
      }
    }
  }
}

TEST(Reductions, WrapIntegersAround) {
  EXPECT_EQ(sum(Tensor({std::uint8_t{200}, std::uint8_t{100}})).item<int>(), 44);
  EXPECT_EQ(prod(Tensor({std::uint8_t{16}, std::uint8_t{17}})).item<int>(), 16);
  EXPECT_EQ(sum(Tensor({2147483647, 1})).item<std::int64_t>(), -2147483648ll);
  EXPECT_EQ(prod(Tensor({65536, 65536, 3})).item<std::int64_t>(), 0);
  const std::int64_t most = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(sum(Tensor({most, most})).item<std::int64_t>(), -2);
  EXPECT_EQ(prod(Tensor({most, std::int64_t{2}})).item<std::int64_t>(), -2);
  EXPECT_TRUE(same_bits(cumsum(Tensor({std::uint8_t{200}, std::uint8_t{100}, std::uint8_t{1}})),
                        Tensor({std::uint8_t{200}, std::uint8_t{44}, std::uint8_t{45}})));
}

// Added one after the other, ten million f32 would stop growing at 2²⁴; by pairs of blocks the error is a few units.
TEST(Reductions, AddLongRowsWithoutLosingDigits) {
  const std::int64_t count = 10'000'000;
  const Tensor tenths = full({count}, 0.1, DType::f32);
  const double exact = static_cast<double>(0.1f) * static_cast<double>(count);
  // log₂(10⁷ / 16) ≈ 20 additions by pairs and 16 within a block, of half a unit each, which mostly cancel.
  EXPECT_NEAR(sum(tenths).item(), exact, exact * 20 * std::numeric_limits<float>::epsilon());
  EXPECT_NEAR(mean(tenths).item(), static_cast<double>(0.1f), 0.1 * 20 * std::numeric_limits<float>::epsilon());
  EXPECT_NEAR(sum(tenths.reshape({count / 10, 10}), {0}).data<float>()[3], exact / 10, exact / 10 * 20 * 1.2e-7);
  EXPECT_EQ(sum(full({1 << 25}, 1.0, DType::f32)).item(), 1 << 25);
  EXPECT_NEAR(cumsum(tenths).data<float>()[count - 1], exact, exact * std::numeric_limits<float>::epsilon());
}

TEST(Reductions, PassInfinitiesAndNaNOn) {
  const Tensor x({{1.0, inf, 2.0}, {-inf, inf, 0.0}, {nan, 1.0, -inf}, {-0.0, -0.0, -0.0}});
  const auto row = [](const Tensor& reduced, std::int64_t i) { return plain::at<double>(reduced, {i}); };
  EXPECT_EQ(row(sum(x, {1}), 0), inf);
  EXPECT_TRUE(std::isnan(row(sum(x, {1}), 1)));
  EXPECT_TRUE(std::isnan(row(sum(x, {1}), 2)));
  EXPECT_EQ(row(max(x, {1}), 0), inf);
  EXPECT_EQ(row(min(x, {1}), 1), -inf);
  EXPECT_TRUE(std::isnan(row(max(x, {1}), 2)));
  EXPECT_TRUE(std::isnan(row(min(x, {1}), 2)));
  EXPECT_TRUE(std::isnan(row(prod(x, {1}), 1)));  // −inf · inf · 0
  // The same down columns, where a NaN may be followed by others, and with many columns side by side.
  for (const std::int64_t columns : {1, 7, 40}) {
    for (const std::int64_t bad : {0, 1, 20}) {
      const Tensor tall = plain::tensor_of({21, columns}, DType::f32, [&](const Index& index) {
        return index[0] == bad && index[1] == columns / 2 ? nan : static_cast<double>(index[0] - index[1]);
      });
      for (const auto& operation : {max, min}) {
        const Tensor down = operation(tall, {0}, false), all = operation(tall, {}, false);
        for (std::int64_t column = 0; column < columns; ++column) {
          EXPECT_EQ(std::isnan(row(down, column)), column == columns / 2) << column << " of " << columns;
        }
        EXPECT_TRUE(std::isnan(all.item()));
      }
    }
  }
  EXPECT_TRUE(std::isnan(mean(zeros({0}, DType::f64)).item()));
  EXPECT_TRUE(std::isnan(variance(zeros({0}, DType::f64)).item()));
  EXPECT_EQ(logsumexp(zeros({0}, DType::f64)).item(), -inf);
  EXPECT_TRUE(same_bits(logsumexp(zeros({2, 0}, DType::f32), {1}), full({2}, -inf, DType::f32)));
}

/// The places of the largest entry along an axis: the first of equals, and the first NaN.
Tensor place_of(const Tensor& x, std::int64_t given, bool keepdims, const std::function<bool(double, double)>& better) {
  const auto axis = static_cast<std::size_t>(given < 0 ? given + static_cast<std::int64_t>(x.rank()) : given);
  std::vector<bool> is_reduced(x.rank(), false);
  is_reduced[axis] = true;
  return plain::tensor_of(reduced_shape(x.shape(), is_reduced, keepdims), DType::i64, [&](Index index) {
    if (!keepdims) index.insert(index.begin() + static_cast<std::ptrdiff_t>(axis), 0);
    std::int64_t best = 0;
    for (std::int64_t i = 1; i < x.shape()[axis]; ++i) {
      const auto element = [&](std::int64_t where) {
        index[axis] = where;
        return plain::at<double>(x, index);
      };
      const double held = element(best), met = element(i);
      if (!std::isnan(held) && (std::isnan(met) || better(met, held))) best = i;
    }
    return best;
  });
}

TEST(Reductions, FindWhereTheExtremeEntriesStand) {
  for (const Shape& shape : plain::shapes) {
    const auto rank = static_cast<std::int64_t>(shape.rank());
    for (const DType dtype : plain::all_dtypes) {
      Tensor x = plain::small_numbers(shape, dtype, 7);
      if (dtype == DType::f64) {
        x = plain::tensor_of(shape, dtype, [&](const Index& index) {
          const auto number = plain::at<double>(x, index);
          return number == 3 ? nan : number == -4 ? -inf : number;
        });
      }
      for (std::int64_t axis = -rank; axis < rank; ++axis) {
        for (const bool keepdims : {false, true}) {
          SCOPED_TRACE(plain::text(x, {{"axis", axis}, {"keepdims", keepdims}}));
          if (shape[static_cast<std::size_t>(axis < 0 ? axis + rank : axis)] == 0) {
            EXPECT_THROW(argmax(x, axis, keepdims), ValueError);
            EXPECT_THROW(argmin(x, axis, keepdims), ValueError);
            continue;
          }
          EXPECT_TRUE(same_bits(argmax(x, axis, keepdims), place_of(x, axis, keepdims, std::greater<>())));
          EXPECT_TRUE(same_bits(argmin(x, axis, keepdims), place_of(x, axis, keepdims, std::less<>())));
        }
      }
    }
  }
}

TEST(Reductions, AddUpAlongEveryAxis) {
  for (const Shape& shape : plain::shapes) {
    const auto rank = static_cast<std::int64_t>(shape.rank());
    for (const DType dtype : plain::number_dtypes) {
      const Tensor x = plain::small_numbers(shape, dtype, 3);
      for (std::int64_t axis = -rank; axis < rank; ++axis) {
        for (const bool reverse : {false, true}) {
          SCOPED_TRACE(plain::text(x, {{"axis", axis}, {"reverse", reverse}}));
          const auto along = static_cast<std::size_t>(axis < 0 ? axis + rank : axis);
          const Tensor expected = plain::tensor_of(shape, dtype, [&](Index index) {
            const std::int64_t last = index[along];
            std::int64_t total = 0;
            for (std::int64_t i = reverse ? last : 0; i <= (reverse ? shape[along] - 1 : last); ++i) {
              index[along] = i;
              total += plain::at<std::int64_t>(x, index);
            }
            return total;
          });
          EXPECT_TRUE(same_bits(cumsum(x, axis, reverse), expected));
        }
      }
    }
  }
}

struct Moment {
  const char* name;
  std::function<Tensor(const Tensor&, const Ints&, bool)> operation;
  long double (*formula)(const std::vector<long double>&);
};

long double mean_of(const std::vector<long double>& x) {
  long double total = 0;
  for (const long double element : x) total += element;
  return total / static_cast<long double>(x.size());
}
template <int correction>
long double variance_of(const std::vector<long double>& x) {
  const long double centre = mean_of(x);
  long double total = 0;
  for (const long double element : x) total += (element - centre) * (element - centre);
  return total / static_cast<long double>(std::max(static_cast<int>(x.size()) - correction, 0));
}
long double logsumexp_of(const std::vector<long double>& x) {
  long double total = 0;
  for (const long double element : x) total += std::exp(element);
  return std::log(total);
}

const std::vector<Moment> moments = {
    {"mean", mean, mean_of},
    {"variance", [](const Tensor& x, const Ints& axes, bool keep) { return variance(x, axes, keep); }, variance_of<0>},
    {"variance, corrected", [](const Tensor& x, const Ints& axes, bool keep) { return variance(x, axes, keep, 1); },
     variance_of<1>},
    {"logsumexp", logsumexp, logsumexp_of},
};

TEST(Reductions, FollowTheFormulasOfStatistics) {
  for (const Moment& moment : moments) {
    for (const Shape& shape : plain::shapes) {
      for (const DType dtype : {DType::f32, DType::f64}) {
        const Tensor x = random_tensor(shape, 5, dtype);
        for (const Ints& axes : plain::sets_of_axes(shape.rank())) {
          for (const bool keepdims : {false, true}) {
            SCOPED_TRACE(moment.name + plain::text(x, {{"axes", axes}, {"keepdims", keepdims}}));
            const std::vector<bool> is_reduced = plain::chosen(axes, x.rank());
            const Tensor result = moment.operation(x, axes, keepdims);
            ASSERT_EQ(result.shape(), reduced_shape(shape, is_reduced, keepdims));
            ASSERT_EQ(result.dtype(), dtype);
            std::vector<std::vector<long double>> groups(static_cast<std::size_t>(result.size()));
            plain::for_each_index(shape, [&](const Index& index) {
              Index target;
              for (std::size_t axis = 0; axis < x.rank(); ++axis) {
                if (!is_reduced[axis] || keepdims) target.push_back(is_reduced[axis] ? 0 : index[axis]);
              }
              groups[plain::place(result.shape(), target)].push_back(plain::at<long double>(x, index));
            });
            std::size_t next = 0;
            plain::for_each_index(result.shape(), [&](const Index& index) {
              const auto expected = static_cast<double>(moment.formula(groups[next++]));
              const auto given = plain::at<double>(result, index);
              if (std::isnan(expected) || std::isinf(expected)) {
                EXPECT_TRUE(std::isnan(given) || given == expected) << given << " for " << expected;
              } else {
                // Numbers of [0.1, 0.9), up to 48 of them: a few roundings of numbers up to 4.
                EXPECT_NEAR(given, expected, dtype == DType::f32 ? 2e-6 : 4e-15);
              }
            });
          }
        }
      }
    }
  }
}

TEST(Variance, KeepsItsDigitsBesideALargeMean) {
  const Tensor x({1e9 + 4.0, 1e9 + 7.0, 1e9 + 13.0, 1e9 + 16.0});
  EXPECT_EQ(variance(x).item(), 22.5);
  EXPECT_EQ(variance(x, {}, false, 1).item(), 30.0);
}

// The largest entry is taken out of the sum of exponentials, and 1 + the others goes through log1p.
TEST(LogSumExp, NeitherOverflowsNorLosesDigits) {
  const auto of = [](const Tensor& x) { return logsumexp(x).item(); };
  const double most = std::numeric_limits<double>::max();
  EXPECT_EQ(of(Tensor({most, most, -most})), most);
  EXPECT_EQ(of(Tensor({-most, -most})), -most);
  EXPECT_DOUBLE_EQ(of(Tensor({1000.0, 1000.0})), 1000 + std::log(2.0));
  EXPECT_DOUBLE_EQ(of(Tensor({-1000.0, -1000.0})), -1000 + std::log(2.0));
  EXPECT_DOUBLE_EQ(of(Tensor({0.0, -50.0})), std::exp(-50.0));
  EXPECT_FLOAT_EQ(static_cast<float>(of(Tensor({-40.0F, 0.0F}))), std::exp(-40.0F));
  EXPECT_EQ(of(Tensor({-inf, 0.0})), 0);
  EXPECT_EQ(of(Tensor({-inf, -inf})), -inf);
  EXPECT_EQ(of(Tensor({inf, 0.0})), inf);
  EXPECT_EQ(of(Tensor({inf, -inf})), inf);
  EXPECT_TRUE(std::isnan(of(Tensor({nan, inf}))));
  EXPECT_TRUE(std::isnan(of(Tensor({-inf, nan}))));
}

TEST(LogSumExp, HasProbabilitiesAsItsGradientAndNoneOfNothing) {
  const Tensor x({{1e6 + 1, 1e6, -1e6}, {-inf, -inf, -inf}, {0.0, -inf, 0.0}});
  Tape tape;
  const Tensor watched = tape.watch(x);
  const Tensor gradient = tape.gradient(sum(logsumexp(watched, {1})), watched);
  const double p = 1 / (1 + std::exp(-1.0));
  const std::vector<double> expected = {p, 1 - p, 0, 0, 0, 0, 0.5, 0, 0.5};
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(gradient.data<double>()[i], expected[i], 1e-15) << i;
}

TEST(Extrema, ShareTheAdjointAmongTies) {
  Tape tape;
  const Tensor x = tape.watch(Tensor({{1.0, 3.0, 3.0}, {-2.0, -2.0, -2.0}, {nan, 1.0, 2.0}}));
  EXPECT_TRUE(same_bits(tape.gradient(max(x, {1}), x, Tensor({6.0, 6.0, 6.0})),
                        Tensor({{0.0, 3.0, 3.0}, {2.0, 2.0, 2.0}, {0.0, 0.0, 0.0}})));
  EXPECT_TRUE(same_bits(tape.gradient(min(x, {0, 1}), x, Tensor(6.0)), zeros({3, 3}, DType::f64)));
}

TEST(SumTo, AddsUpAlongTheAxesThatBroadcastingStretched) {
  const std::vector<std::pair<Shape, Shape>> cases = {{{}, {}},         {{}, {2, 3}},        {{3}, {2, 3}},
                                                      {{2, 1}, {2, 3}}, {{1, 1}, {2, 3}},    {{1, 3}, {4, 2, 3}},
                                                      {{1}, {0}},       {{3, 1}, {2, 3, 0}}, {{2, 1, 2}, {3, 2, 4, 2}},
                                                      {{2, 3}, {2, 3}}};
  for (const auto& [small, large] : cases) {
    for (const DType dtype : plain::number_dtypes) {
      const Tensor x = plain::small_numbers(large, dtype);
      SCOPED_TRACE(plain::text(x) + "to " + to_string(small));
      std::vector<std::int64_t> sums(static_cast<std::size_t>(small.elements()), 0);
      plain::for_each_index(large, [&, &target = small](const Index& index) {
        Index place(index.end() - static_cast<std::ptrdiff_t>(target.rank()), index.end());
        for (std::size_t axis = 0; axis < target.rank(); ++axis) place[axis] = target[axis] == 1 ? 0 : place[axis];
        sums[plain::place(target, place)] += plain::at<std::int64_t>(x, index);
      });
      std::size_t next = 0;
      EXPECT_TRUE(
          same_bits(sum_to(x, small), plain::tensor_of(small, dtype, [&](const Index&) { return sums[next++]; })));
    }
  }
}

}  // namespace
}  // namespace wengert
