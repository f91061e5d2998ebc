#include "unpact/core/kept_memory.hpp"

#include <atomic>

#if defined(__GLIBC__)
#include <malloc.h>

#include "unpact/core/log.hpp"
#endif

namespace unpact {
#if defined(__GLIBC__)
namespace {

std::atomic<int> keepers{0};

// Blocks of at least so many bytes get pages of their own, which go back when they are freed; and so much free memory may
// lie at the heap's end. Once set, glibc no longer adapts them: what stays behind are the largest values that it would choose.
constexpr int kOwnPages = 1 << 30, kFreeEnd = 2147483647, kLastOwnPages = 32 << 20, kLastFreeEnd = 64 << 20;

void set_thresholds(int own_pages, int free_end) {
  static std::atomic<bool> warned{false};
  if (mallopt(M_MMAP_THRESHOLD, own_pages) == 1 && mallopt(M_TRIM_THRESHOLD, free_end) == 1) return;
  if (!warned.exchange(true))
    log::warn("the C library's allocator refuses to keep freed memory (mallopt): steps may be slower");
}

}  // namespace

KeptMemory::KeptMemory() {
  if (keepers++ == 0) set_thresholds(kOwnPages, kFreeEnd);
}

KeptMemory::~KeptMemory() {
  if (--keepers > 0) return;
  set_thresholds(kLastOwnPages, kLastFreeEnd);
  malloc_trim(0);
}
#else
KeptMemory::KeptMemory() {}
KeptMemory::~KeptMemory() {}
#endif
}  // namespace unpact
