#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <wengert/autograd/attributes.h>
#include <wengert/autograd/kernels/native_pointwise.h>
#include <wengert/autograd/kernels/reduce.h>
#include <wengert/autograd/scalar.h>
#include <wengert/autograd/tape.h>
#include <wengert/autograd/tensor.h>

/// What an operation is: everything that can be said about it, in one value. The library's own stand in autograd/ops/,
/// one block each; a user's are made by the same functions (`pointwise`, `primitive`, `composed`) and take part in
/// everything: gradients of every order, gradient checks, printing.

namespace wengert {

struct Operation;

/// Dtype and shape of a result.
struct TensorType {
  DType dtype = DType::f32;
  Shape shape;
};

/// One way to call an operation, for gradient checks, documentation and benchmarks. f64 where it is floating.
struct Sample {
  std::vector<Tensor> inputs = {};
  Attributes attributes = {};
  /// Why the gradient check leaves out this sample ("not differentiable where two maxima tie"); empty: it does not.
  std::string skip_reason = {};

  ~Sample();  // as that of Operation
};

/// What the rule of a record is given: the values that were declared, the adjoints, and a place for the results. An
/// input or output that there is not throws ValueError.
class Vjp {
 public:
  /// An input or output of the record, and its adjoint as far as it is known.
  struct Place {
    const RecordedValue* value = nullptr;
    Tensor adjoint = {};
    bool is_needed = false;
  };
  Vjp(const Operation& operation, const Attributes& attributes, std::span<Place> inputs, std::span<Place> outputs)
      : operation_(operation), attributes_(attributes), inputs_(inputs), outputs_(outputs) {}

  const Operation& operation() const { return operation_; }
  const Attributes& attributes() const { return attributes_; }
  std::size_t inputs() const { return inputs_.size(); }
  /// A value the operation declared to read.
  const Tensor& input(std::size_t i = 0) const;
  const Tensor& output(std::size_t i = 0) const;
  const Shape& input_shape(std::size_t i = 0) const;
  DType input_dtype(std::size_t i = 0) const;
  const Shape& output_shape(std::size_t i = 0) const;
  /// The adjoint of an output: ∂loss/∂output, of its shape; zeros where it took no part.
  const Tensor& dy(std::size_t i = 0) const;
  /// Whether anybody asks for the adjoint of an input; what is not needed need not be computed.
  bool needs(std::size_t i) const;
  /// Gives the adjoint of an input: of the input's shape.
  void set(std::size_t i, Tensor adjoint) const;

 private:
  Place& place(std::span<Place> places, const char* what, std::size_t i) const;
  [[noreturn]] void refuse(const char* what, std::size_t i) const;

  const Operation& operation_;
  const Attributes& attributes_;
  std::span<Place> inputs_, outputs_;
};

/// Which values a vjp rule reads, as bits: bit i for input or output i, bit 31 for all from the 31st on.
struct Reads {
  std::uint32_t inputs = 0, outputs = 0;
  static constexpr std::uint32_t all = ~std::uint32_t{0};
  static constexpr bool declares(std::uint32_t bits, std::size_t i) { return (bits >> (i < 31 ? i : 31) & 1) != 0; }
};

enum class Category : std::uint8_t {
  arithmetic,
  comparison,
  activation,
  reduction,
  shape,
  indexing,
  linear_algebra,
  loss,
  other
};

/// Which element types the inputs may have. All inputs have the same one, but for truth values where the operation says
/// so.
enum class Domain : std::uint8_t { floating, numbers, any };

class PointwiseRule;
struct RowKernel;   // row_kernels.h
struct TermKernel;  // row_kernels.h

/// What a reduction does to its input, and over which of its axes (in order, counted from the first; none: a copy).
struct ReductionRule {
  kernels::Reduction reduction = kernels::Reduction::sum;
  Ints (*axes)(const Shape& input, const Attributes&) = nullptr;
};

/// An operand that a call lays out for itself, or would read faster otherwise, and the call with what `operation` makes
/// of it: the same bits.
struct OtherLayout {
  std::size_t input = 0;
  Shape seen = {};  ///< the shape in which `operation` sees the operand
  const Operation* operation = nullptr;
  Attributes attributes = {};
  const Operation* call = nullptr;  ///< instead
  Attributes call_attributes = {};
  std::size_t fewest_calls = 1;  ///< with the same operand, for which it pays
};

/// Where the elements of a result stand in the input, of an operation that only moves them: the one at an index is the
/// input's element first + Σ (index − low) · strides, counted in row-major order, for indices from `low` short of
/// `high` along each axis; at other indices is `outside`. One stride, which may be negative, one `low` and one `high`
/// for each axis of the result. Without `low` and `high`, `low` is 0 and all of the result is there.
struct View {
  std::int64_t first = 0;
  Ints strides = {};
  Ints low = {}, high = {};
  double outside = 0;
};

/// An operation. Made by `pointwise`, `primitive` or `composed`; then immutable. Attributes are given with their
/// defaults, which are the values where a call leaves them out.
struct Operation {
  using Arguments = std::span<const Tensor>;
  using Prepared = std::function<void(std::span<const void* const> inputs, std::span<void* const> results)>;

  std::string name = {};
  std::string documentation = {};
  Category category = Category::other;
  std::vector<Attributes::Entry> attributes = {};
  /// Whether gradients pass through at all (comparisons, argmax: not).
  bool differentiable = true;
  Reads reads = {};
  /// How many inputs it takes; 0: as many as it is given, one or more.
  std::size_t inputs = 1;
  /// How many results it gives, or what tells by the attributes.
  std::size_t outputs = 1;
  std::size_t (*count_outputs)(const Attributes&) = nullptr;
  /// The result is the input stretched as broadcasting does: a pointwise operation may as well read the input.
  bool stretches = false;
  /// The results are all of the input, in order along the axis that the attribute `axis` says; or the inputs, of the
  /// result. A replay may then leave them where they are.
  bool divides = false, joins = false;
  /// For one input and one result, of its dtype: where the result's elements stand in the input. In a replay, formulas
  /// then read them there; and where no kernel is given, they are copied from there. With a kernel, it may give nothing
  /// for some shapes or attributes. Which are all that it may depend on.
  std::optional<View> (*view)(const Shape& input, const Shape& result, const Attributes&) = nullptr;
  /// Throws for some values, so that what is recorded after it is not done: a replay does none of that before it.
  bool guards = false;
  /// The result is a reduction of the input: the kernel follows, and a formula's results are reduced as they are made.
  std::optional<ReductionRule> reduces = {};
  /// Operations on numbers for each element of the result, from the inputs' shapes, as `explain` counts them. Left out:
  /// one for each primitive of a formula, or for each element read; none for shapes and indexing.
  std::int64_t (*flop)(std::span<const Shape> inputs, const Attributes&) = nullptr;

  /// Dtype and shape of the results, from those of the inputs alone; throws for inputs that do not fit.
  std::function<void(Arguments, const Attributes&, std::span<TensorType> results)> infer = {};
  /// Computes the results into memory that is there already (`writable<T>`) …
  std::function<void(Arguments, const Attributes&, std::span<Tensor> results)> kernel = {};
  /// … or gives the results: sharing an input's buffer, or made with other operations (not recorded one by one).
  std::function<Tensor(Arguments, const Attributes&)> evaluate = {};
  /// `kernel` once more, for a replay, which asks once: with all decided that the inputs' types and the attributes
  /// decide. Left out where that is little: `kernel` is called.
  std::function<Prepared(Arguments types, const Attributes&)> prepare = {};
  /// The same for some rows of the result: they may then be computed where they are read.
  std::function<RowKernel(Arguments types, const Attributes&)> prepare_rows = {};
  /// The same for some rows of the last input, or nothing for calls of which it cannot be: their share of the result
  /// may then be computed where they are made.
  std::optional<TermKernel> (*prepare_terms)(Arguments types, const Attributes&) = nullptr;
  /// What gives the sum of this operation's results instead, called with the same attributes: of the operands of the
  /// first, of the second and so on first + second + …, in order and with the bits of additions one by one. One operand
  /// more, at last, is what they are added to. Null for calls of which there is none.
  const Operation* (*summed_by)(Arguments types, const Attributes&) = nullptr;
  /// Left out, or nothing: the call reads its operands as they are. Where many would have the same, a replay lays it
  /// out once.
  std::optional<OtherLayout> (*other_layout)(Arguments types, const Attributes&) = nullptr;
  /// The vector–Jacobian product, written with operations.
  std::function<void(const Vjp&)> vjp = {};
  /// For a composed operation: the function itself, whose parts are recorded.
  std::function<Tensor(Arguments, const Attributes&)> compose = {};

  std::vector<Sample> (*samples)() = nullptr;
  /// Values of an input at which the derivative jumps: the gradient check keeps away from them.
  std::vector<double> kinks = {};
  /// The first input is a truth value, through which no gradient passes (`where`).
  bool condition = false;
  /// Set for pointwise operations: the formula as a program, and its derivatives.
  std::shared_ptr<const PointwiseRule> pointwise = {};

  /// The attributes of a call in the order of the definition, those left out by their defaults. Throws ValueError for
  /// one that the definition has not, or has of another kind; integers do for numbers.
  Attributes completed(const Attributes& given) const;
  /// How many results a call with these attributes gives; they may be left out.
  std::size_t results(const Attributes& given) const;

  ~Operation();  // in the library, and not once more wherever an operation is defined: that is 40 KB
};

// Others may have had a value kept; a rule is shown what it declared.
inline const Tensor& Vjp::input(std::size_t i) const {
  if (i >= inputs_.size() || !Reads::declares(operation_.reads.inputs, i)) refuse("input", i);
  return inputs_[i].value->kept;
}
inline const Tensor& Vjp::output(std::size_t i) const {
  if (i >= outputs_.size() || !Reads::declares(operation_.reads.outputs, i)) refuse("output", i);
  return outputs_[i].value->kept;
}

/// How a pointwise operation is described. Parameters of the formula: the inputs, then the attributes (numbers) in
/// order.
struct PointwiseDefinition {
  std::string documentation = {};
  Category category = Category::arithmetic;
  Formula formula = {};
  /// (inputs …, output, dy, attributes …) ↦ one adjoint per input. Left out: derived from the formula.
  Formula derivative = {};
  std::vector<Attributes::Entry> attributes = {};
  Domain domain = Domain::floating;
  /// The first input is a truth value (`where`).
  bool condition = false;
  /// The result is a truth value.
  bool boolean = false;
  bool differentiable = true;
  /// Values of any input at which the derivative jumps; the gradient check keeps away from them.
  std::vector<double> kinks = {};
  std::vector<Sample> (*samples)() = nullptr;
  /// The formula once more as code, where measurement showed that it pays; gives the same bits.
  kernels::NativePointwise native = {};

  ~PointwiseDefinition();  // as that of Operation
};
Operation pointwise(std::string_view name, PointwiseDefinition definition);

/// An operation with a kernel of its own. Checks that what is needed was given (infer; kernel, evaluate or view; vjp
/// where differentiable) and throws ValueError naming what is missing.
Operation primitive(std::string_view name, Operation definition);

/// A function of other operations: it brings documentation and samples, and no gradient of its own.
Operation composed(std::string_view name, Operation definition);

/// Applies an operation: infers, computes, and records where a tape is open and an input is a variable. Attributes that
/// are left out take their defaults. Throws what the operation's rule throws.
Tensor apply(const Operation& operation, std::initializer_list<detail::Borrowed> inputs,
             const Attributes& attributes = {});
Tensor apply(const Operation& operation, std::span<const Tensor> inputs, const Attributes& attributes = {});
/// The same for an operation with several results.
void apply(const Operation& operation, std::span<const Tensor> inputs, const Attributes& attributes,
           std::span<Tensor> results);

/// A tensor whose elements are not yet set: for whoever fills them at once through `writable`.
Tensor empty(const Shape& shape, DType dtype);

/// The elements of a result that a kernel is to fill. Only for kernels: everywhere else tensors are immutable.
template <Element T>
std::span<T> writable(Tensor& result);

/// Makes a user's operation known by name: to `find_operation`, to nn::activation, and to gradcheck's program.
/// `operation` must live as long as the process. Throws ValueError where the name is taken.
void register_operation(const Operation& operation);

/// The operation of that name, also a derivative's ("sigmoid'0": of sigmoid with respect to its input 0); null if
/// unknown.
const Operation* find_operation(std::string_view name);

/// Every operation of the library, then the registered ones, in order of definition.
std::vector<const Operation*> catalogue();

namespace detail {
void* writable_memory(Tensor& result, DType dtype);
}

template <Element T>
std::span<T> writable(Tensor& result) {
  return {static_cast<T*>(detail::writable_memory(result, dtype_of<T>)), static_cast<std::size_t>(result.size())};
}

}  // namespace wengert
