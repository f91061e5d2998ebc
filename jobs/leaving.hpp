#pragma once
/// How the ranks of a job leave: what they say, and which exit code each returns.
#include <exception>

#include "unpact/comm/communicator.hpp"

namespace unpact {

/// An error that ranks may share. Made before the work, as the ranks need a line of their own to find out.
class SharedError {
 public:
  /// Collective over `world`, which must outlive it.
  explicit SharedError(const Communicator& world) : world_(world), line_(world.dup()) {}

  /// Ranks that come with their errors at about the same time leave in order: rank 0 speaks for all. A rank that fails alone,
  /// while others wait for it somewhere else, ends the job everywhere at once. @return its exit code.
  int report(const std::exception& error) const;

 private:
  bool all_come() const;

  const Communicator& world_;
  Communicator line_;
};

/// Rank 0 prints the error of all. @return its exit code.
int report_together(const Communicator& world, const std::exception& error);

/// The exit code of the job: rank 0's, or where that one is well that of the first rank that is not. Collective.
int shared_status(const Communicator& world, int own);

/// Ends the process, after MPI; nothing is tidied up at exit. Rank 0 alone returns the job's code, and last: a launcher that
/// ends a job with its first bad rank (mpirun, srun --kill-on-bad-exit) would kill ranks that are still leaving, and their
/// signal would hide the code.
[[noreturn]] void leave(int rank, int ranks, int status);

}  // namespace unpact
