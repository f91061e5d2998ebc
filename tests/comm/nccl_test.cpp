/// What can be said of NCCL without a GPU; with GPUs, collectives_test.cpp runs its cases over it.
#include <gtest/gtest.h>

#ifdef UNPACT_HAS_NCCL
#include <nccl.h>

#include <fstream>
#include <set>
#include <string>

namespace unpact {
namespace {

TEST(Nccl, TheLibraryThatRunsIsTheOneThatWasCompiledAgainst) {
  int running = 0;
  ASSERT_EQ(ncclGetVersion(&running), ncclSuccess);
  EXPECT_EQ(running / 100, NCCL_VERSION_CODE / 100);
}

TEST(Nccl, TheProcessHoldsASingleCopy) {
  std::set<std::string> copies;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);)
    if (const auto path = line.find('/'); path != std::string::npos && line.find("/libnccl.so") != std::string::npos)
      copies.insert(line.substr(path));
  EXPECT_EQ(copies.size(), 1U) << testing::PrintToString(copies);
}

}  // namespace
}  // namespace unpact
#else
TEST(Nccl, IsBuiltIn) { GTEST_SKIP() << "this build has no NCCL"; }
#endif
