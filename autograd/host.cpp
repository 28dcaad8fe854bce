#include <wengert/autograd/host.h>
#include <wengert/autograd/internal/capture.h>

namespace wengert {

HostFlag::HostFlag(bool value) : cell_(std::make_shared<bool>(value)) {}
HostFlag::HostFlag(const HostFlag& other) : HostFlag(other.get()) {}
HostFlag::HostFlag(HostFlag&& other) noexcept = default;
HostFlag::~HostFlag() = default;

HostFlag& HostFlag::operator=(const HostFlag& other) {
  if (this != &other) set(other.get());
  return *this;
}

bool HostFlag::get() const { return cell_ != nullptr && detail::read_flag(cell_); }

void HostFlag::set(bool value) {
  if (cell_ == nullptr) cell_ = std::make_shared<bool>(false);
  detail::set_flag(cell_, value);
}

Uncompiled::Uncompiled() noexcept : paused_(detail::Capture::exchange(nullptr)) {}
Uncompiled::~Uncompiled() { detail::Capture::exchange(paused_); }

}  // namespace wengert
