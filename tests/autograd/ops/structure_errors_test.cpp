#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <wengert/autograd/error.h>
#include <wengert/autograd/operations.h>
#include <wengert/autograd/tape.h>

namespace wengert {
namespace {

enum class Kind { shape, dtype, value, gradient };

struct Case {
  const char* name;
  std::function<void()> call;
  Kind kind;
  const char* message;
};

const Tensor x = zeros({2, 3});
const Tensor truth = zeros({2, 3}, DType::boolean);
const Tensor integers = zeros({2, 3}, DType::i32);

const std::vector<Case> cases = {
    {"sum_axis", [] { sum(x, {2}); }, Kind::value, "sum: axis 2 is out of range; expected -2 … 1 for rank 2"},
    {"sum_axis_twice",
     [] {
       sum(x, {1, -1});
     },
     Kind::value, "sum: axes [1, -1] name one axis twice"},
    {"sum_truth", [] { sum(truth); }, Kind::dtype,
     "sum: the input is boolean; expected numbers; cast it first: cast(x, DType::i32)"},
    {"sum_to",
     [] {
       sum_to(x, {2, 2});
     },
     Kind::shape, "sum_to: shapes [2, 2] and [2, 3] do not broadcast"},
    {"sum_to_larger",
     [] {
       sum_to(x, {4, 2, 3});
     },
     Kind::shape, "sum_to: shape [4, 2, 3] does not stretch to [2, 3]"},
    {"prod_truth", [] { prod(truth); }, Kind::dtype, "prod: the input is boolean"},
    {"max_of_nothing",
     [] {
       max(zeros({2, 0}), {1});
     },
     Kind::value, "max: [2, 0] has no elements along the reduced axes; expected one or more"},
    {"min_of_nothing", [] { min(zeros({0})); }, Kind::value, "min: [0] has no elements along the reduced axes"},
    {"argmax_of_nothing",
     [] {
       argmax(zeros({2, 0}));
     },
     Kind::value, "argmax: [2, 0] has no elements along axis 1"},
    {"argmin_scalar", [] { argmin(Tensor(1.0)); }, Kind::value, "argmin: axis -1 given; a scalar has no axes"},
    {"mean_integers", [] { mean(integers); }, Kind::dtype,
     "mean: the input is i32; expected f32 or f64; cast it first: cast(x, DType::f32)"},
    {"variance_integers", [] { variance(integers); }, Kind::dtype, "the input is i32; expected f32 or f64"},
    {"logsumexp_integers", [] { logsumexp(integers); }, Kind::dtype,
     "logsumexp: the input is i32; expected f32 or f64"},
    {"logsumexp_axis", [] { logsumexp(x, {-3}); }, Kind::value, "logsumexp: axis -3 is out of range"},
    {"cumsum_truth", [] { cumsum(truth); }, Kind::dtype, "cumsum: the input is boolean"},
    {"cumsum_axis", [] { cumsum(x, 5); }, Kind::value, "cumsum: axis 5 is out of range; expected -2 … 1 for rank 2"},
    {"softmax_axis", [] { softmax(x, 2); }, Kind::value, "softmax: axis 2 is out of range; expected -2 … 1 for rank 2"},
    {"softmax_scalar", [] { softmax(Tensor(1.0)); }, Kind::value, "softmax: axis -1 given; a scalar has no axes"},
    {"log_softmax_integers", [] { log_softmax(integers); }, Kind::dtype,
     "log_softmax: the input is i32; expected f32 or f64"},

    {"cross_entropy_shapes", [] { softmax_cross_entropy(x, zeros({3}, DType::i32)); }, Kind::shape,
     "softmax_cross_entropy: logits [2, 3] and labels [3]; expected [rows, classes] with integer labels [rows] or "
     "probabilities"},
    {"cross_entropy_rows",
     [] {
       softmax_cross_entropy(x, zeros({2, 4}));
     },
     Kind::shape, "softmax_cross_entropy: logits [2, 3] and probabilities [2, 4]; expected"},
    {"cross_entropy_dtypes",
     [] {
       softmax_cross_entropy(x, zeros({2, 3}, DType::f64));
     },
     Kind::dtype,
     "softmax_cross_entropy: logits are f32 and targets f64; expected integer labels, or probabilities of the logits' "
     "dtype"},
    {"cross_entropy_label",
     [] {
       softmax_cross_entropy(x, Tensor({1, 3}));
     },
     Kind::value, "softmax_cross_entropy: label 3 in row 1; expected 0 … 2, for there are 3 classes"},
    {"cross_entropy_negative_label",
     [] {
       softmax_cross_entropy(x, Tensor({-1, 0}));
     },
     Kind::value, "softmax_cross_entropy: label -1 in row 0; expected 0 … 2"},

    {"reshape_count", [] { reshape(x, {4}); }, Kind::shape, "reshape: 6 elements of [2, 3] do not fit [4]"},
    {"reshape_two_open",
     [] {
       reshape(x, {-1, -1});
     },
     Kind::shape, "reshape: [-1, -1] leaves more than one extent open; expected one −1 at most"},
    {"reshape_open",
     [] {
       reshape(x, {4, -1});
     },
     Kind::shape, "reshape: 6 elements of [2, 3] do not fit [4, -1]"},
    {"reshape_open_nothing",
     [] {
       reshape(zeros({0}), {0, -1});
     },
     Kind::shape, "reshape: 0 elements of [0] do not fit"},
    {"reshape_negative",
     [] {
       reshape(x, {-2, -3});
     },
     Kind::shape, "reshape: 6 elements of [2, 3] do not fit [-2, -3]"},
    {"reshape_overflow",
     [] {
       reshape(x, {std::int64_t{1} << 62, 4, -1});
     },
     Kind::shape, "reshape: 6 elements of [2, 3] do not fit [4611686018427387904, 4, -1]"},
    {"transpose_count", [] { transpose(x, {0}); }, Kind::value,
     "transpose: axes [0] for rank 2; expected each axis once"},
    {"transpose_twice",
     [] {
       transpose(x, {0, 0});
     },
     Kind::value, "transpose: axes [0, 0] name one axis twice"},
    {"broadcast_to",
     [] {
       broadcast_to(x, {2, 4});
     },
     Kind::shape, "broadcast_to: "},
    {"broadcast_to_smaller",
     [] {
       broadcast_to(x, {2, 1});
     },
     Kind::shape, "broadcast_to: [2, 3] cannot be stretched to [2, 1]; extents must be equal or 1, from the last on"},
    {"squeeze", [] { squeeze(x, {1}); }, Kind::shape, "squeeze: axis 1 of [2, 3] has extent 3; expected 1"},
    {"unsqueeze", [] { unsqueeze(x, {3}); }, Kind::value,
     "unsqueeze: axis 3 is out of range; expected -3 … 2 for rank 3"},
    {"unsqueeze_rank",
     [] {
       unsqueeze(ones({1, 1, 1, 1, 1, 1, 1, 1}), {0});
     },
     Kind::shape, "unsqueeze: [1, 1, 1, 1, 1, 1, 1, 1] with 1 more axes; a tensor has at most 8"},
    {"unsqueeze_last_rank",
     [] {
       unsqueeze(ones({1, 1, 1, 1, 1, 1, 1, 1}), {8});
     },
     Kind::shape, "unsqueeze: "},
    {"concat_none", [] { concat({}); }, Kind::value, "concat: no tensors given; expected one or more"},
    {"concat_shapes",
     [] {
       concat({x, zeros({2, 4})});
     },
     Kind::shape, "concat: [2, 3] and [2, 4] along axis 0; expected equal extents along all other axes"},
    {"concat_extents",
     [] {
       const Tensor none = zeros({std::int64_t{1} << 62, 0});
       concat({none, none});
     },
     Kind::shape, "concat: the extents along axis 0 add up to more than can be counted"},
    {"concat_rank",
     [] {
       concat({x, zeros({3})});
     },
     Kind::shape, "concat: [2, 3] and [3] along axis 0"},
    {"concat_dtypes",
     [] {
       concat({x, integers});
     },
     Kind::dtype, "concat: inputs are f32 and i32; expected one dtype; cast one of them"},
    {"concat_scalar", [] { concat({Tensor(1.0)}); }, Kind::value, "concat: axis 0 given; a scalar has no axes"},
    {"split_uneven", [] { split(x, 2, 1); }, Kind::shape,
     "split: [2, 3] into 2 sections along axis 1; expected an extent that they divide; for parts of other sizes, "
     "slice"},
    {"split_into_very_many", [] { split(x, std::int64_t{1} << 62); }, Kind::shape,
     "split: [2, 3] into 4611686018427387904 sections along axis 0; expected an extent that they divide; for parts of "
     "other sizes, slice"},
    {"split_nothing",
     [] {
       split(zeros({0, 3}), std::int64_t{1} << 62);
     },
     Kind::value, "split: 4611686018427387904 sections of nothing; expected at most 1048576"},
    {"split_none", [] { split(x, 0); }, Kind::value, "split: 0 sections; expected 1 or more"},
    {"split_axis", [] { split(x, 2, 2); }, Kind::value, "split: axis 2 is out of range; expected -2 … 1 for rank 2"},
    {"split_scalar", [] { split(Tensor(1.0), 1); }, Kind::value, "split: axis 0 given; a scalar has no axes"},
    {"stack_none", [] { stack({}); }, Kind::value, "stack: no tensors given; expected one or more"},
    {"stack_shapes",
     [] {
       stack({x, zeros({3, 2})});
     },
     Kind::shape, "stack: [2, 3] and [3, 2]; expected one shape"},
    {"stack_axis",
     [] {
       stack({x, x}, 3);
     },
     Kind::value, "stack: axis 3 is out of range; expected -3 … 2 for rank 3"},
    {"stack_dtypes",
     [] {
       stack({x, integers});
     },
     Kind::dtype, "stack: inputs are f32 and i32; expected one dtype; cast one of them"},
    {"stack_rank",
     [] {
       stack({ones({1, 1, 1, 1, 1, 1, 1, 1})}, 8);
     },
     Kind::shape, "stack: [1, 1, 1, 1, 1, 1, 1, 1]; expected room for a new axis"},
    {"slice_count",
     [] {
       slice(x, {0}, {1, 1});
     },
     Kind::value, "slice: starts are [0] for rank 2; expected one per axis"},
    {"slice_step",
     [] {
       slice(x, {0, 0}, {1, 1}, {1, -1});
     },
     Kind::value, "slice: step -1 along axis 1; expected 1 or more; to go backward, flip"},
    {"embed",
     [] {
       embed(x, {2, 3}, {0, 1});
     },
     Kind::shape, "embed: [2, 3] from [0, 1] on, [1, 1] apart, does not fit [2, 3]"},
    {"embed_step",
     [] {
       embed(x, {2, 3}, {0, 0}, {0, 1});
     },
     Kind::shape, "embed: [2, 3] from [0, 0] on, [0, 1] apart, does not fit [2, 3]"},
    {"embed_start",
     [] {
       embed(x, {2, 3}, {std::numeric_limits<std::int64_t>::min(), 0});
     },
     Kind::shape, "embed: [2, 3] from [-9223372036854775808, 0] on, [1, 1] apart, does not fit [2, 3]"},
    {"embed_nothing_beyond",
     [] {
       embed(zeros({0, 3}), {2, 3}, {3, 0});
     },
     Kind::shape, "embed: [0, 3] from [3, 0] on, [1, 1] apart, does not fit [2, 3]"},
    {"embed_value",
     [] {
       embed(integers, {2, 3}, {0, 0}, {}, 0.5);
     },
     Kind::dtype, "0.5"},
    {"pad_count",
     [] {
       pad(x, {1}, {0, 0});
     },
     Kind::value, "pad: counts before are [1] for rank 2; expected one per axis"},
    {"pad_negative",
     [] {
       pad(x, {-1, 0}, {0, 0});
     },
     Kind::value, "pad: [-1, 0] before and [0, 0] after; expected none negative; to cut off, slice"},
    {"flip", [] { flip(x, {2}); }, Kind::value, "flip: axis 2 is out of range"},

    {"gather_shape",
     [] {
       gather(x, zeros({3, 1}, DType::i32));
     },
     Kind::shape, "gather: [2, 3] with indices [3, 1] along axis 1; expected equal extents along all other axes"},
    {"gather_dtype", [] { gather(x, x); }, Kind::dtype, "gather: the indices are f32; expected integers; cast them"},
    {"gather_index",
     [] {
       gather(x, Tensor({{0, 0}, {3, 0}}));
     },
     Kind::value, "gather: index 3 is out of range; expected -3 … 2 for axis 1 of [2, 3]"},
    {"gather_negative",
     [] {
       gather(x, Tensor({{0, 0}, {-4, 0}}));
     },
     Kind::value, "gather: index -4 is out of range"},
    {"gather_from_nothing",
     [] {
       gather(zeros({2, 0}), Tensor({{0}, {0}}));
     },
     Kind::value, "gather: index 0 is out of range: axis 1 of [2, 0] has no elements"},
    {"take_index", [] { take(x, Tensor(2)); }, Kind::value,
     "take: index 2 is out of range; expected -2 … 1 for axis 0 of [2, 3]"},
    {"take_rank",
     [] {
       take(ones({1, 1, 1, 1, 1}), zeros({1, 1, 1, 1, 1}, DType::i32));
     },
     Kind::shape, "take: the result would have 9 axes; a tensor has at most 8"},
    {"take_truth", [] { take(x, Tensor({true})); }, Kind::dtype, "take: the indices are boolean; expected integers"},
    {"scatter_add_updates",
     [] {
       scatter_add(x, Tensor({{0}, {1}}), zeros({2, 2}));
     },
     Kind::shape, "scatter_add: updates [2, 2]; expected [2, 1]"},
    {"scatter_add_dtype",
     [] {
       scatter_add(x, Tensor({{0}, {1}}), zeros({2, 1}, DType::f64));
     },
     Kind::dtype, "scatter_add: x is f32 and the updates are f64; expected one dtype"},
    {"index_add_index",
     [] {
       index_add(x, Tensor({-3}), zeros({1, 3}));
     },
     Kind::value, "index_add: index -3 is out of range"},
    {"one_hot_index",
     [] {
       one_hot(Tensor({0, 4}), 4);
     },
     Kind::value, "one_hot: index 4 is out of range; expected 0 … 3 for depth 4"},
    {"one_hot_negative", [] { one_hot(Tensor({-1}), 4); }, Kind::value, "one_hot: index -1 is out of range"},
    {"one_hot_rank",
     [] {
       one_hot(zeros({1, 1, 1, 1, 1, 1, 1, 1}, DType::u8), 2);
     },
     Kind::shape, "one_hot: the result would have 9 axes; a tensor has at most 8"},
    {"one_hot_depth", [] { one_hot(Tensor({0}), -1); }, Kind::value, "one_hot: depth -1; expected 0 or more"},
    {"one_hot_floating", [] { one_hot(x, 3); }, Kind::dtype, "one_hot: the indices are f32; expected integers"},

    {"matmul_rank", [] { matmul(zeros({3}), x); }, Kind::shape,
     "matmul: [3] and [2, 3]; expected matrices [..., m, k] and [..., k, n]; reshape vectors"},
    {"matmul_inner", [] { matmul(x, x); }, Kind::shape,
     "matmul: [2, 3] and [2, 3] do not fit: the inner extents are 3 and 2; expected equal ones"},
    {"matmul_transposed", [] { matmul(x, transpose(x), {.transpose_a = true}); }, Kind::shape,
     "matmul: [2, 3] transposed and [3, 2] do not fit: the inner extents are 2 and 3"},
    {"matmul_batch",
     [] {
       matmul(zeros({2, 2, 3}), zeros({4, 3, 2}));
     },
     Kind::shape, "matmul, axes before the matrices: shapes [2] and [4] do not broadcast"},
    {"matmul_dtypes",
     [] {
       matmul(x, zeros({3, 2}, DType::f64));
     },
     Kind::dtype, "matmul: inputs are f32 and f64; expected one dtype; cast one of them"},
    {"matmul_truth", [] { matmul(truth, truth); }, Kind::dtype, "matmul: the input is boolean; expected numbers"},

    {"integers_are_not_watched", [] { Tape().watch(integers); }, Kind::gradient, "only f32 and f64 have derivatives"},
};

class StructureErrors : public testing::TestWithParam<Case> {};

TEST_P(StructureErrors, SayWhatWasGivenAndWhatWasExpected) {
  const Case& c = GetParam();
  try {
    c.call();
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    const std::string message = error.what();
    EXPECT_NE(message.find(c.message), std::string::npos) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    EXPECT_EQ(c.kind == Kind::shape, dynamic_cast<const ShapeError*>(&error) != nullptr);
    EXPECT_EQ(c.kind == Kind::dtype, dynamic_cast<const DTypeError*>(&error) != nullptr);
    EXPECT_EQ(c.kind == Kind::value, dynamic_cast<const ValueError*>(&error) != nullptr);
    EXPECT_EQ(c.kind == Kind::gradient, dynamic_cast<const GradientError*>(&error) != nullptr);
  }
}

INSTANTIATE_TEST_SUITE_P(Each, StructureErrors, testing::ValuesIn(cases),
                         [](const auto& place) { return std::string(place.param.name); });

}  // namespace
}  // namespace wengert
