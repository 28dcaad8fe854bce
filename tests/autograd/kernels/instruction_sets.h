#pragma once

#include <cstdint>

#include <gtest/gtest.h>

#include <wengert/autograd/kernels/instruction_sets.h>  // before anything of Highway
// clang-format off
#include <hwy/targets.h>
// clang-format on

namespace wengert::kernels {

/// Runs `f` once with each instruction set that this machine has and the kernels were compiled for, the plain fallback
/// included. Kernels made within choose their code for it; afterwards everything is as before, also when `f` throws.
template <typename F>
void for_each_instruction_set(F f) {
  struct Use {
    explicit Use(std::int64_t target) { choose(target); }
    ~Use() { choose(0); }
    static void choose(std::int64_t target) {
      hwy::SetSupportedTargetsForTest(target);
      hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    }
  };
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    SCOPED_TRACE(hwy::TargetName(target));
    const Use use(target);
    f();
  }
}

}  // namespace wengert::kernels
