#pragma once
/// Kernels that give the same bits in every run.
#include <ATen/Context.h>

#include <optional>

namespace unpact {

/// While it lives, LibTorch chooses kernels without races: of attention's it has one of each kind, FlashAttention's backward
/// pass among them. The choice is the whole process's, so scopes are short: a block's forward or backward pass.
class DeterministicScope {
 public:
  explicit DeterministicScope(bool wanted) {
    if (!wanted) return;
    auto& context = at::globalContext();
    before_ = Before{context.deterministicAlgorithms(), context.deterministicAlgorithmsWarnOnly(),
                     context.deterministicFillUninitializedMemory()};
    context.setDeterministicAlgorithms(true, /*warn_only=*/false);
    context.setDeterministicFillUninitializedMemory(false);
  }
  ~DeterministicScope() {
    if (!before_) return;
    auto& context = at::globalContext();
    context.setDeterministicAlgorithms(before_->deterministic, before_->warn_only);
    context.setDeterministicFillUninitializedMemory(before_->fill);
  }
  DeterministicScope(const DeterministicScope&) = delete;
  DeterministicScope& operator=(const DeterministicScope&) = delete;

 private:
  struct Before {
    bool deterministic, warn_only, fill;
  };
  std::optional<Before> before_;
};

}  // namespace unpact
