#include <algorithm>

#include <wengert/nn/internal/kept_modes.h>

namespace wengert::nn::detail {

KeptModes::KeptModes(Module& root) : root_(root) { KeptModes::module({}, root_); }

KeptModes::~KeptModes() {
  goes_back_ = true;
  KeptModes::module({}, root_);
}

void KeptModes::module(std::string_view, Module& shown) {
  if (goes_back_)
    put_back(shown);
  else
    before_.emplace_back(&shown, shown.is_training());
  shown.visit(*this);
}

void KeptModes::put_back(Module& shown) {
  const auto known =
      std::find_if(before_.begin(), before_.end(), [&](const auto& entry) { return entry.first == &shown; });
  if (known != before_.end() && shown.is_training() != known->second) shown.training_.set(known->second);
}

}  // namespace wengert::nn::detail
