#include "unpact/comm/notice.hpp"

#include <exception>
#include <vector>

#include "unpact/core/error.hpp"

namespace unpact {

struct Notice::State {
  Communicator ranks;              // its own, so that its messages mix with no others
  std::vector<MPI_Request> sends;  // one a peer, when this rank has raised it
  std::vector<bool> heard;         // from which rank
  bool raised = false;

  bool alone() const { return ranks.size() == 1; }

  void receive(int source) {
    UNPACT_MPI(MPI_Recv(nullptr, 0, MPI_BYTE, source, 0, ranks.handle(), MPI_STATUS_IGNORE));
    heard[static_cast<std::size_t>(source)] = raised = true;
  }

  /// Every message that was sent is received before the communicator goes.
  void drain(const std::vector<std::string>& senders) {
    for (int rank = 0; rank < ranks.size(); ++rank)
      if (rank != ranks.rank() && !senders[static_cast<std::size_t>(rank)].empty() && !heard[static_cast<std::size_t>(rank)])
        receive(rank);
    if (!sends.empty()) UNPACT_MPI(MPI_Waitall(static_cast<int>(sends.size()), sends.data(), MPI_STATUSES_IGNORE));
  }
};

Notice::Notice(const Communicator& world) : state_(std::make_unique<State>()) {
  if (world.size() == 1) return;
  state_->ranks = world.dup();
  state_->heard.assign(static_cast<std::size_t>(world.size()), false);
}

Notice::~Notice() {
  if (state_->alone()) return;
  if (std::uncaught_exceptions() > 0) {
    state_.release();  // the other ranks do not come; the messages under way keep their memory
    return;
  }
  try {
    state_->drain(state_->ranks.all_gather(std::string(state_->sends.empty() ? "" : "raised")));
  } catch (const RuntimeFailure&) {
    // The job is ending: whoever uses the world next says why.
  }
}

void Notice::raise() {
  state_->raised = true;
  if (state_->alone() || !state_->sends.empty()) return;
  for (int rank = 0; rank < state_->ranks.size(); ++rank) {
    if (rank == state_->ranks.rank()) continue;
    UNPACT_MPI(MPI_Isend(nullptr, 0, MPI_BYTE, rank, 0, state_->ranks.handle(), &state_->sends.emplace_back()));
  }
}

bool Notice::is_raised() {
  int arrived = 1;
  while (!state_->alone() && arrived != 0) {
    MPI_Status status;
    UNPACT_MPI(MPI_Iprobe(MPI_ANY_SOURCE, 0, state_->ranks.handle(), &arrived, &status));
    if (arrived != 0) state_->receive(status.MPI_SOURCE);
  }
  return state_->raised;
}

}  // namespace unpact
