#include <utility>

#include <wengert/autograd/internal/list.h>
#include <wengert/autograd/logits.h>

namespace wengert {

void detail::carry_logits(Tensor& probabilities, const Tensor& logits) {
  TensorNode* source = Access::node(logits);
  source->references.fetch_add(1, std::memory_order_relaxed);
  TensorNode* former = std::exchange(Access::node(probabilities)->logits, source);
  if (former != nullptr) release(former);
}

Tensor traced_logits(const Tensor& probabilities) {
  detail::TensorNode* logits = detail::Access::checked(probabilities).logits;
  if (logits == nullptr) return {};
  logits->references.fetch_add(1, std::memory_order_relaxed);
  detail::thread_list().bypass(probabilities);
  return detail::Access::adopt(logits);
}

}  // namespace wengert
