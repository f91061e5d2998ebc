#include "jobs/leaving.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <thread>

#include "unpact/comm/plain_words.hpp"
#include "unpact/core/clock.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/log.hpp"

namespace unpact {
namespace {

using std::chrono::milliseconds;

constexpr double kTogether = 0.8;  // seconds between ranks that fail alike

/// After an error something may be left that MPI_Finalize waits for in vain.
void end_in_time(int code) {
  std::thread([code] {
    std::this_thread::sleep_for(std::chrono::seconds(10));
    std::_Exit(code);
  }).detach();
}

}  // namespace

int report_together(const Communicator& world, const std::exception& error) {
  if (world.is_root()) log::error(message_for_user(error));
  return static_cast<int>(in_plain_words(error).code);
}

bool SharedError::all_come() const {
  MPI_Request request = MPI_REQUEST_NULL;
  UNPACT_MPI(MPI_Ibarrier(line_.handle(), &request));
  const Stopwatch watch;
  int arrived = 0;
  do {
    std::this_thread::sleep_for(milliseconds(1));
    UNPACT_MPI(MPI_Test(&request, &arrived, MPI_STATUS_IGNORE));
  } while (arrived == 0 && watch.seconds() < kTogether);
  return arrived != 0;
}

int SharedError::report(const std::exception& error) const {
  if (world_.size() == 1) return report_together(world_, error);
  const auto code = static_cast<int>(in_plain_words(error).code);
  try {
    if (all_come() && world_.max(std::int64_t{MpiSession::has_pending()}) == 0) {
      end_in_time(code);
      return report_together(world_, error);
    }
  } catch (const RuntimeFailure&) {
    // MPI itself is broken: what follows needs none.
  }
  // One after the other, so that an error that some share is printed by the first, which ends the others.
  std::this_thread::sleep_for(milliseconds(200 * std::min(world_.rank(), 25)));
  log::error(message_for_user(error));
  MpiSession::abort_all(code);
}

int shared_status(const Communicator& world, int own) {
  for (const double status : world.all_gather(static_cast<double>(own)))
    if (status != 0) return static_cast<int>(status);
  return 0;
}

void leave(int rank, int ranks, int status) {
  const bool spoken_for = ranks > 1 && status != 0 && rank != 0;
  if (ranks > 1 && status != 0 && rank == 0) std::this_thread::sleep_for(milliseconds(300));
  std::cout.flush();
  std::cerr.flush();
  std::fflush(nullptr);
  // LibTorch would tidy up its tables of operators for 0.1 s of CPU time, while others wait.
  std::_Exit(spoken_for ? 0 : status);
}

}  // namespace unpact
