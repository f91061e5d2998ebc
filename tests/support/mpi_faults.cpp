/// A rank that fails inside a collective, for tests of the whole program: preloaded (LD_PRELOAD), it stands before
/// MPI_Iallgather, which moves the weights of a sharded model, and lets one call on one rank go wrong:
///
///     UNPACT_MPI_FAULT  error: the call fails; sleep: it is begun, then the rank sleeps for ten minutes; kill: it is begun,
///                       then the rank is killed
///     UNPACT_MPI_FAULT_RANK  the rank        UNPACT_MPI_FAULT_CALL  which call, from 1
#include <mpi.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>

namespace {

bool is_wanted(const char* fault) {
  const char* wanted = std::getenv("UNPACT_MPI_FAULT");
  return wanted != nullptr && std::strcmp(wanted, fault) == 0;
}

/// Whether this call is the one.
bool strikes() {
  static const char *rank = std::getenv("UNPACT_MPI_FAULT_RANK"), *call = std::getenv("UNPACT_MPI_FAULT_CALL");
  static long calls = 0;
  int mine = 0;
  PMPI_Comm_rank(MPI_COMM_WORLD, &mine);
  return rank != nullptr && call != nullptr && ++calls == std::atol(call) && mine == std::atoi(rank);
}

}  // namespace

extern "C" int MPI_Iallgather(const void* send, int send_count, MPI_Datatype send_type, void* receive, int receive_count,
                              MPI_Datatype receive_type, MPI_Comm group, MPI_Request* request) {
  const bool now = strikes();
  if (now && is_wanted("error")) return MPI_ERR_OTHER;
  const int code = PMPI_Iallgather(send, send_count, send_type, receive, receive_count, receive_type, group, request);
  if (now && is_wanted("kill")) ::raise(SIGKILL);
  if (now && is_wanted("sleep")) ::sleep(600);
  return code;
}
