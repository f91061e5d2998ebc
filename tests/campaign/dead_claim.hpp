#pragma once
/// For tests: a claim whose holder is dead.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "unpact/campaign/claims.hpp"

namespace unpact::testing_support {

/// Taken by a process of this machine that ended as one does that is killed, as far as its files can tell.
inline void leave_claim_of_the_dead(const std::filesystem::path& folder, const std::string& name) {
  const auto child = ::fork();
  if (child == 0) {
    Claims claims(folder);
    const auto claim = claims.take(name);
    ::_exit(claim ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
}

}  // namespace unpact::testing_support
