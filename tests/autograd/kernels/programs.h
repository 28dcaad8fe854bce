#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include <wengert/autograd/kernels/pointwise.h>

/// What tests run pointwise programs with.

namespace wengert::kernels {

/// An instruction by itself, as a program of as many inputs as it has operands.
inline Program single(Primitive primitive) {
  const auto inputs = static_cast<std::uint16_t>(arity(primitive));
  return {.inputs = inputs, .instructions = {{primitive, 0, 1, 2}}, .outputs = {inputs}};
}

/// Contiguous inputs of one shape [n], one output.
template <typename Result, typename... Inputs>
std::vector<Result> run(const Program& program, DType compute, const std::vector<Inputs>&... inputs) {
  const std::int64_t stride = 1;
  const std::array<PointwiseInput, sizeof...(inputs)> given = {
      PointwiseInput{inputs.data(), dtype_of<Inputs>, &stride}...};
  const std::vector<std::int64_t> shape = {static_cast<std::int64_t>(std::min({inputs.size()...}))};
  std::vector<Result> result(static_cast<std::size_t>(shape[0]));
  const PointwiseOutput output = {result.data(), dtype_of<Result>};
  PointwiseKernel(program).run(compute, given, {}, {&output, 1}, shape);
  return result;
}

template <typename T>
std::vector<T> random_numbers(std::size_t count, std::uint32_t seed, T low = -4, T high = 4) {
  std::mt19937 engine(seed);
  std::uniform_real_distribution<T> uniform(low, high);
  std::vector<T> numbers(count);
  std::generate(numbers.begin(), numbers.end(), [&] { return uniform(engine); });
  return numbers;
}

template <typename T>
bool same_bits(T a, T b) {
  return std::memcmp(&a, &b, sizeof(T)) == 0;
}

}  // namespace wengert::kernels
