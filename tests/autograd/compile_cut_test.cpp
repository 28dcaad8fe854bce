#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <ostream>
#include <span>
#include <string>

#include <gtest/gtest.h>
#include <support/compiled.h>

#include <wengert/autograd/compile.h>
#include <wengert/autograd/operation.h>
#include <wengert/autograd/operations.h>
#include <wengert/autograd/parameter.h>
#include <wengert/autograd/tape.h>

// What is cut along its first axis is computed part by part, where parts are read; what is cut along others and added
// part by part, added as a whole.

namespace wengert {
namespace {

using Function = std::function<Tensors(std::span<const Tensor>)>;

/// Eager's bits with the pass and without; how many more products there are with it.
std::size_t more_products(const Function& function, const Tensors& inputs) {
  const auto [cut, whole] = expect_eager_bits(function, inputs, {.compute_parts = false});
  return occurrences(replayed(cut), "matmul") - occurrences(replayed(whole), "matmul");
}

/// A recurrent net with gates, what its inputs add to them computed for all times at once: inputs, weights, bias.
Tensor gated(std::span<const Tensor> in, std::int64_t steps) {
  const Tensors from_inputs = split(matmul(in[0], in[1]) + in[3], steps);
  const std::int64_t hidden = in[2].shape()[0];
  Tensor h = zeros({from_inputs[0].size() / (2 * hidden), hidden}, in[0].dtype());
  for (const Tensor& now : from_inputs) {
    const Tensors gates = split(reshape(now, {h.shape()[0], 2 * hidden}) + matmul(h, in[2]), 2, 1);
    h = sigmoid(gates[0]) * h + tanh(gates[1]);
  }
  return h;
}

TEST(CompiledCut, GivesTheBitsOfEagerWithGradients) {
  constexpr std::int64_t steps = 40;
  const Function with_gradients = [](std::span<const Tensor> in) {
    Tape tape;
    Tensors variables;
    for (const Tensor& tensor : in) variables.push_back(tape.watch(tensor));
    const Tensor h = gated(variables, steps), loss = mean(h * h);
    Tensors results = tape.gradient(loss, variables);
    results.push_back(loss);
    return results;
  };
  const Function value = [](std::span<const Tensor> in) { return Tensors{gated(in, steps)}; };
  for (const DType dtype : {DType::f32, DType::f64}) {
    for (const std::int64_t batch : {32, 40}) {
      const Tensors inputs{numbers({steps, batch, 16}, 1, dtype), numbers({16, 256}, 2, dtype),
                           numbers({128, 256}, 3, dtype) * 0.2, numbers({256}, 4, dtype)};
      EXPECT_EQ(more_products(value, inputs), steps - 1U);
      EXPECT_EQ(more_products(with_gradients, inputs), steps - 1U);
    }
  }
}

TEST(CompiledCut, OfAMatrixIsInSeveralRowsEach) {
  const Function value = [](std::span<const Tensor> in) { return Tensors{gated(in, 40)}; };
  const Tensors inputs{numbers({40 * 32, 16}, 1), numbers({16, 256}, 2), numbers({128, 256}, 3) * 0.2,
                       numbers({1, 256}, 4)};
  EXPECT_EQ(more_products(value, inputs), 39U);
}

TEST(CompiledCut, FollowsFormulasBackToTheProduct) {
  const Tensors inputs{numbers({8, 128, 20}, 1), numbers({20, 272}, 2), numbers({1, 128, 1}, 3),
                       numbers({1, 1, 272}, 4)};
  const Function function = [](std::span<const Tensor> in) {
    // One part is not read, one is a result, and the last comes first.
    const Tensors parts = split(tanh(matmul(in[0], in[1]) * in[2]) * 2.0 + in[3], 8);
    Tensor total = sigmoid(parts[7]);
    for (std::size_t i = 0; i < 6; ++i) total = total * parts[i];
    return Tensors{total, parts[2]};
  };
  EXPECT_EQ(more_products(function, inputs), 6U);
}

TEST(CompiledCut, ReadsPartsOfWhatComesInWhereTheyAre) {
  const Tensor weight = numbers({1, 256}, 2), other = numbers({16, 256}, 3);
  const auto cells = [](const Tensor& x, const Tensor& w, const Tensor& with) {
    Tensor total = with;
    for (const Tensor& part : split(matmul(x, w), 64)) total = tanh(total * 0.5 + squeeze(part, {0}));
    return total;
  };
  // Of 4 KB, which is copied at every call, a constant, and one that is computed.
  const Function small = [&](std::span<const Tensor> in) { return Tensors{cells(in[0], weight, other)}; };
  EXPECT_EQ(more_products(small, {numbers({64, 16, 1}, 1)}), 63U);
  const Tensor constant = numbers({64, 16, 1}, 1);
  const Function of_constant = [&](std::span<const Tensor> in) { return Tensors{cells(constant, in[0], other)}; };
  EXPECT_EQ(more_products(of_constant, {weight}), 63U);
  const Function of_computed = [&](std::span<const Tensor> in) { return Tensors{cells(exp(in[0]), weight, other)}; };
  EXPECT_EQ(more_products(of_computed, {numbers({64, 16, 1}, 1)}), 63U);
}

TEST(CompiledCut, ReadsAParameterBeforeItIsAssigned) {
  // The parts of the old value are read to the end, when the new one is there already.
  const Tensor matrix = numbers({32, 256}, 2);
  Parameter eager(numbers({40, 32, 32}, 1), "x"), replayed(eager.value(), "x");
  const auto step = [&](Parameter& x) {
    Tensor total = zeros({32, 256});
    const Tensors parts = split(matmul(x.value(), matrix), 40);
    x.assign(x.value() * 0.5 + 0.125);
    for (const Tensor& part : parts) total = tanh(total + squeeze(part, {0}));
    return total;
  };
  auto compiled = compile([&] { return step(replayed); });
  for (int call = 0; call < 4; ++call) {
    EXPECT_TRUE(same_bits(compiled(), step(eager))) << call;
    EXPECT_TRUE(same_bits(replayed.value(), eager.value())) << call;
  }
}

TEST(CompiledCut, IsComputedWholeWhereThatIsBetter) {
  const auto cut = [](const Shape& x, const Shape& w, std::int64_t parts, std::int64_t axis = 0) {
    const Function function = [=](std::span<const Tensor> in) {
      const Tensors all = split(matmul(in[0], in[1]) + 1.0, parts, axis);
      Tensor total = all[0];
      for (const Tensor& part : all) total = tanh(total + part);
      return Tensors{total};
    };
    return more_products(function, {numbers(x, 1), numbers(w, 2)});
  };
  EXPECT_EQ(cut({40, 32, 16}, {16, 256}, 40), 39U);
  EXPECT_EQ(cut({40, 32, 16}, {16, 128}, 40), 0U);      // stays in the cache
  EXPECT_EQ(cut({128, 8, 16}, {16, 320}, 128), 0U);     // fewer rows than bits ask for
  EXPECT_EQ(cut({128, 32, 16}, {16, 8}, 128), 0U);      // fewer columns
  EXPECT_EQ(cut({40, 32, 130}, {130, 512}, 40), 0U);    // a matrix that each part would read anew
  EXPECT_EQ(cut({40, 32, 16}, {16, 256}, 16, 2), 0U);   // along another axis
  EXPECT_EQ(cut({40, 32, 16}, {40, 16, 256}, 40), 0U);  // many matrices
  const Function twice = [](std::span<const Tensor> in) {
    const Tensor product = matmul(in[0], in[1]);
    return Tensors{split(product * 2.0, 40)[3], product};
  };
  EXPECT_EQ(more_products(twice, {numbers({40, 32, 16}, 1), numbers({16, 256}, 2)}), 0U);
}

TEST(CompiledCut, MayBeReadByAnotherThatIs) {
  const Function function = [](std::span<const Tensor> in) {
    const Tensors matrices = split(matmul(in[0], in[1]), 16), parts = split(matmul(in[2], matrices[3]), 16);
    Tensor total = parts[0];
    for (const Tensor& part : parts) total = tanh(total + part);
    return Tensors{total};
  };
  EXPECT_EQ(more_products(function, {numbers({1024, 64}, 1), numbers({64, 256}, 2), numbers({1024, 64}, 3)}), 15U);
}

/// How many splits and additions are left where formulas are not fused; eager's bits.
struct Left {
  std::size_t splits = 0, additions = 0;
  bool operator==(const Left&) const = default;
};
void PrintTo(const Left& left, std::ostream* out) {
  *out << left.splits << " splits, " << left.additions << " additions";
}
Left left_of(const Function& function, const Tensors& inputs, const std::string& cut = "split") {
  const std::string program = expect_eager_bits(function, inputs, {.fuse = false, .share_parts = false}).without;
  return {occurrences(replayed(program), "  " + cut + "  "), occurrences(replayed(program), "  add  ")};
}

/// The first quarter of a matrix along an axis, and what is left.
Tensors uneven(const Tensor& x, std::int64_t along) {
  const auto infer = [](auto in, const Attributes& attributes, auto results) {
    const auto axis = static_cast<std::size_t>(attributes.integer("axis"));
    Ints first(in[0].shape()), rest = first;
    rest[axis] -= first[axis] /= 4;
    results[0] = {in[0].dtype(), Shape(first)};
    results[1] = {in[0].dtype(), Shape(rest)};
  };
  const auto cut = [](auto in, const Attributes& attributes, auto results) {
    const auto elements = in[0].template data<float>();
    const bool are_rows = attributes.integer("axis") == 0;
    const std::int64_t columns = in[0].shape()[1];
    std::int64_t first = 0;
    for (Tensor& result : results) {
      float* to = writable<float>(result).data();
      for (std::int64_t row = 0; row < result.shape()[0]; ++row, to += result.shape()[1])
        std::copy_n(&elements[static_cast<std::size_t>(first + row * columns)], result.shape()[1], to);
      first += are_rows ? result.size() : result.shape()[1];
    }
  };
  static const Operation operation = primitive("uneven", {.attributes = {{"axis", std::int64_t{0}}},
                                                          .differentiable = false,
                                                          .outputs = 2,
                                                          .divides = true,
                                                          .infer = infer,
                                                          .kernel = cut});
  Tensors parts(2);
  apply(operation, {&x, 1}, {{"axis", along}}, parts);
  return parts;
}

TEST(CompiledCut, IsOfTheSamePartsWhereTheyAreNotAlike) {
  for (const std::int64_t axis : {0, 1}) {
    const Function function = [axis](std::span<const Tensor> in) {
      const Tensors a = uneven(matmul(in[0], in[1]) * 2.0, axis), b = uneven(in[2], axis);
      const Tensor first = tanh(a[0] + b[0]);
      return Tensors{first, concat(Tensors{a[1] + b[1], first}, axis) * 2.0};
    };
    const Tensors inputs{numbers({1024, 64}, 1), numbers({64, 512}, 2), numbers({1024, 512}, 3)};
    EXPECT_EQ(more_products(function, inputs), 0U);
    expect_eager_bits(function, inputs, {.cut_sums = false, .share_parts = false});
    EXPECT_EQ(left_of(function, inputs, "uneven"), (axis == 0 ? Left{2, 2} : Left{1, 1}));
  }
}

Tensor with_special_numbers(const Tensor& x) {
  const Tensor nothing = full({1, x.shape()[1]}, std::numeric_limits<double>::quiet_NaN(), x.dtype());
  const Tensor end = slice(x, {3, 0}, {x.shape()[0], x.shape()[1]});
  return concat(Tensors{nothing, -nothing, slice(x, {0, 0}, {1, x.shape()[1]}) * -0.0, end});
}

TEST(CompiledCutSum, IsAddedAsAWhole) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    const Tensors inputs{with_special_numbers(numbers({24, 96}, 1, dtype)), numbers({24, 96}, 2, dtype),
                         numbers({24, 96}, 3, dtype)};
    const Function two = [](std::span<const Tensor> in) {
      const Tensors a = split(in[0], 3, 1), b = split(in[1], 3, -1);
      return Tensors{tanh(a[0] + b[0]) * sigmoid(a[2] + b[2]), a[1] + b[1]};
    };
    EXPECT_EQ(left_of(two, inputs), (Left{2, 3})) << "cut along an axis by two names";
    const Function alike = [](std::span<const Tensor> in) {
      const Tensors a = split(in[0], 3, 1), b = split(in[1], 3, 1);
      return Tensors{tanh(a[0] + b[0]) * sigmoid(a[2] + b[2]), a[1] + b[1]};
    };
    EXPECT_EQ(left_of(alike, inputs), (Left{1, 1}));
    const Function three = [](std::span<const Tensor> in) {
      const Tensors a = split(in[0], 2, 1), b = split(in[1], 2, 1), c = split(in[2], 2, 1);
      return Tensors{(a[0] + b[0]) + c[0], exp((a[1] + b[1]) + c[1])};
    };
    EXPECT_EQ(left_of(three, inputs), (Left{1, 2}));
    const Function out_of_order = [](std::span<const Tensor> in) {
      const Tensors a = split(in[0], 2, 1), c = split(in[2], 2, 1), b = split(in[1], 2, 1);
      const Tensor last = c[1] + (a[1] + b[1]);
      return Tensors{c[0] + (a[0] + b[0]), exp(last)};
    };
    EXPECT_EQ(left_of(out_of_order, inputs), (Left{1, 2}));
    const Function with_gradients = [&](std::span<const Tensor> in) {
      Tape tape;
      const Tensor x = tape.watch(in[0]), y = tape.watch(in[1]);
      const Tensors both = alike(Tensors{x, y});
      return tape.gradient(sum(both[0]) + sum(both[1] * both[1]), {x, y});
    };
    EXPECT_EQ(left_of(with_gradients, inputs).splits, 1U);
  }
}

TEST(CompiledCutSum, IsOfPartsThatNobodyElseReads) {
  const Tensors inputs{numbers({24, 96}, 1), numbers({24, 96}, 2)};
  const auto left = [&](auto combine, std::int64_t axis = 1) {
    return left_of([=](std::span<const Tensor> in) { return combine(split(in[0], 2, axis), split(in[1], 2, axis)); },
                   inputs);
  };
  const auto added = [](const Tensors& a, const Tensors& b) { return Tensors{a[0] + b[0], a[1] + b[1]}; };
  EXPECT_EQ(left(added), (Left{1, 1}));
  EXPECT_EQ(left(added, 0), (Left{2, 2}));  // memory like any other
  EXPECT_EQ(left([](auto a, auto b) { return Tensors{a[0] + b[0], b[1] + a[1]}; }), (Left{2, 2}));
  EXPECT_EQ(left([](auto a, auto b) { return Tensors{a[0] + b[1], a[1] + b[0]}; }), (Left{2, 2}));
  EXPECT_EQ(left([](auto a, auto b) { return Tensors{a[0] + b[0], a[1] + b[1], b[1]}; }), (Left{2, 2}));
  EXPECT_EQ(left([](auto a, auto b) { return Tensors{a[0] + b[0], a[1] * b[1]}; }), (Left{2, 1}));
  EXPECT_EQ(left([](auto a, auto b) { return Tensors{a[0] + b[0]}; }), (Left{2, 1}));
  EXPECT_EQ(left([](auto a, auto) { return Tensors{a[0] + a[0], a[1] + a[1]}; }), (Left{1, 2}));
}

}  // namespace
}  // namespace wengert
