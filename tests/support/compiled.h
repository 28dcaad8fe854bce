#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>
#include <support/tensors.h>
#include <support/text.h>

#include <wengert/autograd/compile.h>
#include <wengert/autograd/internal/capture.h>
#include <wengert/autograd/operations.h>
#include <wengert/autograd/parameter.h>
#include <wengert/autograd/threads.h>

/// What tests do with compiled functions and what `explain` says of them.

namespace wengert {

using Tensors = std::vector<Tensor>;

/// Numbers of both signs.
inline Tensor numbers(const Shape& shape, std::uint64_t seed, DType dtype = DType::f32) {
  return random_tensor(shape, seed, dtype) - 0.5;
}

/// What a function of a span of tensors does, as it is written down.
template <typename F>
detail::Graph recorded(const F& function, const Tensors& inputs) {
  detail::Capture capture(inputs);
  const Tensors results = function(capture.inputs());
  return capture.finish(results);
}

/// The records that are replayed, of all that `explain` says.
inline std::string replayed(const std::string& explained) { return explained.substr(explained.find("\nreplayed")); }

/// What `explain` says of a function compiled with all passes, and without some.
struct Programs {
  std::string with, without;
};

inline void expect_same_bits(const Tensors& given, const Tensors& expected, const char* passes) {
  ASSERT_EQ(given.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i)
    EXPECT_TRUE(same_bits(given[i], expected[i])) << "result " << i << ", " << passes;
}

/// Eager's bits at every call and for every number of threads, with all passes and without those that `without` leaves
/// out. `call` calls the function that it is given.
template <typename F, typename Call>
Programs expect_bits_of_eager(const F& function, const Call& call, const CompileOptions& without) {
  const Tensors expected = call(function);
  const auto compiled = compile(function), apart = compile(function, without);
  for (const int count : {1, 2, 7}) {
    SCOPED_TRACE(std::to_string(count) + " threads");
    const ThreadLimit limit(count);
    for (int repetition = 0; repetition < 2; ++repetition) {
      expect_same_bits(call(compiled), expected, "all passes");
      expect_same_bits(call(apart), expected, "without some");
    }
  }
  return {compiled.explain(), apart.explain()};
}

/// Eager's bits of a parameter that begins as `start`, after each of some calls of a compiled step(parameter).
template <typename Step>
void expect_eager_parameter(const Step& step, const Tensor& start) {
  Parameter eager(start), compiled = eager.clone();
  const auto replayed = compile([&] { step(compiled); });
  for (int call = 0; call < 3; ++call) {
    step(eager);
    replayed();
    EXPECT_TRUE(same_bits(compiled.value(), eager.value())) << "call " << call;
  }
}

template <typename Inputs>
std::string types_of(const Inputs& inputs) {
  std::string types;
  for (const Tensor& input : inputs) types += std::string(name_of(input.dtype())) + to_string(input.shape()) + " ";
  return types;
}

template <typename F, std::size_t n>
Programs expect_eager_bits(const F& function, const std::array<Tensor, n>& inputs, const CompileOptions& without) {
  SCOPED_TRACE(types_of(inputs));
  return expect_bits_of_eager(
      function, [&](const auto& f) -> Tensors { return std::apply(f, inputs); }, without);
}

/// Of a function of a span.
template <typename F>
Programs expect_eager_bits(const F& function, const Tensors& inputs, const CompileOptions& without) {
  SCOPED_TRACE(types_of(inputs));
  return expect_bits_of_eager(
      function, [&](const auto& f) -> Tensors { return f(std::span<const Tensor>(inputs)); }, without);
}

}  // namespace wengert
