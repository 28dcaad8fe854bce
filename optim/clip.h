#pragma once

#include <wengert/autograd/tape.h>

namespace wengert::optim {

/// The gradients g times c / max(c, √Σ g²), Σ over all of them, so that their joint norm is c = `norm` at most:
///
///     adam.step(optim::clip_by_global_norm(tape.gradient(loss), 1.0));
///
/// Those whose joint norm is no finite number become NaN. Throws ValueError for a `norm` that is not finite or not
/// above 0. Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks" (ICML 2013).
Gradients clip_by_global_norm(const Gradients& gradients, double norm);

}  // namespace wengert::optim
