#pragma once

#include <map>
#include <string_view>

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
    if (!goes_back_) {
      before_.emplace(&shown, shown.is_training());
    } else if (const auto known = before_.find(&shown); known != before_.end()) {
      if (shown.is_training() != known->second) shown.training_.set(known->second);
    }
    shown.visit(*this);
  }
  void parameter(std::string_view, Parameter&, const Initializer&) override {}

  Module& root_;
  std::map<const Module*, bool> before_;
  bool goes_back_ = false;
};

}  // namespace wengert::nn::detail
