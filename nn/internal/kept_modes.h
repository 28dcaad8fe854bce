#pragma once

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include <wengert/nn/module.h>

namespace wengert::nn::detail {

/// Puts a module and all below back into the modes, training or evaluation, that each of them was in. Parts that were
/// put in the place of others meanwhile stay as they are.
class KeptModes : private Visitor {
 public:
  explicit KeptModes(Module& root) : root_(root) { module({}, root_); }
  ~KeptModes() override {
    goes_back_ = true;
    module({}, root_);
  }
  KeptModes(const KeptModes&) = delete;
  KeptModes& operator=(const KeptModes&) = delete;

 private:
  void module(std::string_view, Module& shown) override {
    if (goes_back_)
      put_back(shown);
    else
      before_.emplace_back(&shown, shown.is_training());
    shown.visit(*this);
  }
  void parameter(std::string_view, Parameter&, const Initializer&) override {}

  void put_back(Module& shown) {
    const auto known =
        std::find_if(before_.begin(), before_.end(), [&](const auto& entry) { return entry.first == &shown; });
    if (known != before_.end() && shown.is_training() != known->second) shown.training_.set(known->second);
  }

  Module& root_;
  std::vector<std::pair<const Module*, bool>> before_;
  bool goes_back_ = false;
};

}  // namespace wengert::nn::detail
