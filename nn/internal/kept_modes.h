#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include <wengert/nn/module.h>

namespace wengert::nn::detail {

/// Puts a module and all below back into the modes, training or evaluation, that each of them was in.
class KeptModes : private Visitor {
 public:
  explicit KeptModes(Module& root) { module({}, root); }
  ~KeptModes() override {
    for (const auto& [module, training] : before_) {
      if (module->is_training() != training) module->training_.set(training);
    }
  }
  KeptModes(const KeptModes&) = delete;
  KeptModes& operator=(const KeptModes&) = delete;

 private:
  void module(std::string_view, Module& shown) override {
    before_.emplace_back(&shown, shown.is_training());
    shown.visit(*this);
  }
  void parameter(std::string_view, Parameter&, const Initializer&) override {}

  std::vector<std::pair<Module*, bool>> before_;
};

}  // namespace wengert::nn::detail
