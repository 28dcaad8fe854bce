#pragma once

#include <wengert/autograd/operation.h>

namespace wengert::optim::detail {

/// (p, m, v, gradient, rate; 1 − β₁, 1 − β₂, ε, the least m and v) ↦ the new p, m, v: one pass over the memory of all.
/// The rate is a scalar tensor, as it changes from step to step.
const Operation& adam_update();

/// The same with p first made smaller by p times a sixth input, the learning rate times the weight decay (Loshchilov
/// and Hutter, "Decoupled Weight Decay Regularization", 2019).
const Operation& adamw_update();

}  // namespace wengert::optim::detail
