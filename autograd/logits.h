#pragma once

#include <cstdint>

#include <wengert/autograd/tensor.h>

namespace wengert {

struct Operation;

/// What computed probabilities from logits: `softmax` over their last axis, or `sigmoid`, each for itself.
enum class LogitsOf : std::uint8_t { softmax, sigmoid };

/// The logits that probabilities were computed from by that function, for a loss that is more exact on logits;
/// undefined where they come from anything else. Every result of `softmax` carries them, of `sigmoid` those of an
/// activation of nn. Where a tape is open, asking it for a gradient with respect to these probabilities is an error
/// from then on: the loss no longer goes through them.
Tensor traced_logits(const Tensor& probabilities, LogitsOf function = LogitsOf::softmax);

/// Whether these are probabilities that carry their logits, of whichever function.
bool carries_logits(const Tensor& tensor);

namespace detail {
/// Lets probabilities carry the logits they were computed from.
void carry_logits(Tensor& probabilities, const Tensor& logits, LogitsOf function);
/// The result of an activation of x as a handle that carries x, where the activation is `sigmoid`. That of a tape which
/// keeps the result does not, and so keeps no logits alive.
Tensor with_logits(Tensor result, const Operation& activation, const Tensor& x);
}  // namespace detail

}  // namespace wengert
