#pragma once
/// A disk that fails, for tests: this library stands before the C library's calls that write, sync, create, rename and
/// remove, counts those below one folder, and lets one of them go wrong. Linked to a test it is armed by these functions,
/// preloaded into the program (LD_PRELOAD) by the environment:
///
///     UNPACT_DISK_FAULT   one of the names below      UNPACT_DISK_FAULT_CALL  which call, from 1
///     UNPACT_DISK_FOLDER  calls below this one count  UNPACT_DISK_FAULT_RANK  which MPI rank; without it all
///     UNPACT_DISK_DELAY   milliseconds that every counted call takes longer
#include <string>

namespace unpact::testing_support::disk_faults {

enum class Fault {
  none,         ///< counts alone
  no_space,     ///< the call fails with ENOSPC; removals do not count
  io_error,     ///< the call fails with EIO; removals do not count
  short_write,  ///< half of the bytes are written, and the next write fails with ENOSPC; writes alone count
  split_write,  ///< half of the bytes are written, the next write succeeds; writes alone count
  kill,         ///< the process is killed before the call; removals count, too
  hold,         ///< the call waits for release(); writes alone count
};

/// From now on calls below `folder` count; number `call` (from 1) goes wrong, once.
void arm(const std::string& folder, Fault fault, long call);
void disarm();
/// Counted calls since arm().
long calls();
/// Whether a call is waiting.
bool is_holding();
void release();

}  // namespace unpact::testing_support::disk_faults
