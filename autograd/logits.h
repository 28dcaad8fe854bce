#pragma once

#include <wengert/autograd/tensor.h>

namespace wengert {

/// The logits that probabilities were computed from by `softmax` over their last axis, for a loss that is more exact on
/// logits; undefined where they come from anything else. Where a tape is open, asking it for a gradient with respect to
/// these probabilities is an error from then on: the loss no longer goes through them.
Tensor traced_logits(const Tensor& probabilities);

namespace detail {
/// Lets probabilities carry the logits they were computed from.
void carry_logits(Tensor& probabilities, const Tensor& logits);
}  // namespace detail

}  // namespace wengert
