#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include <wengert/nn/module.h>

namespace wengert::nn::detail {

/// Puts a module and all below back into the modes, training or evaluation, that each of them was in. Parts that were
/// put in the place of others meanwhile stay as they are.
class KeptModes : private Visitor {
 public:
  explicit KeptModes(Module& root);
  ~KeptModes() override;
  KeptModes(const KeptModes&) = delete;
  KeptModes& operator=(const KeptModes&) = delete;

 private:
  void module(std::string_view, Module& shown) override;
  void parameter(std::string_view, Parameter&, const Initializer&) override {}
  void put_back(Module& shown);

  Module& root_;
  std::vector<std::pair<const Module*, bool>> before_;
  bool goes_back_ = false;
};

}  // namespace wengert::nn::detail
