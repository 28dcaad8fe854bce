#include <utility>

#include <wengert/autograd/internal/list.h>
#include <wengert/autograd/logits.h>

namespace wengert::operations {
const Operation& sigmoid();
}

namespace wengert {

using detail::Access, detail::TensorNode;

void detail::carry_logits(Tensor& probabilities, const Tensor& logits, LogitsOf function) {
  TensorNode* source = Access::node(logits);
  source->references.fetch_add(1, std::memory_order_relaxed);
  TensorNode* former = std::exchange(Access::node(probabilities)->logits, source);
  Access::node(probabilities)->logits_of = function;
  if (former != nullptr) release(former);
}

Tensor detail::with_logits(Tensor result, const Operation& activation, const Tensor& x) {
  if (&activation != &operations::sigmoid()) return result;
  if (Access::node(result)->references.load(std::memory_order_relaxed) != 1) result = Access::same_value(result);
  carry_logits(result, x, LogitsOf::sigmoid);
  return result;
}

Tensor traced_logits(const Tensor& probabilities, LogitsOf function) {
  const TensorNode& node = Access::checked(probabilities);
  if (node.logits == nullptr || node.logits_of != function) return {};
  node.logits->references.fetch_add(1, std::memory_order_relaxed);
  detail::thread_list().bypass(probabilities);
  return Access::adopt(node.logits);
}

bool carries_logits(const Tensor& tensor) { return Access::checked(tensor).logits != nullptr; }

}  // namespace wengert
