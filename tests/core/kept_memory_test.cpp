#include "unpact/core/kept_memory.hpp"

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdlib>
#include <string>

namespace {
bool refuse_mallopt = false;
}

#if defined(__GLIBC__)
/// Before the C library's, which is asked unless the test wants a refusal.
extern "C" int mallopt(int parameter, int value) noexcept {
  if (refuse_mallopt) return 0;
  static const auto real = reinterpret_cast<int (*)(int, int)>(dlsym(RTLD_NEXT, "mallopt"));
  return real(parameter, value);
}
#endif

namespace unpact {
namespace {

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNPACT_ADDRESS_SANITIZER
#endif
#endif
#if !defined(__GLIBC__) || defined(__SANITIZE_ADDRESS__) || defined(UNPACT_ADDRESS_SANITIZER)
constexpr bool kGlibcAllocates = false;
#else
constexpr bool kGlibcAllocates = true;
#endif

constexpr std::size_t kBytes = std::size_t{40} << 20, kPage = 4096;

/// Pages that the system had to provide while a block was allocated, written and freed.
long pages_of_a_round() {
  rusage before{}, after{};
  getrusage(RUSAGE_SELF, &before);
  auto* const block =
      static_cast<volatile char*>(std::malloc(kBytes));  // volatile: else the compiler sees that nobody reads
  for (std::size_t at = 0; at < kBytes; at += kPage) block[at] = 1;
  std::free(const_cast<char*>(block));
  getrusage(RUSAGE_SELF, &after);
  return (after.ru_minflt - before.ru_minflt) + (after.ru_majflt - before.ru_majflt);
}

TEST(KeptMemory, FreedBlocksAreUsedAgain) {
  if (!kGlibcAllocates) GTEST_SKIP() << "another allocator";
  // Huge pages of 2 MiB, where the system gives them unasked, count as one: all bounds are far below that.
  constexpr long kFew = 8;
  { const KeptMemory fresh; }  // large blocks that other tests freed have raised glibc's thresholds: this sets them back
  EXPECT_GT(pages_of_a_round(), kFew);
  EXPECT_GT(pages_of_a_round(), kFew);
  {
    const KeptMemory outer;
    {
      const KeptMemory inner;
      pages_of_a_round();
      EXPECT_LE(pages_of_a_round(), kFew);
    }
    EXPECT_LE(pages_of_a_round(), kFew);
  }
  EXPECT_GT(pages_of_a_round(), kFew);
}

TEST(KeptMemory, WarnsOnceWhereTheAllocatorRefuses) {
  if (!kGlibcAllocates) GTEST_SKIP() << "another allocator";
  testing::internal::CaptureStderr();
  refuse_mallopt = true;
  for (int i = 0; i < 2; ++i) const KeptMemory kept;
  refuse_mallopt = false;
  const auto said = testing::internal::GetCapturedStderr();
  const auto first = said.find("mallopt");
  EXPECT_NE(first, std::string::npos) << said;
  EXPECT_EQ(said.find("mallopt", first + 1), std::string::npos) << said;
}

}  // namespace
}  // namespace unpact
