#pragma once

#include <vector>

#include <wengert/autograd/operation.h>

/// The samples that definitions in autograd/ops/ share.

namespace wengert::detail {

/// Six numbers of both signs, [2, 3], none of them twice.
const Tensor& sample_matrix();

/// Inputs on which most elementwise functions of one number are smooth: small, large, of both signs, 0, a scalar,
/// empty.
std::vector<Sample> unary_samples();
/// The same for functions of a number > 0.
std::vector<Sample> positive_samples();
/// The same for functions with a pole at 0.
std::vector<Sample> nonzero_samples();
/// The same for functions on (−1, 1).
std::vector<Sample> unit_samples();
/// The same for activations: both tails, and close to 0 on either side.
std::vector<Sample> activation_samples();
/// Pairs of equal shapes, of broadcast ones, and empty; no zeros on the right side, no ties.
std::vector<Sample> binary_samples();
/// Ways to reduce over some axes, or all.
std::vector<Sample> reduction_samples();

}  // namespace wengert::detail
