#pragma once
/// Where a run's log files lie.
#include <filesystem>
#include <string>

namespace unpact::log {

/// rank-NNNN.log.
std::string file_of_rank(int rank);

/// Of runs that write into one folder at once each has logs of its own: `folder`, or `folder`/run-2, run-3, ... while others
/// live that have the former; where files cannot be locked, `folder`/HOST-PROCESS. Held until the process ends or asks again.
/// Called by rank 0 for all.
std::filesystem::path own_folder(const std::filesystem::path& folder);

}  // namespace unpact::log
