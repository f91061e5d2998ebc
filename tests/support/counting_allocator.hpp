#pragma once
/// For tests: the memory of all CPU tensors, counted.
#include <c10/core/CPUAllocator.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>

namespace unpact::testing_support {

/// Counts the bytes of all CPU tensors that are made while it is in place. Their sizes stand in front of them, so that it can
/// also serve who asks for memory without a tensor, as oneDNN's products in bfloat16 do.
class CountingAllocator final : public c10::Allocator {
 public:
  CountingAllocator() {
    base_ = c10::GetCPUAllocator();
    c10::SetCPUAllocator(this, kPriority);
  }
  ~CountingAllocator() override { c10::SetCPUAllocator(base_, kPriority); }

  c10::DataPtr allocate(std::size_t bytes) override {
    live += static_cast<std::int64_t>(bytes);
    peak = std::max(peak.load(), live.load());
    auto* front = static_cast<char*>(base_->raw_allocate(bytes + kFront));
    std::memcpy(front, &bytes, sizeof bytes);
    return {front + kFront, front + kFront, &give_back, at::kCPU};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &give_back; }
  void copy_data(void* to, const void* from, std::size_t bytes) const override { base_->copy_data(to, from, bytes); }

  static inline std::atomic<std::int64_t> live = 0, peak = 0;

 private:
  static constexpr std::uint8_t kPriority = 200;
  static constexpr std::size_t kFront = 64;  // keeps the alignment
  static void give_back(void* memory) {
    auto* front = static_cast<char*>(memory) - kFront;
    std::size_t bytes = 0;
    std::memcpy(&bytes, front, sizeof bytes);
    live -= static_cast<std::int64_t>(bytes);
    base_->raw_deallocate(front);
  }
  static inline c10::Allocator* base_ = nullptr;
};

/// Outlives every tensor that it made.
inline void count_allocations() { static CountingAllocator allocator; }

}  // namespace unpact::testing_support
