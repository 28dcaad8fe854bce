#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include <wengert/autograd/tensor.h>

/// The works that bench/peers/works.py describes.

namespace contest {

using Inputs = std::map<std::string, wengert::Tensor>;
/// Does the work once, and gives what came out, the value first.
using Call = std::function<std::vector<wengert::Tensor>()>;

struct Request {
  std::string work, mode, how;
  int threads = 1;
};

/// Throws wengert::Error for a work that is not known.
Call make(const Request& request, const Inputs& inputs);

/// The chain as a loop written by hand, value and gradient in one pass: what a fused program is held against.
Call chain_by_hand(const wengert::Tensor& x, int threads);

}  // namespace contest
